//! The system as a program sees it: its name, its time, its limits.

use koito_linux::Errno;

use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Bytes of one name of `uname`.
const NAME_BYTES: usize = 65;
/// Most random bytes at a time.
const MOST_RANDOM: u64 = 256;
const NANOSECONDS: u64 = 1_000_000_000;

/// What the system is called. Programs decide by the release what they can expect.
pub fn uname(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    let names = ["Linux", "koito", "6.1.0-a9n", "#1 A9N", "x86_64", "(none)"];
    let mut bytes = [0; 6 * NAME_BYTES];
    for (place, name) in bytes.chunks_exact_mut(NAME_BYTES).zip(names) {
        place[..name.len()].copy_from_slice(name.as_bytes());
    }
    server.write_bytes(task, to, &bytes)?;
    Ok(0)
}

/// What time it is.
pub fn clock_gettime(server: &mut Server, task: TaskKey, &[clock, to, ..]: &Arguments) -> Answer {
    let now = match clock {
        // Real time, and coarse.
        0 | 5 => server.clock.real(),
        // Monotonic, raw, coarse, with sleep; of processes and threads.
        1 | 4 | 6 | 7 | 2 | 3 => server.clock.now(),
        _ => return Err(Errno::EINVAL.into()),
    };
    server.write_words(task, to, &[now / NANOSECONDS, now % NANOSECONDS])?;
    Ok(0)
}

/// Limits: they are what they are.
pub fn prlimit64(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    const STACK: u64 = 3;
    const FILES: u64 = 7;
    let &[_, resource, _, old, ..] = arguments;
    let limits = match resource {
        STACK => [8 << 20, u64::MAX],
        FILES => [1024, 4096],
        0..16 => [u64::MAX; 2],
        _ => return Err(Errno::EINVAL.into()),
    };
    if old != 0 {
        server.write_words(task, old, &limits)?;
    }
    Ok(0)
}

/// Random bytes.
pub fn getrandom(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[to, length, ..] = arguments;
    let length = length.min(MOST_RANDOM) as usize;
    let mut bytes = [0; MOST_RANDOM as usize];
    for chunk in bytes[..length.next_multiple_of(16)].chunks_exact_mut(16) {
        chunk.copy_from_slice(&server.clock.random());
    }
    server.write_bytes(task, to, &bytes[..length])?;
    Ok(length as u64)
}
