//! Timers of processes: the three of `setitimer`, those of `timer_create`, and the limit of CPU time.
//!
//! Those that count time ring when the server's alarm says so. The processor's time goes on only while
//! somebody runs, so timers of that are looked at when they could be due at the soonest.

use alloc::vec::Vec;

use koito_posix_core::{Detail, Info, Life, Signal};
use koito_vfs::Timer;

use crate::process::ProcessKey;
use crate::server::Server;

const NANOSECONDS: u64 = 1_000_000_000;
/// How long until a timer of the processor's time is looked at again, at least.
const LEAST_WAIT: u64 = 4_000_000;
/// `SI_TIMER` and `SI_KERNEL`.
const BY_TIMER: i32 = -2;
const BY_KERNEL: i32 = 0x80;

/// What a timer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Time since the start.
    Time,
    /// Time since 1970.
    RealTime,
    /// What the processor does for the process.
    Work,
    /// What it does for the thread with this number.
    ThreadWork(u32),
}

/// What happens when a timer rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Nothing.
    Silent,
    /// The process gets a signal.
    Process(Signal),
    /// The thread with this number does.
    Thread(u32, Signal),
}

/// A timer of `timer_create`.
#[derive(Clone, Copy, Debug)]
pub struct Alarm {
    /// What it counts.
    pub counted: Counted,
    /// What it does.
    pub ring: Ring,
    /// What is told with the signal.
    pub value: u64,
    /// When.
    pub timer: Timer,
    /// How often it rang beside the ring that was told last.
    pub overrun: u64,
}

/// All timers of a process.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    /// Those of `setitimer`, by its numbers: of time, of the program's work, of all work.
    pub intervals: [Timer; 3],
    /// Those of `timer_create`, by number.
    pub alarms: Vec<Option<Alarm>>,
}

/// The signals of the three timers of `setitimer`.
const SIGNALS: [Signal; 3] = [Signal::ALARM, Signal::VIRTUAL_ALARM, Signal::PROFILE];

impl Timers {
    /// Whether any is set.
    fn is_set(&self) -> bool {
        let alarms = self.alarms.iter().flatten();
        self.intervals.iter().any(|it| it.deadline().is_some())
            || alarms.into_iter().any(|it| it.timer.deadline().is_some())
    }
}

impl Server {
    /// What a timer counts, as it stands now.
    pub fn counted(&self, process: ProcessKey, counted: Counted) -> u64 {
        match counted {
            Counted::Time | Counted::RealTime => self.clock.now(),
            Counted::Work => self.used_by(process),
            Counted::ThreadWork(number) => {
                let tasks = self.tasks_of(process);
                let task = tasks.into_iter().find(|task| self.tasks[*task].number == number);
                task.map_or(0, |task| self.used_by_task(task))
            }
        }
    }

    /// When a timer that rings at `deadline` is to be looked at.
    fn look_at(&self, process: ProcessKey, counted: Counted, deadline: u64) -> u64 {
        let now = self.clock.now();
        match counted {
            Counted::Time | Counted::RealTime => deadline,
            _ => {
                let threads = self.tasks_of(process).len().max(1) as u64;
                let left = deadline.saturating_sub(self.counted(process, counted)) / threads;
                now + left.max(LEAST_WAIT)
            }
        }
    }

    /// A timer of a process was set: it will be looked at.
    pub fn attend_timer(&mut self, process: ProcessKey, counted: Counted, timer: &Timer) {
        if let Some(deadline) = timer.deadline() {
            let at = self.look_at(process, counted, deadline);
            self.arm(at);
        }
    }

    /// Sees to it that a limit of CPU time holds, if there is one.
    pub fn attend_cpu_limit(&mut self, process: ProcessKey) {
        if let Some([soft, _]) = self.processes[process].limits.cpu_seconds() {
            let deadline = soft.saturating_mul(NANOSECONDS);
            let at = self.look_at(process, Counted::Work, deadline);
            self.arm(at);
        }
    }

    /// Rings all timers that are due; answers when to look again.
    pub fn ring_timers(&mut self, now: u64) -> Option<u64> {
        let mut next = self.world.vfs.ring_timers(now);
        let set = self.processes.iter().filter(|(_, it)| {
            it.timers.is_set() || (!it.life.is_over() && it.limits.cpu_seconds().is_some())
        });
        let set: Vec<ProcessKey> = set.map(|(key, _)| key).collect();
        for process in set {
            let soonest = [self.ring_intervals(process), self.ring_alarms(process)];
            let limited = self.hold_to_cpu_limit(process);
            next = soonest.into_iter().chain([limited, next]).flatten().min();
        }
        next
    }

