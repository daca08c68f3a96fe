//! Attackers that do everything to break out, a victim that must not notice, and init, which keeps
//! the game going: it resolves their faults, restarts or abandons who faulted, takes whole worlds
//! away and builds them anew, and runs out of memory on purpose.
//!
//! Everything is random and nothing is left to chance: all numbers come from one seed, which a
//! number on the command line replaces. At the end stands how many kernel calls were made.
#![no_std]
#![no_main]

mod arena;
mod ballast;
mod shared;
mod world;

use arena::Arena;
use nun::{InitInfo, StartError, println};

nun::entry!(main, stack = 256 * 1024);

/// The usual seed.
const SEED: u64 = 0x2026_a9a9;
/// Calls after which it is enough.
const CALLS: u64 = 5_000_000;
/// Seconds after which it has to be.
const SECONDS: u64 = 60;

fn main(init: &'static InitInfo) -> Result<(), StartError> {
    let seed = init.command_line().trim().parse().unwrap_or(SEED);
    println!("hostile: seed {seed}, {} CPUs", init.cpus);
    let mut arena = Arena::new(init, seed)?;
    let end = nun::ticks() + SECONDS * init.ticks_per_second;
    while arena.calls() < CALLS && nun::ticks() < end {
        arena.handle_next()?;
    }
    let tally = arena.finish()?;
    println!(
        "hostile: {} faults, {} worlds, {} exhaustions, {} rounds of the victim, {} calls granted",
        tally.faults, tally.worlds, tally.exhaustions, tally.rounds, tally.granted
    );
    println!("hostile: {} calls, victim intact", tally.calls);
    Ok(())
}
