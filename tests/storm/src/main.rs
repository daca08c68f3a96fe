//! Storms: on every CPU at once, processes of their own address spaces exchange messages, lose
//! pages, are stopped, moved and destroyed, each for a few seconds.
//!
//! Every storm has an outcome that a broken kernel misses: answers that fit the questions, a page
//! that nobody writes any more once it is gone, a process that stands still when it is stopped, and
//! memory that is whole again afterwards. Prints a line for each, like the conformance program.
#![no_std]
#![no_main]

mod arena;
mod shared;
mod storms;

use arena::Arena;
use nun::{InitInfo, StartError, entry, println};

nun::entry!(main, stack = 256 * 1024);

fn main(init: &'static InitInfo) -> Result<(), StartError> {
    let wanted = init.command_line().trim();
    let mut arena = Arena::new(init)?;
    let (mut passed, mut failed) = (0, 0);
    for (name, storm) in storms::ALL.iter().filter(|(name, _)| name.contains(wanted)) {
        let outcome = storm(&mut arena).and_then(|rounds| {
            arena.clear()?;
            Ok(rounds)
        });
        match outcome {
            Ok(rounds) => {
                println!("note {name}: {rounds} rounds");
                println!("case {name} ... ok");
                passed += 1;
            }
            Err(error) => {
                println!("case {name} ... FAILED: {error}");
                failed += 1;
            }
        }
    }
    println!("storm: {passed} passed, {failed} failed");
    if failed == 0 { Ok(()) } else { entry::fail() }
}
