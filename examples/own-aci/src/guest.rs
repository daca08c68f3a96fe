//! A process that keeps to the conventions of this system.
#![no_std]
#![no_main]

mod aci;
mod inside;

use aci::ask;
use inside::SYSTEM;
use nun::{Error, Message};

nun::entry!(main, stack = 16384);

fn main() -> Result<(), Error> {
    inside::settle_in();
    let words: [u64; 100] = core::array::from_fn(|index| index as u64);
    let reply = SYSTEM.call(&Message::long(ask::SUM, &words))?;
    assert_eq!(reply.words()[0], 4950);
    // Nobody comes back from this.
    SYSTEM.call(&Message::new(ask::END, [])).map(|_| ())
}
