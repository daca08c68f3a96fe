//! The server that remembers what the victim did. Every client counts its numbers up from 1.
#![no_std]
#![no_main]

use core::cell::{Cell, RefCell};

use koito::{Environment, Missing, Server};
use nun::service::Caller;
use supervision::{Account, CLIENTS, Seen, Witness, WitnessServer};

nun::entry!(main);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let memory = Memory {
        accounts: RefCell::new([Account::default(); CLIENTS.len()]),
        last: RefCell::new([0; CLIENTS.len()]),
        over: Cell::new(false),
    };
    let error = Server::new(&environment).serve(&WitnessServer(memory), |_| {});
    panic!("the port is gone: {error}");
}

struct Memory {
    accounts: RefCell<[Account; CLIENTS.len()]>,
    /// The highest number of each client.
    last: RefCell<[u64; CLIENTS.len()]>,
    over: Cell<bool>,
}

impl Memory {
    fn place(client: u64) -> usize {
        CLIENTS.iter().position(|it| *it == client).expect("it is one of the clients")
    }
}

impl Witness for Memory {
    fn note(&self, _: Caller, client: u64, number: u64) {
        let place = Self::place(client);
        let account = &mut self.accounts.borrow_mut()[place];
        let last = &mut self.last.borrow_mut()[place];
        account.done += 1;
        account.twice += u64::from(number <= *last);
        *last = number.max(*last);
    }

    fn is_over(&self, _: Caller) -> bool {
        self.over.get()
    }

    fn finish(&self, _: Caller) {
        self.over.set(true);
    }

    fn report(&self, caller: Caller, seen: Seen) {
        self.accounts.borrow_mut()[Self::place(caller.client)].seen = Some(seen);
    }

    fn account(&self, _: Caller, place: u8) -> Account {
        self.accounts.borrow()[usize::from(place)]
    }
}
