//! The system as a program sees it: what it has, chance.

use koito_linux::Errno;
use koito_posix_core::PAGE_BYTES;

use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Most random bytes at a time.
const MOST_RANDOM: u64 = 256;
const NANOSECONDS: u64 = 1_000_000_000;

/// What the machine has.
pub fn sysinfo(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    let uptime = server.clock.now() / NANOSECONDS;
    let (all, free) = server.world.vfs.pages.pages();
    let [all, free] = [all, free].map(|pages| pages as u64 * PAGE_BYTES);
    let processes = server.processes.len() as u64;
    let words = [uptime, 0, 0, 0, all, free, 0, 0, 0, 0, processes, 0, 0, 1];
    server.write_words(task, to, &words)?;
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

/// The execution domain: Linux's own.
pub fn personality(_: &mut Server, _: TaskKey, &[wanted, ..]: &Arguments) -> Answer {
    const ASK: u32 = u32::MAX;
    if matches!(wanted as u32, 0 | ASK) { Ok(0) } else { Err(Errno::EINVAL.into()) }
}
