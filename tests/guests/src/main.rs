//! Checks virtual CPUs with tiny guests: named cases, one line each.
//!
//! Init is the monitor of every guest. What a case makes comes from one Generic, which is revoked before
//! the next: so every case also tests the end of a guest. Nothing here knows which vendor's
//! virtualisation is below.
//!
//! A word on the command line limits the run to the cases whose name contains it.
#![no_std]
#![no_main]
#![expect(clippy::result_large_err, reason = "without a heap, a failure's text is part of it")]

#[macro_use]
mod code;

mod cases;
mod guest;
mod program;
mod test;

use nun::{Error, InitInfo, entry, println};
use test::Test;

nun::entry!(main, stack = 256 * 1024);

fn main(init: &'static InitInfo) -> Result<(), Error> {
    let mut test = Test::new(init)?;
    if !test.has_guests()? {
        println!("guests: this machine has no virtualisation");
        entry::fail()
    }
    a9n_cases::run("guests", &mut test, cases::ALL, init.command_line().trim())
}
