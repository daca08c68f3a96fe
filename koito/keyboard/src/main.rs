//! The keyboard: keys by interrupt, as the bytes that a terminal sends. Alt-F1 and Alt-F2 choose the session that
//! they are for, and that the screen shows. On a machine without a controller for it, it ends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod controller;

use core::cell::RefCell;

use controller::Controller;
use koito::services::{Keyboard, KeyboardServer, Keys, Logger, ScreenClient};
use koito::{Environment, Missing, Server, Session, Sessions, Typed};
use koito_terminal::{Keys as Decoder, Stroke};
use nun::executor::{Timers, until};
use nun::service::Caller;

nun::entry!(main);

/// The signal of the controller's interrupt: the first of the manifest entry.
const INTERRUPT: u64 = 1;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let log = Logger::new(environment.service("log")?);
    let (data, data_port) = environment.io_ports(0)?;
    let (command, command_port) = environment.io_ports(1)?;
    let interrupt = environment.interrupt(0)?;
    let Some(controller) = Controller::start((data, data_port), (command, command_port)) else {
        log.line(format_args!("there is no keyboard controller"));
        return Ok(());
    };
    let screen = environment.service("screen").ok().map(ScreenClient::new);
    let board = RefCell::new(Board {
        controller,
        screen,
        decoder: Decoder::new(),
        system: Typed::new(environment.epoch),
        login: Typed::new(environment.epoch),
        front: Session::System,
        is_chosen: false,
    });
    let service = KeyboardServer(Shared { board, sessions: Sessions::new(&environment) });
    let attend = || {
        service.0.board.borrow_mut().attend();
        interrupt.acknowledge().expect("the interrupt is the component's own");
    };
    // It may have been raised while nobody was there.
    attend();
    let signals = |bits| {
        if bits & INTERRUPT != 0 {
            attend();
        }
    };
    let error = Server::new(&environment).serve_waiting(&service, signals, &Timers::new(), &());
    panic!("the port is gone: {error}");
}

/// The device, and what was typed.
struct Board {
    controller: Controller,
    /// What shows the session in front.
    screen: Option<ScreenClient>,
    decoder: Decoder,
    system: Typed,
    login: Typed,
    front: Session,
    /// Whether somebody pressed a key that chooses.
    is_chosen: bool,
}

impl Board {
    /// Takes what the device has.
    fn attend(&mut self) {
        while let Some(code) = self.controller.receive() {
            match self.decoder.take(code) {
                Stroke::Sends(bytes) => self.typed(self.front).add(&bytes),
                Stroke::Chooses(number) => {
                    self.is_chosen = true;
                    self.choose(if number == 1 { Session::Login } else { Session::System });
                }
            }
        }
    }

    /// Brings a session to the front.
    fn choose(&mut self, session: Session) {
        self.front = session;
        // A machine may have no screen.
        let _ = self.screen.as_ref().map(|screen| screen.show(session as u8));
    }

    fn typed(&mut self, session: Session) -> &mut Typed {
        match session {
            Session::System => &mut self.system,
            Session::Login => &mut self.login,
        }
    }
}

struct Shared<'a> {
    board: RefCell<Board>,
    sessions: Sessions<'a>,
}

impl Keyboard for Shared<'_> {
    async fn read(&self, caller: Caller, taken: u64) -> Keys {
        let session = self.sessions.of(caller);
        let reading = self.board.borrow_mut().typed(session).begin();
        until(|| self.board.borrow_mut().typed(session).answer(reading, taken)).await
    }

    fn look(&self, caller: Caller, taken: u64) -> Keys {
        self.board.borrow_mut().typed(self.sessions.of(caller)).look(taken)
    }

    fn come_forward(&self, caller: Caller) {
        let board = &mut *self.board.borrow_mut();
        if !board.is_chosen {
            board.choose(self.sessions.of(caller));
        }
    }
}
