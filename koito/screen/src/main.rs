//! The screen: text on the framebuffer that the firmware left. On a machine without one it ends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod pixels;

use core::cell::RefCell;

use koito::services::{Logger, Screen, ScreenServer, TEXT_BYTES};
use koito::{Environment, Missing, Server};
use koito_terminal::{Cell, GLYPH_HEIGHT, GLYPH_WIDTH, Grid, Painter, Terminal};
use nun::service::{Caller, String};
use pixels::Pixels;

nun::entry!(main, stack = 1020 * 1024);

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
    let mut cells = [Cell::EMPTY; CELLS];
    let mut shown = [Cell::EMPTY; CELLS];
    let mut display = Display {
        terminal: Terminal::new(Grid::new(&mut cells, columns, rows)),
        painter: Painter::new(Grid::new(&mut shown, columns, rows)),
        pixels: Pixels::black(layout),
    };
    display.write("");
    log.line(format_args!("{} by {} pixels", layout.width, layout.height));
    let service = ScreenServer(Shared(RefCell::new(display)));
    let error = Server::new(&environment).serve(&service, |_| {});
    panic!("the port is gone: {error}");
}

/// What the screen shows, and how it gets there.
struct Display<'a> {
    terminal: Terminal<'a>,
    painter: Painter<'a>,
    pixels: Pixels,
}

impl Display<'_> {
    fn write(&mut self, text: &str) {
        self.terminal.write(text.as_bytes());
        self.painter.paint(&self.terminal, &mut self.pixels);
    }
}

struct Shared<'a>(RefCell<Display<'a>>);

impl Screen for Shared<'_> {
    fn write(&self, _: Caller, text: String<TEXT_BYTES>) {
        self.0.borrow_mut().write(&text);
    }
}
