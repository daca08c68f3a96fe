//! A server to try things out with: it answers, and fails when asked to.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::cell::Cell;

use koito::services::{Echo, EchoError, EchoServer};
use koito::{Environment, Missing, Server};
use nun::service::{Caller, String};

nun::entry!(main);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let service = EchoServer(State { asked: Cell::new(0) });
    let error = Server::new(&environment).serve(&service, |_| {});
    panic!("the port is gone: {error}");
}

/// What an instance remembers: a count, lost with it.
struct State {
    asked: Cell<u64>,
}

impl Echo for State {
    fn add(&self, _: Caller, a: u64, b: u64) -> Result<u64, EchoError> {
        a.checked_add(b).ok_or(EchoError::Overflow)
    }

    fn repeat(&self, _: Caller, text: String<128>) -> String<128> {
        text
    }

    fn count(&self, _: Caller) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.asked.get()
    }

    fn crash(&self, caller: Caller) {
        panic!("client {} asked for it", caller.client);
    }

    fn hang(&self, _: Caller) {
        loop {
            core::hint::spin_loop();
        }
    }
}
