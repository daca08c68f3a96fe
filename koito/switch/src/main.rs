//! The switch: each client that shares a channel with it has a port, and its frames go where they belong.
//!
//! Frames go from one client's memory to another's by a copy of its own, which nobody changes once it was
//! looked at. It waits for nobody: what a port has no room for is dropped, as switches do. Ports take turns.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod ports;

use core::cell::RefCell;

use koito::services::{Switch, SwitchPort, SwitchServer};
use koito::{Environment, Missing, Server};
use koito_ethernet::Address;
use nun::service::Caller;
use ports::Ports;

nun::entry!(main, stack = 64 * 1024);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let ports = RefCell::new(Ports::new(&environment)?);
    // Who sent before this instance began does not ring again.
    ports.borrow_mut().carry();
    let error = Server::new(&environment)
        .serve(&SwitchServer(Shared(&ports)), |_| ports.borrow_mut().carry());
    panic!("the port is gone: {error}");
}

struct Shared<'a>(&'a RefCell<Ports>);

impl Switch for Shared<'_> {
    fn address(&self, caller: Caller) -> u64 {
        let port = self.0.borrow().of(caller.client);
        port.map_or(0, |index| Address::of_port(index).number())
    }

    fn port(&self, _: Caller, index: u8) -> Option<SwitchPort> {
        self.0.borrow().status(index.into())
    }
}
