//! Whether two CPUs agree on the time.
//!
//! They read their time-stamp counters in turn, many times. If both counted alike, no reading
//! would be below the one before; by how much one is, so far they are apart at least.

use core::arch::asm;
use core::hint::spin_loop;
use core::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use a9n_hal::Ticks;

use crate::clock;

/// Readings that each of the two takes.
const READINGS: u32 = 64;

/// Readings taken so far.
static TAKEN: AtomicU32 = AtomicU32::new(0);
/// The last of them.
static LATEST: AtomicU64 = AtomicU64::new(0);
/// Most that a reading was below the one before.
static WORST: AtomicU64 = AtomicU64::new(0);

/// Which of the two CPUs this is.
#[derive(Clone, Copy)]
pub enum Side {
    /// The one that boots, which reads first.
    Boot = 0,
    /// The one that was started.
    Started = 1,
}

/// Prepares for another comparison, while no second CPU takes part.
pub fn reset() {
    TAKEN.store(0, Relaxed);
    LATEST.store(0, Relaxed);
}

/// Takes part in a comparison. Both sides have to. When the boot side is done, so is the other,
/// which reads last.
pub fn compare(side: Side) {
    let mut turn = side as u32;
    while turn < 2 * READINGS {
        wait_for(turn);
        let reading = ordered_now();
        let behind = LATEST.load(Relaxed).saturating_sub(reading);
        WORST.store(WORST.load(Relaxed).max(behind), Relaxed);
        LATEST.store(reading, Relaxed);
        TAKEN.store(turn + 1, Release);
        turn += 2;
    }
    if let Side::Boot = side {
        wait_for(2 * READINGS);
    }
}

/// Waits until so many readings have been taken.
fn wait_for(count: u32) {
    while TAKEN.load(Acquire) != count {
        spin_loop();
    }
}

/// How far any two CPUs that were compared are known to be apart.
pub fn worst() -> Ticks {
    WORST.load(Relaxed)
}

/// The time, read neither before what comes first nor after what comes next.
fn ordered_now() -> Ticks {
    // SAFETY: does nothing but wait for what comes before.
    unsafe { asm!("lfence", options(nostack, preserves_flags)) };
    let now = clock::now();
    // SAFETY: as above.
    unsafe { asm!("lfence", options(nostack, preserves_flags)) };
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_take_their_turns_and_one_clock_agrees_with_itself() {
        reset();
        std::thread::scope(|scope| {
            scope.spawn(|| compare(Side::Started));
            compare(Side::Boot);
        });
        assert_eq!(TAKEN.load(Relaxed), 2 * READINGS);
        assert!(LATEST.load(Relaxed) <= clock::now());
    }
}
