//! Does all that the owner of a port should not: floods, runts, frames that are too long, addresses of others,
//! and whatever comes to mind in place of the cable's counts.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use a9n_random::Random;
use koito::{Environment, Missing};
use koito_ethernet::{Address, MOST_FRAME};
use network::{BABBLER, LISTENER, Port, TALKER, write};

nun::entry!(main, stack = 64 * 1024);

/// Bytes of the cable's counts, and of all of it.
const COUNTS: u64 = 128;
const ALL: u64 = 192 * 1024;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let mut port = Port::plug(&environment)?;
    let mut random = Random::new(0x6261_6262);
    let mut frame = [0; MOST_FRAME];
    loop {
        match random.below(64) {
            0 => {
                let end = if random.once_in(2) { COUNTS } else { ALL };
                let value = random.next() >> random.below(64);
                port.memory.write(8 * random.below(end / 8) as usize, value);
            }
            1 => port = Port::plug(&environment)?,
            2..8 => port.line.ring(),
            _ => {
                let number = random.next();
                let (to, from) = (address(&mut random), address(&mut random));
                let mut length = write(&mut frame, to, from, number);
                if random.once_in(4) {
                    length = random.below(MOST_FRAME as u64) as usize;
                }
                if !port.cable.send(frame.get(..length).unwrap_or_default()) {
                    port.line.ring();
                }
            }
        }
    }
}

/// Anybody's, everybody's, or nobody's.
fn address(random: &mut Random) -> Address {
    match random.below(6) {
        0 => TALKER,
        1 => LISTENER,
        2 | 3 => BABBLER,
        4 => Address([0xff; 6]),
        _ => Address::from_number(random.next()),
    }
}
