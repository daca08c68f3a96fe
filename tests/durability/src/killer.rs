//! Kills the driver and the file server at random moments, now and then both at once, or the driver with the PCI
//! server before or after it, for as long as somebody writes.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use a9n_random::Random;
use koito::services::{Condition, SupervisorClient};
use koito::{Environment, Missing, sleep};
use nun::ticks;

nun::entry!(main);

/// For how many milliseconds nobody dies, at most. A device needs 100 for its reset.
const LONGEST_LIFE: u64 = 250;
/// Every so many times driver and file server die at once, and each of the others.
const TWO_EVERY: u64 = 8;
/// Who writes.
const WRITER: &str = "writer";
/// The seed of all random moments.
const SEED: u64 = 0x2545_f491_4f6c_dd1d;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let supervisor = SupervisorClient::new(environment.service("supervisor")?);
    // Who does not run dies another time.
    let kill = |name: &str| {
        let _ = supervisor.kill(name.chars().collect());
    };
    let mut random = Random::new(SEED);
    let writes = || {
        let mut all = (0..).map_while(|index| supervisor.status(index).ok());
        all.any(|it| it.name == WRITER && it.condition == Condition::Running)
    };
    for round in (1_u64..).take_while(|_| writes()) {
        let chance = random.next();
        let life = environment.ticks(chance % LONGEST_LIFE);
        sleep(ticks() + life).expect("it has an alarm");
        match round % TWO_EVERY {
            0 => ["files", "disk"].into_iter().for_each(kill),
            // The device is to be brought to rest by somebody who is not there, or not for long.
            3 => ["pci", "disk"].into_iter().for_each(kill),
            5 => ["disk", "pci"].into_iter().for_each(kill),
            _ => kill(if chance & 1 << 40 == 0 { "disk" } else { "files" }),
        }
    }
    Ok(())
}
