//! Clocks and sleep.

use koito_linux::Errno;

use crate::call::{Answer, Arguments, Stop};
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};
use crate::timers::Counted;

const NANOSECONDS: u64 = 1_000_000_000;
/// `TIMER_ABSTIME`.
pub const ABSOLUTE: u64 = 1;

/// A clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What it counts.
    pub counted: Counted,
    /// Whose work, where it is that.
    pub process: ProcessKey,
}

impl Clock {
    /// What it shows, in nanoseconds.
    fn shows(self, server: &Server) -> u64 {
        match self.counted {
            Counted::RealTime => server.clock.real(),
            counted => server.counted(self.process, counted),
        }
    }
}

/// A clock, as its number says.
pub fn clock(server: &Server, task: TaskKey, number: u64) -> Result<Clock, Errno> {
    let own = server.tasks[task].process;
    let counted = match number as u32 {
        0 | 5 | 8 | 11 => Counted::RealTime,
        // Monotonic, raw, coarse, with sleep, and with alarm.
        1 | 4 | 6 | 7 | 9 => Counted::Time,
        2 => Counted::Work,
        3 => Counted::ThreadWork(server.tasks[task].number),
        number => return clock_of_another(server, task, number as i32),
    };
    Ok(Clock { counted, process: own })
}

/// A clock of another process or thread: its number lies in the clock's.
fn clock_of_another(server: &Server, task: TaskKey, number: i32) -> Result<Clock, Errno> {
    const OF_THREAD: i32 = 4;
    const KIND: i32 = 3;
    if number >= 0 || number & KIND == KIND {
        return Err(Errno::EINVAL);
    }
    let (own, who) = (server.tasks[task].process, !(number >> 3) as u32);
    if number & OF_THREAD != 0 {
        let who = if who == 0 { server.tasks[task].number } else { who };
        let mut threads = server.tasks_of(own).into_iter();
        let found = threads.any(|task| server.tasks[task].number == who);
        let counted = Counted::ThreadWork(who);
        return if found { Ok(Clock { counted, process: own }) } else { Err(Errno::EINVAL) };
    }
    let process = if who == 0 { Some(own) } else { server.process(who) };
    process.map(|process| Clock { counted: Counted::Work, process }).ok_or(Errno::EINVAL)
}

/// Nanoseconds of a `timespec`.
pub fn nanoseconds([seconds, rest]: [u64; 2]) -> Result<u64, Errno> {
    if rest >= NANOSECONDS || seconds > i64::MAX as u64 {
        return Err(Errno::EINVAL);
    }
    Ok(seconds.saturating_mul(NANOSECONDS).saturating_add(rest))
}

/// What time it is.
pub fn clock_gettime(server: &mut Server, task: TaskKey, &[number, to, ..]: &Arguments) -> Answer {
    let now = clock(server, task, number)?.shows(server);
    server.write_words(task, to, &[now / NANOSECONDS, now % NANOSECONDS])?;
    Ok(0)
}

/// How fine a clock is.
pub fn clock_getres(server: &mut Server, task: TaskKey, &[number, to, ..]: &Arguments) -> Answer {
    clock(server, task, number)?;
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
    let &[number, flags, wanted, rest, ..] = arguments;
    let real = match clock(server, task, number)?.counted {
        Counted::RealTime => true,
        Counted::Time => false,
        // Nobody sleeps until it has worked for so long.
        _ => return Err(Errno::EOPNOTSUPP.into()),
    };
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

/// Sets the time of programs; the machine's own clock is as it is.
fn set_real(server: &mut Server, task: TaskKey, nanoseconds: u64) -> Answer {
    if server.process_of(task).owner.users[1] != 0 {
        return Err(Errno::EPERM.into());
    }
    server.clock.set_real(nanoseconds);
    Ok(0)
}

/// Sets the clock of real time.
pub fn clock_settime(
    server: &mut Server,
    task: TaskKey,
    &[number, from, ..]: &Arguments,
) -> Answer {
    if number as u32 != 0 {
        return Err(Errno::EINVAL.into());
    }
    let wanted = nanoseconds(server.read_words(task, from)?)?;
    set_real(server, task, wanted)
}

/// Sets the time, as it used to be set.
pub fn settimeofday(server: &mut Server, task: TaskKey, &[from, ..]: &Arguments) -> Answer {
    if from == 0 {
        return Ok(0);
    }
    let [seconds, micros] = server.read_words(task, from)?;
    let wanted = nanoseconds([seconds, micros.saturating_mul(1000)])?;
    set_real(server, task, wanted)
}
