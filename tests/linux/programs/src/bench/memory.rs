//! What it costs to touch memory for the first time.

use a9n_linux_programs::println;
use a9n_linux_programs::system::{close, exit, fork, map, pipe, read, ticks, unmap, wait};

use crate::{PAGE, ROUNDS, watch};

/// Pages that are touched in a row: too few for a large page, so that every one is a fault.
const PAGES: usize = 256;

/// Measures both kinds of fault.
pub fn all() {
    anonymous();
    copied();
}

/// A page that is zero until somebody writes to it.
fn anonymous() {
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let memory = map(PAGES * PAGE);
        best = best.min(touch(memory));
        unmap(memory);
    }
    let memory = map(PAGES * PAGE);
    watch("fault.anonymous", PAGES, || {
        touch(memory);
    });
    unmap(memory);
    println!("bench fault.anonymous {best}");
}

/// A page that parent and child share until one of them writes to it.
fn copied() {
    let memory = map(PAGES * PAGE);
    touch(memory);
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        with_a_copy(|| best = best.min(touch(memory)));
    }
    with_a_copy(|| {
        watch("fault.copied", PAGES, || {
            touch(memory);
        });
    });
    unmap(memory);
    println!("bench fault.copied {best}");
}

/// Does something while a child shares all memory, which does nothing.
fn with_a_copy(work: impl FnOnce()) {
    let [from, to] = pipe();
    let child = fork();
    if child == 0 {
        close(to);
        read(from, &mut [0]);
        exit(0);
    }
    work();
    close(to);
    close(from);
    wait(child);
}

/// The mean ticks of writing to each page once.
fn touch(memory: &mut [u8]) -> u64 {
    let begun = ticks();
    for page in memory.chunks_mut(PAGE) {
        page[0] = 1;
    }
    (ticks() - begun) / PAGES as u64
}
