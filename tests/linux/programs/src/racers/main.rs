//! Threads and processes that get in each other's way, on as many CPUs as there are, and count what came of it. Every
//! kernel has to come to the same numbers, however its CPUs' work falls together.
//!
//! The argument says how often everything is done; the sums of all rounds are printed.

#![no_std]
#![no_main]

mod ends;
mod memory;
mod sharing;

use core::sync::atomic::{AtomicU32, Ordering};

use a9n_linux_programs::system::{exit_thread, futex_wait, futex_wake, thread};
use a9n_linux_programs::{Arguments, entry, println};

entry!(main);

/// Threads of each process that has several.
const THREADS: usize = 4;

/// Runs once, and answers what came out: always the same.
type Race = fn() -> u64;

/// All races, by their names.
const RACES: [(&str, Race); 8] = [
    ("counted under a lock", sharing::count_locked),
    ("through a pipe", sharing::sum_piped),
    ("signals heard", sharing::count_signals),
    ("mappings kept", memory::count_kept),
    ("copies apart", memory::count_apart),
    ("killed", ends::count_killed),
    ("ended by a thread", ends::count_ended),
    ("replaced by a thread", ends::count_replaced),
];

fn main(arguments: Arguments) -> i32 {
    let first = arguments.get(1).unwrap_or(c"1");
    if first == ends::REPLACED {
        return ends::REPLACED_STATUS;
    }
    let rounds = first.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    for (name, race) in RACES {
        let sum: u64 = (0..rounds).map(|_: u32| race()).sum();
        println!("{name}: {sum}");
    }
    0
}

/// Runs `entry`, which calls [`done`] at last, in that many threads, which are told their numbers; waits for all.
fn together(count: usize, entry: extern "C" fn(usize) -> !) {
    LEFT.store(count as u32, Ordering::Relaxed);
    for number in 0..count {
        assert!(thread(entry, number) > 0, "no thread");
    }
    loop {
        match LEFT.load(Ordering::Acquire) {
            0 => return,
            left => futex_wait(&LEFT, left),
        };
    }
}

/// Threads that are not done.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Ends a thread of those that work together.
fn done() -> ! {
    LEFT.fetch_sub(1, Ordering::Release);
    futex_wake(&LEFT, 1);
    exit_thread()
}
