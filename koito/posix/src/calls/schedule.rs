//! How urgently processes and threads run, and where. Who is nice has shorter turns; other wishes are kept and told.

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::call::{Answer, Arguments};
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};

/// Bounds of how nice a process can be.
const NICEST: i32 = 19;
const LEAST_NICE: i32 = -20;

/// The processes that are meant: one, those of a group, or those of a user; 0 for the own.
fn meant(
    server: &Server,
    task: TaskKey,
    (which, who): (u64, u64),
) -> Result<Vec<ProcessKey>, Errno> {
    let own = server.process_of(task);
    let (number, group, user) = (own.number, own.group, own.owner.users[0]);
    let or = |own| if who as u32 == 0 { own } else { who as u32 };
    let all = server.processes.iter();
    let found: Vec<ProcessKey> = match which as u32 {
        0 => server.process(or(number)).into_iter().collect(),
        1 => server.numbers.members(or(group)).collect(),
        2 => all.filter(|(_, it)| it.owner.users[0] == or(user)).map(|(key, _)| key).collect(),
        _ => return Err(Errno::EINVAL),
    };
    let thread = server.numbers.thread(who as u32);
    match (found.is_empty(), which as u32, thread) {
        (false, ..) => Ok(found),
        (true, 0, Some(thread)) => Ok([server.tasks[thread].process].into()),
        _ => Err(Errno::ESRCH),
    }
}

/// How urgent a process is: 20 less how nice it is, the highest of several.
pub fn getpriority(server: &mut Server, task: TaskKey, &[which, who, ..]: &Arguments) -> Answer {
    let found = meant(server, task, (which, who))?;
    let nice = found.into_iter().map(|it| server.processes[it].wishes.nice).min();
    Ok((20 - nice.unwrap_or(0)) as u64)
}

/// Makes processes nicer, or less nice if they may be.
pub fn setpriority(
    server: &mut Server,
    task: TaskKey,
    &[which, who, nice, ..]: &Arguments,
) -> Answer {
    let nice = (nice as i32).clamp(LEAST_NICE, NICEST);
    let owner = &server.process_of(task).owner;
    let [real, effective, _] = owner.users;
    let mut result = Ok(0);
    for process in meant(server, task, (which, who))? {
        let it = &mut server.processes[process];
        if effective != 0 && ![real, effective].contains(&it.owner.users[1]) {
            result = Err(Errno::EPERM.into());
        } else if effective != 0 && nice < it.wishes.nice.min(it.limits.least_nice()) {
            result = Err(Errno::EACCES.into());
        } else {
            it.wishes.nice = nice;
            server.urge(process).map_err(|_| Errno::EPERM)?;
        }
    }
    result
}

/// Has a thread run on some processors only; at least one of them has to be there.
pub fn sched_setaffinity(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[who, bytes, from, ..] = arguments;
    if bytes < 8 {
        return Err(Errno::EINVAL.into());
    }
    let thread = meant_thread(server, task, who)?;
    let [wanted] = server.read_words(task, from)?;
    let objects = &mut server.world.objects;
    let allowed = wanted & objects.placement.all();
    let body = server.tasks[thread].body;
    if allowed == 0 || objects.allow(body, allowed).is_err() {
        return Err(Errno::EINVAL.into());
    }
    Ok(0)
}

/// On which processors a thread may run.
pub fn sched_getaffinity(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[who, bytes, to, ..] = arguments;
    if bytes < 8 || !bytes.is_multiple_of(8) {
        return Err(Errno::EINVAL.into());
    }
    let thread = meant_thread(server, task, who)?;
    let allowed = server.world.objects.placement.allowed(server.tasks[thread].body);
    server.write_words(task, to, &[allowed])?;
    Ok(8)
}

/// On which processor it runs.
pub fn getcpu(server: &mut Server, task: TaskKey, &[cpu, node, ..]: &Arguments) -> Answer {
    let own = server.world.objects.placement.cpu(server.tasks[task].body);
    for (at, number) in [(cpu, own as u32), (node, 0)] {
        if at != 0 {
            server.write_bytes(task, at, &number.to_le_bytes())?;
        }
    }
    Ok(0)
}

/// The thread that a call names; 0 for the caller.
fn meant_thread(server: &Server, task: TaskKey, who: u64) -> Result<TaskKey, Errno> {
    match who as u32 {
        0 => Ok(task),
        number => server.numbers.thread(number).ok_or(Errno::ESRCH),
    }
}

/// The process of a thread, as a call names it; 0 for the caller.
fn threads_process(server: &Server, task: TaskKey, who: u64) -> Result<ProcessKey, Errno> {
    if who as u32 == 0 {
        return Ok(server.tasks[task].process);
    }
    let thread = server.numbers.thread(who as u32).ok_or(Errno::ESRCH)?;
    Ok(server.tasks[thread].process)
}

/// How a thread is scheduled: as all are (`SCHED_OTHER`).
pub fn sched_getscheduler(server: &mut Server, task: TaskKey, &[who, ..]: &Arguments) -> Answer {
    threads_process(server, task, who)?;
    Ok(0)
}

/// Has a thread scheduled otherwise: only as all are.
pub fn sched_setscheduler(
    server: &mut Server,
    task: TaskKey,
    &[who, policy, at, ..]: &Arguments,
) -> Answer {
    threads_process(server, task, who)?;
    let mut priority = [0; 4];
    server.read_into(task, at, &mut priority)?;
    match (policy as u32, u32::from_le_bytes(priority)) {
        (0, 0) => Ok(0),
        (1 | 2, 1..=99) | (3 | 5, 0) => Err(Errno::EPERM.into()),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Sets its priority among those that have one.
pub fn sched_setparam(server: &mut Server, task: TaskKey, &[who, at, ..]: &Arguments) -> Answer {
    sched_setscheduler(server, task, &[who, 0, at, 0, 0, 0])
}

/// Its priority among those that have one.
pub fn sched_getparam(server: &mut Server, task: TaskKey, &[who, to, ..]: &Arguments) -> Answer {
    threads_process(server, task, who)?;
    server.write_bytes(task, to, &[0; 4])?;
    Ok(0)
}

/// How long it runs at a time when others want to.
pub fn sched_rr_get_interval(
    server: &mut Server,
    task: TaskKey,
    &[who, to, ..]: &Arguments,
) -> Answer {
    const QUANTUM: u64 = 10_000_000;
    threads_process(server, task, who)?;
    server.write_words(task, to, &[0, QUANTUM])?;
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
