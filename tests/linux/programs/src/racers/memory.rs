//! Memory that comes and goes while others run in the same address space, or have a copy of it.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use a9n_linux_programs::system::{exit, fork, map, unmap, wait};

use crate::{THREADS, done, together};

const PAGE: usize = 4096;
const PAGES: usize = 8;
/// How often each thread maps.
const TURNS: usize = 100;
/// What a child ends with that found all as it should be.
const GOOD: i32 = 3;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Threads map memory, fill it and give it back; counts those mappings that held what was put into them.
pub fn count_kept() -> u64 {
    COUNT.store(0, Ordering::Relaxed);
    together(THREADS, keep);
    COUNT.load(Ordering::Relaxed)
}

extern "C" fn keep(number: usize) -> ! {
    for turn in 0..TURNS {
        let memory = map(PAGES * PAGE);
        let tag = (number * TURNS + turn) as u8;
        if is_all(memory, 0) && fill(memory, tag) && is_all(memory, tag) {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
        unmap(memory);
    }
    done()
}

/// The same with children that change their copies; counts those turns after which both have their own.
pub fn count_apart() -> u64 {
    COUNT.store(0, Ordering::Relaxed);
    together(THREADS, part);
    COUNT.load(Ordering::Relaxed)
}

extern "C" fn part(number: usize) -> ! {
    let memory = map(PAGES * PAGE);
    for turn in 0..TURNS / 10 {
        let tag = (number * TURNS + turn) as u8;
        fill(memory, tag);
        let child = fork();
        if child == 0 {
            let good = is_all(memory, tag) && fill(memory, !tag) && is_all(memory, !tag);
            exit(if good { GOOD } else { 1 });
        }
        fill(memory, tag ^ 1);
        if wait(child) == GOOD << 8 && is_all(memory, tag ^ 1) {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
    }
    unmap(memory);
    done()
}

/// Writes a byte to each page.
fn fill(memory: &mut [u8], tag: u8) -> bool {
    memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = black_box(tag));
    true
}

fn is_all(memory: &[u8], tag: u8) -> bool {
    memory.iter().step_by(PAGE).all(|byte| *black_box(byte) == tag)
}
