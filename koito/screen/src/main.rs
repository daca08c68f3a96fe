//! The screen: text on the framebuffer that the firmware left. On a machine without one it ends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod pixels;

use core::cell::RefCell;

use koito::services::{ANSWER_BYTES, Logger, Screen, ScreenServer, ScreenSize, TEXT_BYTES};
use koito::{Environment, Missing, Server, Session, Sessions};
use koito_terminal::{Cell, GLYPH_HEIGHT, GLYPH_WIDTH, Grid, Painter, Terminal};
use nun::service::{Caller, String, Vec};
use pixels::Pixels;

nun::entry!(main, stack = 2044 * 1024);

/// Most cells; what of a screen lies below stays black.
const CELLS: usize = 24 * 1024;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let log = Logger::new(environment.service("log")?);
    let Some(layout) = environment.framebuffer else {
        log.line(format_args!("there is no framebuffer"));
        return Ok(());
    };
    let (columns, rows) =
        (layout.width as usize / GLYPH_WIDTH, layout.height as usize / GLYPH_HEIGHT);
    let mut pictures = [[Cell::EMPTY; CELLS]; 5];
    let [system, system_alternate, login, login_alternate, shown] =
        pictures.each_mut().map(|cells| Grid::new(cells, columns, rows));
    let mut display = Display {
        system: Terminal::with_alternate(system, system_alternate),
        login: Terminal::with_alternate(login, login_alternate),
        front: Session::System,
        painter: Painter::new(shown),
        pixels: Pixels::black(layout),
    };
    display.paint();
    log.line(format_args!("{} by {} pixels", layout.width, layout.height));
    let display = RefCell::new(display);
    let service = ScreenServer(Shared { display, sessions: Sessions::new(&environment) });
    let error = Server::new(&environment).serve(&service, |_| {});
    panic!("the port is gone: {error}");
}

/// What the screen shows, and how it gets there.
struct Display<'a> {
    system: Terminal<'a>,
    login: Terminal<'a>,
    front: Session,
    painter: Painter<'a>,
    pixels: Pixels,
}

impl<'a> Display<'a> {
    /// Changes what a session shows.
    fn change<T>(&mut self, session: Session, how: impl FnOnce(&mut Terminal<'a>) -> T) -> T {
        let result = how(match session {
            Session::System => &mut self.system,
            Session::Login => &mut self.login,
        });
        if self.front == session {
            self.paint();
        }
        result
    }

    fn paint(&mut self) {
        let terminal = match self.front {
            Session::System => &self.system,
            Session::Login => &self.login,
        };
        self.painter.paint(terminal, &mut self.pixels);
    }
}

struct Shared<'a> {
    display: RefCell<Display<'a>>,
    sessions: Sessions<'a>,
}

impl Screen for Shared<'_> {
    fn write(&self, caller: Caller, text: String<TEXT_BYTES>) {
        let write = |terminal: &mut Terminal<'_>| terminal.write(text.as_bytes());
        self.display.borrow_mut().change(self.sessions.of(caller), write);
    }

    fn write_bytes(&self, caller: Caller, bytes: Vec<u8, TEXT_BYTES>) -> Vec<u8, ANSWER_BYTES> {
        let write = |terminal: &mut Terminal<'_>| {
            terminal.write_raw(&bytes);
            terminal.take_answers()
        };
        self.display.borrow_mut().change(self.sessions.of(caller), write)
    }

    fn size(&self, _: Caller) -> ScreenSize {
        let display = self.display.borrow();
        let grid = display.system.grid();
        ScreenSize { rows: grid.rows() as u16, columns: grid.columns() as u16 }
    }

    fn show(&self, _: Caller, session: u8) {
        let display = &mut *self.display.borrow_mut();
        display.front = match session {
            0 => Session::System,
            _ => Session::Login,
        };
        display.paint();
    }
}
