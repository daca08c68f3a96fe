//! The meter: how many instructions the kernel executes at a stretch.
//!
//! A stretch begins with the first instruction of the kernel after a program's, and ends where
//! the next interrupt can come in: at the return to a program, or where the CPU halts. Waiting
//! for another CPU is left out, but for one round: how long that takes is that CPU's stretch.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::block::{Block, Kind};

/// CPUs that are measured.
const CPUS: usize = 64;
/// Instructions of the longest loop that waits.
const LOOP: u64 = 200;

/// The stretch that a CPU is in.
struct Stretch {
    count: u64,
    blocks: Vec<Block>,
    /// Instructions and blocks at the last time that it waited.
    waited: Option<(u64, usize)>,
}

/// The longest stretch of a load.
#[derive(Default)]
struct Longest {
    count: u64,
    blocks: Vec<Block>,
}

/// The number of the load, from 1 on; 0 before the first one.
static LOAD: AtomicU32 = AtomicU32::new(0);
static STRETCHES: [Mutex<Stretch>; CPUS] = [const { Mutex::new(Stretch::new()) }; CPUS];
static LONGEST: Mutex<BTreeMap<u32, Longest>> = Mutex::new(BTreeMap::new());
static REPORT: Mutex<String> = Mutex::new(String::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names the file that the report goes to.
pub fn set_report(file: &str) {
    file.clone_into(&mut lock(&REPORT));
}

/// `cpu` executes `block`.
pub fn execute(cpu: usize, block: Block) {
    let mut stretch = lock(&STRETCHES[cpu % CPUS]);
    match block.kind {
        Kind::User => stretch.end(),
        Kind::Mark => {
            stretch.end();
            LOAD.store(block.address, Relaxed);
        }
        Kind::Kernel => stretch.add(block),
        Kind::Pause => {
            stretch.add(block);
            stretch.wait();
        }
        Kind::End => {
            stretch.add(block);
            stretch.end();
        }
    }
}

impl Stretch {
    const fn new() -> Self {
        Self { count: 0, blocks: Vec::new(), waited: None }
    }

    fn add(&mut self, block: Block) {
        if LOAD.load(Relaxed) == 0 {
            return;
        }
        self.count += u64::from(block.count);
        self.blocks.push(block);
    }

    /// It waits. If it did so a moment ago, this is another round of the same loop.
    fn wait(&mut self) {
        match self.waited {
            Some((count, blocks)) if self.count - count < LOOP => {
                self.count = count;
                self.blocks.truncate(blocks);
            }
            _ => self.waited = Some((self.count, self.blocks.len())),
        }
    }

    fn end(&mut self) {
        let load = LOAD.load(Relaxed);
        if load != 0 && self.count != 0 {
            let mut all = lock(&LONGEST);
            let longest = all.entry(load).or_default();
            if self.count > longest.count {
                longest.count = self.count;
                longest.blocks.clone_from(&self.blocks);
            }
        }
        self.count = 0;
        self.blocks.clear();
        self.waited = None;
    }
}

/// Writes the report: a line for each load, with its number, the instructions of its longest
/// stretch, the address where that began, and `address:instructions` for each of its blocks.
pub fn report() {
    let mut text = String::new();
    for (load, longest) in &*lock(&LONGEST) {
        let mut places = BTreeMap::<u32, u64>::new();
        for block in &longest.blocks {
            *places.entry(block.address).or_default() += u64::from(block.count);
        }
        let entry = longest.blocks.first().map_or(0, |block| block.address);
        // Writing to a string never fails.
        let _ = write!(text, "{load} {} {entry:x}", longest.count);
        for (address, count) in places {
            let _ = write!(text, " {address:x}:{count}");
        }
        text.push('\n');
    }
    if let Err(error) = std::fs::write(&*lock(&REPORT), text) {
        eprintln!("the meter cannot write its report: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(kind: Kind, count: u16) -> Block {
        Block { address: 0x1000, count, kind }
    }

    #[test]
    fn the_longest_stretch_counts_and_waiting_does_not() {
        execute(0, block(Kind::Kernel, 9999));
        execute(0, Block { address: 7, count: 3, kind: Kind::Mark });
        execute(0, block(Kind::Kernel, 20));
        execute(1, block(Kind::Kernel, 50));
        for _ in 0..100 {
            execute(1, block(Kind::Kernel, 4));
            execute(1, block(Kind::Pause, 2));
        }
        execute(1, block(Kind::End, 5));
        execute(1, block(Kind::Kernel, 7));
        execute(1, block(Kind::User, 1));
        execute(0, block(Kind::Kernel, 30));
        execute(0, block(Kind::End, 10));
        let counts: Vec<(u32, u64)> =
            lock(&LONGEST).iter().map(|(load, longest)| (*load, longest.count)).collect();
        assert_eq!(counts, [(7, 61)]);
    }
}
