//! Timers, as programs ask for them: of a process, with a number, or as a file.

use koito_linux::Errno;
use koito_posix_core::Signal;
use koito_vfs::{Flags, OnExec, Timer};

use super::time::{ABSOLUTE, clock, nanoseconds};
use crate::call::{Answer, Arguments};
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};
use crate::timers::{Alarm, Counted, Ring};

const NANOSECONDS: u64 = 1_000_000_000;
const MICROSECONDS: u64 = 1_000_000;
/// Timers of a process, at most.
const MOST: usize = 64;

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

/// What a timer of `setitimer` counts.
fn interval(which: u64) -> Result<Counted, Errno> {
    match which {
        0 => Ok(Counted::Time),
        1 | 2 => Ok(Counted::Work),
        _ => Err(Errno::EINVAL),
    }
}

/// What is left of one, and its period.
fn left(server: &Server, process: ProcessKey, which: u64) -> Result<(u64, u64), Errno> {
    let now = server.counted(process, interval(which)?);
    Ok(server.processes[process].timers.intervals[which as usize].left(now))
}

fn set_interval(
    server: &mut Server,
    process: ProcessKey,
    which: u64,
    (after, period): (u64, u64),
) -> Result<(), Errno> {
    let counted = interval(which)?;
    let deadline = server.counted(process, counted).saturating_add(after);
    let timer = Timer::new((after > 0).then_some(deadline), period);
    server.processes[process].timers.intervals[which as usize] = timer;
    server.attend_timer(process, counted, &timer);
    Ok(())
}

/// Sends the process a signal in so many seconds.
pub fn alarm(server: &mut Server, task: TaskKey, &[seconds, ..]: &Arguments) -> Answer {
    let process = server.tasks[task].process;
    let (before, _) = left(server, process, 0)?;
    set_interval(server, process, 0, (u64::from(seconds as u32) * NANOSECONDS, 0))?;
    Ok(before.div_ceil(NANOSECONDS))
}

/// The same, finer and again and again; of time, or of the processor's.
pub fn setitimer(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[which, new, old, ..] = arguments;
    interval(which)?;
    let [period, period_rest, after, after_rest] = match new {
        0 => [0; 4],
        _ => server.read_words(task, new)?,
    };
    let times = (duration([after, after_rest])?, duration([period, period_rest])?);
    if old != 0 {
        getitimer(server, task, &[which, old, 0, 0, 0, 0])?;
    }
    let process = server.tasks[task].process;
    set_interval(server, process, which, times)?;
    Ok(0)
}

/// How such a timer stands.
pub fn getitimer(server: &mut Server, task: TaskKey, &[which, to, ..]: &Arguments) -> Answer {
    let process = server.tasks[task].process;
    let (after, period) = left(server, process, which)?;
    let ([a, b], [c, d]) = (value(period), value(after));
    server.write_words(task, to, &[a, b, c, d])?;
    Ok(0)
}

/// What a `struct sigevent` asks for.
fn ring(server: &mut Server, task: TaskKey, at: u64, number: u64) -> Result<(Ring, u64), Errno> {
    const SIGNAL: u32 = 0;
    const NONE: u32 = 1;
    const THREAD: u32 = 4;
    if at == 0 {
        return Ok((Ring::Process(Signal::ALARM), number));
    }
    let [value, how, thread] = server.read_words(task, at)?;
    let signal = Signal::new(how & u64::from(u32::MAX));
    let ring = match (how >> 32) as u32 {
        NONE => Ring::Silent,
        SIGNAL => Ring::Process(signal?),
        THREAD => {
            let process = server.tasks[task].process;
            let mut threads = server.tasks_of(process).into_iter();
            if !threads.any(|task| server.tasks[task].number == thread as u32) {
                return Err(Errno::EINVAL);
            }
            Ring::Thread(thread as u32, signal?)
        }
        _ => return Err(Errno::EINVAL),
    };
    Ok((ring, value))
}

