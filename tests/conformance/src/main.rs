//! Checks that the kernel does what its interface says: named cases, one line each.
//!
//! Init runs every case at the highest priority, with threads of its own address space as
//! partners. What a case makes comes from one Generic, which is revoked before the next: so each
//! case begins with the same memory and empty slots, and every case also tests destruction.
//!
//! A word on the command line limits the run to the cases whose name contains it.
#![no_std]
#![no_main]
#![expect(clippy::result_large_err, reason = "without a heap, a failure's text is part of it")]

mod bodies;
mod cases;
mod cells;
mod machine;
mod test;

use nun::{Error, InitInfo};
use test::Test;

nun::entry!(main, stack = 256 * 1024);

fn main(init: &'static InitInfo) -> Result<(), Error> {
    let mut test = Test::new(init)?;
    a9n_cases::run("conformance", &mut test, cases::ALL, init.command_line().trim())
}
