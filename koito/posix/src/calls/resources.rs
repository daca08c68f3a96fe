//! What processes may use, and what they have used.

use koito_linux::Errno;
use koito_posix_core::PAGE_BYTES;

use crate::account::Faults;
use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

const NANOSECONDS: u64 = 1_000_000_000;
/// Ticks of `times`, in nanoseconds.
const TICK: u64 = NANOSECONDS / 100;

/// Tells a limit, and sets it, also of another process.
pub fn prlimit64(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[number, kind, new, old, ..] = arguments;
    let own = server.tasks[task].process;
    let process = match number {
        0 => own,
        _ => server.process(number as u32).ok_or(Errno::ESRCH)?,
    };
    let before = server.processes[process].limits.get(kind)?;
    if new != 0 {
        let wanted = server.read_words(task, new)?;
        let owner = &server.processes[own].owner;
        let privileged = owner.users[1] == 0;
        if !privileged && owner.users[0] != server.processes[process].owner.users[0] {
            return Err(Errno::EPERM.into());
        }
        server.processes[process].limits.set(kind, wanted, privileged)?;
        server.attend_cpu_limit(process);
    }
    if old != 0 {
        server.write_words(task, old, &before)?;
    }
    Ok(0)
}

/// Tells a limit.
pub fn getrlimit(server: &mut Server, task: TaskKey, &[kind, to, ..]: &Arguments) -> Answer {
    prlimit64(server, task, &[0, kind, 0, to, 0, 0])
}

/// Sets a limit.
pub fn setrlimit(server: &mut Server, task: TaskKey, &[kind, from, ..]: &Arguments) -> Answer {
    prlimit64(server, task, &[0, kind, from, 0, 0, 0])
}

/// Bytes of a `struct rusage`, and words of it.
pub const USAGE_BYTES: usize = 144;

/// A `struct rusage`: time of the processor, the most memory, in KiB, and faults.
pub fn usage(nanoseconds: u64, kibibytes: u64, faults: Faults) -> [u8; USAGE_BYTES] {
    let mut bytes = [0; USAGE_BYTES];
    let (seconds, microseconds) = (nanoseconds / NANOSECONDS, nanoseconds % NANOSECONDS / 1000);
    let Faults { minor, major } = faults;
    let words = [seconds, microseconds, 0, 0, kibibytes, 0, 0, 0, minor, major];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// What the process, its children or the thread have used.
pub fn getrusage(server: &mut Server, task: TaskKey, &[who, to, ..]: &Arguments) -> Answer {
    const CHILDREN: i32 = -1;
    const THREAD: i32 = 1;
    let process = server.tasks[task].process;
    let nanoseconds = match who as i32 {
        0 => server.used_by(process),
        CHILDREN => server.used_by_children(process),
        THREAD => server.used_by_task(task),
        _ => return Err(Errno::EINVAL.into()),
    };
    let pages = match who as i32 {
        CHILDREN => 0,
        _ => server.spaces[server.processes[process].space].pages.within(0..u64::MAX).count(),
    };
    let account = &server.processes[process].account;
    let faults = if who as i32 == CHILDREN { account.faults_of_children } else { account.faults };
    let told = usage(nanoseconds, pages as u64 * PAGE_BYTES / 1024, faults);
    server.write_bytes(task, to, &told)?;
    Ok(0)
}

/// What the process and its children have used of the processor, and the time since the start.
pub fn times(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    if to != 0 {
        let process = server.tasks[task].process;
        let (own, children) = (server.used_by(process), server.used_by_children(process));
        server.write_words(task, to, &[own / TICK, 0, children / TICK, 0])?;
    }
    Ok(server.clock.now() / TICK)
}
