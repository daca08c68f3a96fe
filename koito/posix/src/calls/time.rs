//! Clocks, sleep and alarms.

use koito_linux::Errno;

use crate::call::{Answer, Arguments, Stop};
use crate::server::{Server, TaskKey};

const NANOSECONDS: u64 = 1_000_000_000;
const MICROSECONDS: u64 = 1_000_000;
/// `TIMER_ABSTIME`.
const ABSOLUTE: u64 = 1;

/// A clock, as its number says: whether it is that of real time.
fn is_real(clock: u64) -> Result<bool, Errno> {
    match clock as u32 {
        0 | 5 | 11 => Ok(true),
        // Monotonic, of processes and threads, raw, coarse, with sleep.
        1 | 2 | 3 | 4 | 6 | 7 => Ok(false),
        _ => Err(Errno::EINVAL),
    }
}

/// Nanoseconds of a `timespec`.
pub fn nanoseconds([seconds, rest]: [u64; 2]) -> Result<u64, Errno> {
    if rest >= NANOSECONDS || seconds > i64::MAX as u64 {
        return Err(Errno::EINVAL);
    }
    Ok(seconds.saturating_mul(NANOSECONDS).saturating_add(rest))
}

/// What time it is.
pub fn clock_gettime(server: &mut Server, task: TaskKey, &[clock, to, ..]: &Arguments) -> Answer {
    let now = if is_real(clock)? { server.clock.real() } else { server.clock.now() };
    server.write_words(task, to, &[now / NANOSECONDS, now % NANOSECONDS])?;
    Ok(0)
}

/// How fine a clock is.
pub fn clock_getres(server: &mut Server, task: TaskKey, &[clock, to, ..]: &Arguments) -> Answer {
    is_real(clock)?;
    if to != 0 {
        server.write_words(task, to, &[0, 1])?;
    }
    Ok(0)
}

/// What time it is, as it used to be asked.
pub fn gettimeofday(server: &mut Server, task: TaskKey, &[to, zone, ..]: &Arguments) -> Answer {
    let now = server.clock.real();
    if to != 0 {
        server.write_words(task, to, &[now / NANOSECONDS, now % NANOSECONDS / 1000])?;
    }
    if zone != 0 {
        server.write_words(task, zone, &[0])?;
    }
    Ok(0)
}

/// What time it is, in seconds.
pub fn time(server: &mut Server, task: TaskKey, &[to, ..]: &Arguments) -> Answer {
    let seconds = server.clock.real() / NANOSECONDS;
    if to != 0 {
        server.write_words(task, to, &[seconds])?;
    }
    Ok(seconds)
}

/// Sleeps for a while.
pub fn nanosleep(server: &mut Server, task: TaskKey, &[wanted, rest, ..]: &Arguments) -> Answer {
    clock_nanosleep(server, task, &[1, 0, wanted, rest, 0, 0])
}

/// Sleeps until a time, or for a while.
pub fn clock_nanosleep(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[clock, flags, wanted, rest, ..] = arguments;
    let real = is_real(clock)?;
    let now = server.clock.now();
    if let Some(deadline) = server.tasks[task].deadline {
        return if deadline <= now { Ok(0) } else { Err(Stop::Wait) };
    }
    let wanted = nanoseconds(server.read_words(task, wanted)?)?;
    let deadline = match (flags & ABSOLUTE, real) {
        (0, _) => now.saturating_add(wanted),
        (_, false) => wanted,
        (_, true) => (now + wanted).saturating_sub(server.clock.real()),
    };
    if deadline <= now {
        return Ok(0);
    }
    if rest != 0 && flags & ABSOLUTE == 0 {
        // What a handler finds that interrupts it: nobody can tell sooner how much is left.
        let left = deadline - now;
        server.write_words(task, rest, &[left / NANOSECONDS, left % NANOSECONDS])?;
    }
    server.set_deadline(task, Some(deadline));
    Err(Stop::Wait)
}

/// A `timeval` of a duration.
const fn value(nanoseconds: u64) -> [u64; 2] {
    [nanoseconds / NANOSECONDS, nanoseconds % NANOSECONDS / 1000]
}

/// Duration of a `timeval`.
fn duration([seconds, micros]: [u64; 2]) -> Result<u64, Errno> {
    if micros >= MICROSECONDS {
        return Err(Errno::EINVAL);
    }
    nanoseconds([seconds, micros * 1000])
}

/// What is left until the alarm, and its period.
fn left(server: &Server, task: TaskKey) -> (u64, u64) {
    let now = server.clock.now();
    let alarm = server.process_of(task).alarm;
    alarm.map_or((0, 0), |(deadline, period)| (deadline.saturating_sub(now).max(1), period))
}

fn set_alarm(server: &mut Server, task: TaskKey, after: u64, period: u64) {
    let deadline = server.clock.now().saturating_add(after);
    server.process_of_mut(task).alarm = (after > 0).then_some((deadline, period));
    if after > 0 {
        server.arm(deadline);
    }
}

/// Sends the process a signal in so many seconds.
pub fn alarm(server: &mut Server, task: TaskKey, &[seconds, ..]: &Arguments) -> Answer {
    let (before, _) = left(server, task);
    set_alarm(server, task, u64::from(seconds as u32) * NANOSECONDS, 0);
    Ok(before.div_ceil(NANOSECONDS))
}

/// The same, finer and again and again. Of three timers there is the one of real time.
pub fn setitimer(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[which, new, old, ..] = arguments;
    if which != 0 {
        return Err(Errno::EINVAL.into());
    }
    let [period, period_rest, after, after_rest] = match new {
        0 => [0; 4],
        _ => server.read_words(task, new)?,
    };
    let (period, after) = (duration([period, period_rest])?, duration([after, after_rest])?);
    if old != 0 {
        getitimer(server, task, &[which, old, 0, 0, 0, 0])?;
    }
    set_alarm(server, task, after, period);
    Ok(0)
}

/// How that timer stands.
pub fn getitimer(server: &mut Server, task: TaskKey, &[which, to, ..]: &Arguments) -> Answer {
    if which != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (after, period) = left(server, task);
    let ([a, b], [c, d]) = (value(period), value(after));
    server.write_words(task, to, &[a, b, c, d])?;
    Ok(0)
}
