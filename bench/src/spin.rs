//! Being interrupted: what an interrupt costs shows as a gap in the time of who runs.

use crate::machine::stamp;

/// More ticks than a turn of the loop takes, and fewer than an interrupt.
const LONG: u32 = 150;

/// Spins until something takes the CPU away; answers the last reading of the counter before that,
/// and the first after it.
pub fn wait_for_gap() -> (u32, u32) {
    let mut last = stamp();
    loop {
        let now = stamp();
        if now.wrapping_sub(last) > LONG {
            return (last, now);
        }
        last = now;
    }
}

/// Spins for so many ticks; answers how long the CPU was away when it was last taken away.
pub fn last_gap(ticks: u32) -> u32 {
    let start = stamp();
    let (mut last, mut gap) = (start, 0);
    while last.wrapping_sub(start) < ticks {
        let now = stamp();
        if now.wrapping_sub(last) > LONG {
            gap = now.wrapping_sub(last);
        }
        last = now;
    }
    gap
}
