//! A process that looks after what is its own: memory, a file, a pipe, the clock.

use core::convert::Infallible;
use core::sync::atomic::{AtomicU64, Ordering};

use a9n_linux_programs::system::{ftruncate, open, pipe, pread, read, rewind, write};
use linux_raw_sys::general as linux;

/// Bytes of its memory, and of its file.
const BYTES: usize = 64 << 10;
/// Its answer when there is no room on the disk, which is no fault of the system's.
const NO_SPACE: isize = -28;

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Memory = 1,
    Pipe,
    Clock,
    Writing,
    File,
}

impl Wrong {
    /// What it is called, by its number; 0 is nothing.
    pub const fn name(number: u64) -> &'static str {
        match number {
            0 => "nothing",
            1 => "its memory changed",
            2 => "its pipe lost something",
            3 => "its clock went too slowly",
            4 => "its file could not be written",
            _ => "its file changed",
        }
    }
}

/// Looks again and again, and counts; what is wrong ends it.
pub fn watch(rounds: &AtomicU64) -> Result<Infallible, Wrong> {
    let file = open(c"own", linux::O_RDWR | linux::O_CREAT);
    let [from, to] = pipe();
    let mut memory = [0_u8; BYTES];
    let mut copy = [0_u8; BYTES];
    let mut before = crate::now();
    let mut round = 0;
    loop {
        if memory.iter().enumerate().any(|(at, byte)| round > 0 && *byte != pattern(round - 1, at))
        {
            return Err(Wrong::Memory);
        }
        memory.iter_mut().enumerate().for_each(|(at, byte)| *byte = pattern(round, at));
        let piece = &memory[..4096];
        if write(to, piece) != 4096
            || read(from, &mut copy[..4096]) != 4096
            || copy[..4096] != *piece
        {
            return Err(Wrong::Pipe);
        }
        if !keep(file, &memory, &mut copy)? {
            ftruncate(file, 0);
        }
        crate::sleep(1);
        let now = crate::now();
        if now < before + 1_000_000 {
            return Err(Wrong::Clock);
        }
        before = now;
        rounds.fetch_add(1, Ordering::Relaxed);
        round += 1;
    }
}

/// Writes the memory to the file and reads it again; whether there was room.
fn keep(file: i32, memory: &[u8], copy: &mut [u8]) -> Result<bool, Wrong> {
    rewind(file);
    match write(file, memory) {
        NO_SPACE => return Ok(false),
        written if written != memory.len() as isize => return Err(Wrong::Writing),
        _ => {}
    }
    if pread(file, copy) != copy.len() as isize || copy != memory {
        return Err(Wrong::File);
    }
    Ok(true)
}

/// What byte `at` is in a round.
const fn pattern(round: u64, at: usize) -> u8 {
    (round as usize * 31 + at * 7 + (at >> 8)) as u8
}
