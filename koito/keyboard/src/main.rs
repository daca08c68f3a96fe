//! The keyboard: keys by interrupt, as the bytes that a terminal sends. On a machine without a
//! controller for it, it ends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod controller;

use core::cell::RefCell;

use controller::Controller;
use koito::services::{KEY_BYTES, Keyboard, KeyboardServer, Logger};
use koito::{Environment, Missing, Server};
use koito_terminal::Keys;
use nun::executor::{Timers, until};
use nun::heapless::Deque;
use nun::service::{Caller, Vec};

nun::entry!(main);

/// Bytes that nobody has read; further keys are lost.
const INPUT: usize = 256;
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
    let board = Board { controller, keys: Keys::new(), input: Deque::new() };
    let service = KeyboardServer(Shared(RefCell::new(board)));
    let attend = || {
        service.0.0.borrow_mut().attend();
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
    keys: Keys,
    input: Deque<u8, INPUT>,
}

impl Board {
    /// Takes what the device has.
    fn attend(&mut self) {
        while let Some(code) = self.controller.receive() {
            let sent = self.keys.take(code);
            if self.input.len() + sent.len() <= INPUT {
                // There is room for all of it: no key comes in part.
                self.input.extend(sent);
            }
        }
    }

    /// What was typed, if anything was.
    fn typed(&mut self) -> Option<Vec<u8, KEY_BYTES>> {
        let mut typed = Vec::new();
        while !typed.is_full()
            && let Some(byte) = self.input.pop_front()
        {
            // There is room.
            let _ = typed.push(byte);
        }
        (!typed.is_empty()).then_some(typed)
    }
}

struct Shared(RefCell<Board>);

impl Keyboard for Shared {
    async fn read(&self, _: Caller) -> Vec<u8, KEY_BYTES> {
        until(|| self.0.borrow_mut().typed()).await
    }
}
