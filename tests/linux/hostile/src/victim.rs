//! A process that looks after what is its own: memory, a file, a pipe, the clock.

use core::convert::Infallible;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use a9n_linux_programs::system::{ftruncate, open, pipe, pread, read, rewind, write};
use linux_raw_sys::general as linux;

/// Bytes of its memory, and of its file.
const BYTES: usize = 64 << 10;
/// Its answer when there is no room on the disk, which is no fault of the system's.
const NO_SPACE: isize = -28;

/// What a victim shows to others: how often it went round, which step it is at, and what a step came to that is wrong.
pub struct Watched {
    /// How often all was well.
    pub rounds: &'static AtomicU64,
    /// What it is doing.
    pub step: &'static AtomicU64,
    /// What it found, if that is not as it should be.
    pub found: &'static AtomicU64,
}

/// What it does, in this order.
#[derive(Clone, Copy)]
enum Step {
    Memory,
    WritePipe,
    ReadPipe,
    WriteFile,
    ReadFile,
    Compare,
    Cut,
    Sleep,
}

const STEPS: [&str; 8] = [
    "its memory",
    "writing to its pipe",
    "reading from its pipe",
    "writing to its file",
    "reading from its file",
    "what its file says",
    "cutting its file",
    "its clock",
];

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [step, found] = [self.step, self.found].map(|it| it.load(Ordering::Relaxed));
        let step = STEPS.get(step as usize).unwrap_or(&"nothing");
        write!(f, "the victim was at {step}, which came to {}", found.cast_signed())
    }
}

/// Looks again and again, and counts; what is wrong ends it, with what was found: a byte's place, or an answer.
pub fn watch(it: &Watched) -> Result<Infallible, i64> {
    let begin = |step: Step| it.step.store(step as u64, Ordering::Relaxed);
    let moved = |answer: isize, bytes: usize| match answer == bytes as isize {
        true => Ok(()),
        false => Err(answer as i64),
    };
    let file = open(c"own", linux::O_RDWR | linux::O_CREAT);
    let [from, to] = pipe();
    let mut memory = [0_u8; BYTES];
    let mut copy = [0_u8; BYTES];
    let mut before = crate::now();
    let mut round = 0;
    loop {
        begin(Step::Memory);
        if round > 0 {
            same(&memory, round - 1)?;
        }
        memory.iter_mut().enumerate().for_each(|(at, byte)| *byte = pattern(round, at));
        begin(Step::WritePipe);
        moved(write(to, &memory[..4096]), 4096)?;
        begin(Step::ReadPipe);
        moved(read(from, &mut copy[..4096]), 4096)?;
        same(&copy[..4096], round)?;
        begin(Step::WriteFile);
        rewind(file);
        let written = write(file, &memory);
        if written == NO_SPACE {
            begin(Step::Cut);
            ftruncate(file, 0);
        } else {
            moved(written, BYTES)?;
            begin(Step::ReadFile);
            moved(pread(file, &mut copy), BYTES)?;
            begin(Step::Compare);
            same(&copy, round)?;
        }
        begin(Step::Sleep);
        crate::sleep(1);
        let now = crate::now();
        if now < before + 1_000_000 {
            return Err(now as i64 - before as i64);
        }
        before = now;
        it.rounds.fetch_add(1, Ordering::Relaxed);
        round += 1;
    }
}

/// Finds the first byte that is not as it was written in a round.
fn same(bytes: &[u8], round: u64) -> Result<(), i64> {
    let wrong = bytes.iter().enumerate().position(|(at, byte)| *byte != pattern(round, at));
    wrong.map_or(Ok(()), |at| Err(at as i64))
}

/// What byte `at` is in a round.
const fn pattern(round: u64, at: usize) -> u8 {
    (round as usize * 31 + at * 7 + (at >> 8)) as u8
}