    fn ring_intervals(&mut self, process: ProcessKey) -> Option<u64> {
        let mut next: Option<u64> = None;
        for (number, signal) in SIGNALS.into_iter().enumerate() {
            let counted = if number == 0 { Counted::Time } else { Counted::Work };
            let Some(it) = self.processes.get(process) else { return next };
            if it.timers.intervals[number].deadline().is_none() {
                continue;
            }
            let at = self.counted(process, counted);
            let timer = &mut self.processes[process].timers.intervals[number];
            let (rings, deadline) = (timer.rings(at), timer.deadline());
            if let Some(deadline) = deadline {
                let look = self.look_at(process, counted, deadline);
                next = Some(next.map_or(look, |next| next.min(look)));
            }
            if rings > 0 {
                let detail = Detail::Sender(0, 0);
                self.send(process, Info { signal, code: BY_KERNEL, detail });
            }
        }
        next
    }

    fn ring_alarms(&mut self, process: ProcessKey) -> Option<u64> {
        let mut next: Option<u64> = None;
        let count = self.processes.get(process)?.timers.alarms.len();
        for number in 0..count {
            let alarms = &self.processes.get(process)?.timers.alarms;
            let Some(alarm) = alarms.get(number).copied().flatten() else { continue };
            if alarm.timer.deadline().is_none() {
                continue;
            }
            let at = self.counted(process, alarm.counted);
            let mut timer = alarm.timer;
            let rings = timer.rings(at);
            if let Some(deadline) = timer.deadline() {
                let look = self.look_at(process, alarm.counted, deadline);
                next = Some(next.map_or(look, |next| next.min(look)));
            }
            self.processes[process].timers.alarms[number] = Some(Alarm { timer, ..alarm });
            if rings > 0 {
                self.ring(process, number, rings);
            }
        }
        next
    }

    /// A timer of `timer_create` has rung: its signal is sent, unless the last one still waits.
    fn ring(&mut self, process: ProcessKey, number: usize, rings: u64) {
        let Some(alarm) = self.processes[process].timers.alarms[number].as_mut() else { return };
        let (ring, value) = (alarm.ring, alarm.value);
        let tasks = self.tasks_of(process);
        let thread = match ring {
            Ring::Thread(number, _) => {
                tasks.into_iter().find(|task| self.tasks[*task].number == number)
            }
            _ => None,
        };
        let pending = match thread {
            Some(task) => &mut self.tasks[task].pending,
            None => &mut self.processes[process].pending,
        };
        let again = pending.ring_again(number as u32, rings);
        if let Some(alarm) = self.processes[process].timers.alarms[number].as_mut() {
            let before = if again { alarm.overrun } else { 0 };
            alarm.overrun = before.saturating_add(if again { rings } else { rings - 1 });
        }
        if again {
            return;
        }
        let told = |signal| {
            let detail = Detail::Timer(number as u32, (rings - 1) as u32, value);
            Info { signal, code: BY_TIMER, detail }
        };
        match (ring, thread) {
            (Ring::Process(signal), _) => self.send(process, told(signal)),
            (Ring::Thread(_, signal), Some(task)) => self.send_to_task(task, told(signal)),
            _ => {}
        }
    }

    /// Warns a process that has used as much of the processor as it may, and ends one that went on.
    fn hold_to_cpu_limit(&mut self, process: ProcessKey) -> Option<u64> {
        let it = self.processes.get(process).filter(|it| !it.life.is_over())?;
        let [soft, hard] = it.limits.cpu_seconds()?.map(|it| it.saturating_mul(NANOSECONDS));
        let used = self.used_by(process);
        let told = |signal| Info { signal, code: BY_KERNEL, detail: Detail::Sender(0, 0) };
        if used >= hard {
            self.send(process, told(Signal::KILL));
            return None;
        }
        if used >= soft {
            self.processes[process].limits.warn_later();
            self.send(process, told(Signal::CPU_LIMIT));
        }
        let it = self.processes.get(process).filter(|it| it.life == Life::Running)?;
        let [soft, _] = it.limits.cpu_seconds()?;
        Some(self.look_at(process, Counted::Work, soft.saturating_mul(NANOSECONDS)))
    }
}
