//! The server that is killed, crashes and hangs.
#![no_std]
#![no_main]

use koito::{Environment, Missing, Server};
use nun::service::{Caller, String};
use supervision::{Victim, VictimServer, WitnessClient};

nun::entry!(main);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let witness = WitnessClient::new(environment.service("witness")?);
    let error = Server::new(&environment).serve(&VictimServer(Doomed { witness }), |_| {});
    panic!("the port is gone: {error}");
}

struct Doomed {
    witness: WitnessClient,
}

impl Victim for Doomed {
    fn add(&self, _: Caller, a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }

    fn repeat(&self, _: Caller, text: String<100>) -> String<100> {
        text
    }

    fn record(&self, caller: Caller, number: u64) {
        self.witness.note(caller.client, number).expect("the witness lives");
    }

    fn crash(&self, _: Caller) {
        nun::breakpoint();
    }

    fn hang(&self, _: Caller) {
        loop {
            core::hint::spin_loop();
        }
    }
}
