//! Bombs: more and more of something, until there is no more.

use a9n_linux_programs::system::{Descriptor, fork, pipe, read, write};
use a9n_random::Random;
use linux_raw_sys::general as linux;

use crate::raw::{call, call2, map, poke};

/// Bytes that are mapped at a time.
const PIECE: usize = 1 << 20;
/// Bytes over which pages are strewn, and how far apart they are.
const FAR: usize = 16 << 30;
const STRIDE: usize = 2 << 20;
/// Processes of a chain.
const DEPTH: usize = 60;

/// Each process forks as often as it may.
pub fn processes(_: u64) -> ! {
    loop {
        fork();
    }
}

/// Each takes what memory there is, and keeps it.
pub fn memory(seed: u64) -> ! {
    let mut random = Random::new(seed);
    loop {
        let flags = if random.once_in(4) { linux::MAP_SHARED } else { linux::MAP_PRIVATE };
        let start = map(PIECE, linux::PROT_READ | linux::PROT_WRITE, flags);
        if start > 0 {
            for page in (0..PIECE).step_by(4096) {
                poke(start as usize + page, 1);
            }
        } else if random.once_in(8) {
            fork();
        }
    }
}

/// Each touches a page here and there: what says where pages are takes more memory than they do.
pub fn tables(seed: u64) -> ! {
    let mut random = Random::new(seed);
    let protection = linux::PROT_READ | linux::PROT_WRITE;
    loop {
        let flags = [linux::MAP_PRIVATE, linux::MAP_SHARED][random.below(2) as usize];
        let start = map(FAR, protection, flags | linux::MAP_NORESERVE);
        for place in (0..FAR).step_by(STRIDE) {
            if start > 0 {
                poke(start as usize + place, 1);
            }
        }
    }
}

/// Each opens what it can, and doubles with all of it.
pub fn descriptors(seed: u64) -> ! {
    let mut random = Random::new(seed);
    loop {
        let mut pair = [0_i32; 2];
        let place = pair.as_mut_ptr() as usize;
        let answer = match random.below(5) {
            0 => call2(linux::__NR_pipe2, place, 0),
            1 => call(linux::__NR_socketpair, [1, 1, 0, place, 0, 0]),
            2 => call2(linux::__NR_eventfd2, 0, 0),
            3 => call2(linux::__NR_epoll_create1, 0, 0),
            _ => call2(linux::__NR_open, c"/dev/ptmx".as_ptr() as usize, 2),
        };
        if answer < 0 && random.once_in(32) {
            fork();
        }
    }
}

/// A chain of processes, each of which hands on what it reads; what comes out goes in again.
pub fn pipes(_: u64) -> ! {
    let [first, begin] = pipe();
    let mut input = first;
    for _ in 0..DEPTH {
        let [output, into] = pipe();
        if fork() == 0 {
            hand_on(input, into);
        }
        input = output;
    }
    write(begin, &[7; 4096]);
    hand_on(input, begin)
}

fn hand_on(from: Descriptor, to: Descriptor) -> ! {
    let mut bytes = [0; 1024];
    loop {
        let count = read(from, &mut bytes).max(0) as usize;
        write(to, &bytes[..count]);
    }
}