/// Makes a timer with a number, which is not set.
pub fn timer_create(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[number, event, to, ..] = arguments;
    let clock = clock(server, task, number)?;
    let process = server.tasks[task].process;
    if clock.process != process {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let alarms = &server.processes[process].timers.alarms;
    let place = alarms.iter().position(Option::is_none).unwrap_or(alarms.len());
    if place >= MOST {
        return Err(Errno::EAGAIN.into());
    }
    let (ring, value) = ring(server, task, event, place as u64)?;
    server.write_bytes(task, to, &(place as u32).to_le_bytes())?;
    let counted = clock.counted;
    let alarm = Alarm { counted, ring, value, timer: Timer::default(), overrun: 0 };
    let alarms = &mut server.processes[process].timers.alarms;
    if place == alarms.len() {
        alarms.push(None);
    }
    alarms[place] = Some(alarm);
    Ok(0)
}

/// The timer with a number.
fn alarm_of(server: &Server, task: TaskKey, number: u64) -> Result<Alarm, Errno> {
    let alarms = &server.process_of(task).timers.alarms;
    alarms.get(number as u32 as usize).copied().flatten().ok_or(Errno::EINVAL)
}

/// A timer as an `itimerspec` sets it: what counts real time is told when it rings in time since the start.
fn wanted(
    server: &mut Server,
    task: TaskKey,
    (counted, at): (Counted, u64),
    is_absolute: bool,
) -> Result<Timer, Errno> {
    let [a, b, c, d] = server.read_words(task, at)?;
    let (period, after) = (nanoseconds([a, b])?, nanoseconds([c, d])?);
    if after == 0 {
        return Ok(Timer::new(None, period));
    }
    let now = server.counted(server.tasks[task].process, counted);
    let deadline = match (is_absolute, counted) {
        (false, _) => now.saturating_add(after),
        (true, Counted::RealTime) => {
            now.saturating_add(after).saturating_sub(server.clock.real()).max(1)
        }
        (true, _) => after,
    };
    Ok(Timer::new(Some(deadline), period))
}

/// Writes how a timer stands, as an `itimerspec`.
fn tell(server: &mut Server, task: TaskKey, (timer, now): (Timer, u64), to: u64) -> Answer {
    let (after, period) = timer.left(now);
    let split = |time: u64| [time / NANOSECONDS, time % NANOSECONDS];
    let ([a, b], [c, d]) = (split(period), split(after));
    server.write_words(task, to, &[a, b, c, d])?;
    Ok(0)
}

/// Sets a timer with a number.
pub fn timer_settime(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[number, flags, new, old, ..] = arguments;
    let alarm = alarm_of(server, task, number)?;
    let timer = wanted(server, task, (alarm.counted, new), flags & ABSOLUTE != 0)?;
    if old != 0 {
        timer_gettime(server, task, &[number, old, 0, 0, 0, 0])?;
    }
    let process = server.tasks[task].process;
    let place = number as u32 as usize;
    server.processes[process].timers.alarms[place] = Some(Alarm { timer, overrun: 0, ..alarm });
    server.attend_timer(process, alarm.counted, &timer);
    Ok(0)
}

/// How a timer with a number stands.
pub fn timer_gettime(server: &mut Server, task: TaskKey, &[number, to, ..]: &Arguments) -> Answer {
    let alarm = alarm_of(server, task, number)?;
    let now = server.counted(server.tasks[task].process, alarm.counted);
    tell(server, task, (alarm.timer, now), to)
}

/// How often it rang beside the ring that its last signal told.
pub fn timer_getoverrun(server: &mut Server, task: TaskKey, &[number, ..]: &Arguments) -> Answer {
    Ok(alarm_of(server, task, number)?.overrun.min(i32::MAX as u64))
}

/// Removes a timer with a number.
pub fn timer_delete(server: &mut Server, task: TaskKey, &[number, ..]: &Arguments) -> Answer {
    alarm_of(server, task, number)?;
    server.process_of_mut(task).timers.alarms[number as u32 as usize] = None;
    Ok(0)
}

/// Makes a file that is a timer.
pub fn timerfd_create(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[number, flags, ..] = arguments;
    if !matches!(number as u32, 0 | 1 | 7 | 8 | 9) {
        return Err(Errno::EINVAL.into());
    }
    let flags = Flags::from_bits_retain(flags as u32);
    if !(Flags::CLOSE_ON_EXEC | Flags::NONBLOCK).contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let counts_real_time = matches!(number as u32, 0 | 8);
    let file = server.world.vfs.timer(flags, counts_real_time);
    let closes = flags.contains(Flags::CLOSE_ON_EXEC);
    let on_exec = if closes { OnExec::Close } else { OnExec::Keep };
    server.add_descriptor(task, file, on_exec, 0)
}

/// Sets it.
pub fn timerfd_settime(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    // Nobody sets the clock, so nothing is to be cancelled when somebody does.
    const CANCEL: u64 = 2;
    let &[file, flags, new, old, ..] = arguments;
    if flags & !(ABSOLUTE | CANCEL) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let id = server.file(task, file)?;
    let (_, is_real) = server.world.vfs.timer_of(id).map_err(|_| Errno::EINVAL)?;
    let counted = if is_real { Counted::RealTime } else { Counted::Time };
    let timer = wanted(server, task, (counted, new), flags & ABSOLUTE != 0)?;
    if old != 0 {
        timerfd_gettime(server, task, &[file, old, 0, 0, 0, 0])?;
    }
    server.world.vfs.set_timer(id, timer).map_err(|_| Errno::EINVAL)?;
    let process = server.tasks[task].process;
    server.attend_timer(process, counted, &timer);
    Ok(0)
}

/// How it stands.
pub fn timerfd_gettime(server: &mut Server, task: TaskKey, &[file, to, ..]: &Arguments) -> Answer {
    let file = server.file(task, file)?;
    let (timer, _) = server.world.vfs.timer_of(file).map_err(|_| Errno::EINVAL)?;
    let now = server.clock.now();
    tell(server, task, (timer, now), to)
}
