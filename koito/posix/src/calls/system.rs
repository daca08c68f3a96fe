//! The system as a program sees it: its name, its limits, what it has.

use koito_linux::Errno;
use koito_posix_core::PAGE_BYTES;

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

/// What was used: nobody counts.
pub fn getrusage(server: &mut Server, task: TaskKey, &[_, to, ..]: &Arguments) -> Answer {
    server.write_bytes(task, to, &[0; 144])?;
    Ok(0)
}

/// Times of the processor, of which nobody keeps account, and the time since the start.
pub fn times(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    if to != 0 {
        server.write_words(task, to, &[0; 4])?;
    }
    Ok(server.clock.now() / (NANOSECONDS / 100))
}

/// What the machine has.
pub fn sysinfo(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    let uptime = server.clock.now() / NANOSECONDS;
    let pool = &server.world.vfs.pages.pool;
    let (all, free) = (pool.len() as u64 * PAGE_BYTES, pool.free() as u64 * PAGE_BYTES);
    let processes = server.processes.iter().count() as u64;
    let words = [uptime, 0, 0, 0, all, free, 0, 0, 0, 0, processes, 0, 0, 1];
    server.write_words(task, to, &words)?;
    Ok(0)
}

/// How urgent a process is: as any other.
pub fn getpriority(_: &mut Server, _: TaskKey, _: &Arguments) -> Answer {
    Ok(20)
}

/// Has a thread run on some processors only: there is the first, which has to be among them.
pub fn sched_setaffinity(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[_, bytes, from, ..] = arguments;
    if bytes < 8 {
        return Err(Errno::EINVAL.into());
    }
    let [processors] = server.read_words(task, from)?;
    if processors & 1 == 0 { Err(Errno::EINVAL.into()) } else { Ok(0) }
}

/// On which processors a thread may run.
pub fn sched_getaffinity(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[_, bytes, to, ..] = arguments;
    if bytes < 8 || !bytes.is_multiple_of(8) {
        return Err(Errno::EINVAL.into());
    }
    server.write_words(task, to, &[1])?;
    Ok(8)
}

/// On which processor it runs.
pub fn getcpu(server: &mut Server, task: TaskKey, &[cpu, node, ..]: &Arguments) -> Answer {
    for at in [cpu, node] {
        if at != 0 {
            server.write_bytes(task, at, &[0; 4])?;
        }
    }
    Ok(0)
}

/// Wishes of a process about itself: its name.
pub fn prctl(server: &mut Server, task: TaskKey, &[what, at, ..]: &Arguments) -> Answer {
    const SET_NAME: u64 = 15;
    const GET_NAME: u64 = 16;
    match what {
        SET_NAME => {
            let bytes = server.read_bytes(task, at, 16)?;
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(15);
            server.process_of_mut(task).name = bytes[..end].to_vec();
            Ok(0)
        }
        GET_NAME => {
            let mut name = server.process_of(task).name.clone();
            name.resize(16, 0);
            server.write_bytes(task, at, &name)?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL.into()),
    }
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

/// How a thread is scheduled: as all are (`SCHED_OTHER`).
pub fn sched_getscheduler(_: &mut Server, _: TaskKey, _: &Arguments) -> Answer {
    Ok(0)
}

/// Its priority among those that have one.
pub fn sched_getparam(server: &mut Server, task: TaskKey, &[_, to, ..]: &Arguments) -> Answer {
    server.write_bytes(task, to, &[0; 4])?;
    Ok(0)
}

/// The highest and the lowest of these priorities.
pub fn sched_get_priority_max(_: &mut Server, _: TaskKey, &[policy, ..]: &Arguments) -> Answer {
    match policy as u32 {
        0 | 3 | 5 => Ok(0),
        1 | 2 => Ok(99),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// See above.
pub fn sched_get_priority_min(_: &mut Server, _: TaskKey, &[policy, ..]: &Arguments) -> Answer {
    match policy as u32 {
        0 | 3 | 5 => Ok(0),
        1 | 2 => Ok(1),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// The execution domain: Linux's own.
pub fn personality(_: &mut Server, _: TaskKey, &[wanted, ..]: &Arguments) -> Answer {
    const ASK: u32 = u32::MAX;
    if matches!(wanted as u32, 0 | ASK) { Ok(0) } else { Err(Errno::EINVAL.into()) }
}
