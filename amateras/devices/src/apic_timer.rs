//! The timer of a local APIC (Intel SDM, volume 3, section 11.5.4).
//!
//! It counts nanoseconds, divided. Deadlines of the time-stamp counter come as times.

use crate::Time;

/// How often the timer interrupts; bits 17 and 18 of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Once,
    Periodic,
    Deadline,
}

/// A timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApicTimer {
    mode: Mode,
    /// What is counted from.
    initial: u32,
    /// Two to the power of this is counted as one.
    divisor: u32,
    /// When it ends next.
    end: Option<Time>,
    /// The deadline that was written, as it was written; 0 for none.
    deadline: u64,
}

impl ApicTimer {
    /// One that does not count.
    pub const OFF: Self = Self { mode: Mode::Once, initial: 0, divisor: 1, end: None, deadline: 0 };

    /// Its entry was written: a mode that changes stops it.
    pub fn set_mode(&mut self, entry: u32) {
        let mode = match entry >> 17 & 3 {
            0 => Mode::Once,
            1 => Mode::Periodic,
            _ => Mode::Deadline,
        };
        if (mode == Mode::Deadline) != (self.mode == Mode::Deadline) {
            (self.end, self.deadline) = (None, 0);
        }
        self.mode = mode;
    }

    /// Whether it takes deadlines instead of counts.
    pub fn takes_deadlines(&self) -> bool {
        self.mode == Mode::Deadline
    }

    /// Writes a deadline, which is at `end`; 0 is none. Unless it takes none.
    pub fn set_deadline(&mut self, deadline: u64, end: Time) {
        if self.takes_deadlines() {
            self.deadline = deadline;
            self.end = (deadline > 0).then_some(end);
        }
    }

    /// The deadline that was written, if it is still to come; else 0.
    pub const fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Writes the divisor: bits 0, 1 and 3 make 2, 4, 8, ..., 128, 1.
    pub const fn set_divisor(&mut self, value: u32) {
        self.divisor = ((value & 3 | value >> 1 & 4) + 1) % 8;
    }

    /// The divisor as it was written.
    pub const fn divisor(&self) -> u32 {
        let number = (self.divisor + 7) % 8;
        number & 3 | (number & 4) << 1
    }

    /// Writes what is counted from: it begins. 0 stops it.
    pub fn set_initial(&mut self, count: u32, now: Time) {
        if self.takes_deadlines() {
            return;
        }
        self.initial = count;
        self.end = (count > 0).then(|| Time(now.0 + self.period()));
    }

    /// What is counted from.
    pub const fn initial(&self) -> u32 {
        self.initial
    }

    /// What is left of it.
    pub fn current(&self, now: Time) -> u32 {
        let left = self.end.filter(|_| !self.takes_deadlines());
        left.map_or(0, |end| (end.0.saturating_sub(now.0) >> self.divisor) as u32)
    }

    /// When it ends next.
    pub const fn end(&self) -> Option<Time> {
        self.end
    }

    /// Whether it ended by now; it is told once. Ends that nobody took in time are one.
    pub fn take_end(&mut self, now: Time) -> bool {
        let Some(end) = self.end.filter(|end| *end <= now) else { return false };
        self.deadline = 0;
        self.end = (self.mode == Mode::Periodic).then(|| {
            let period = self.period();
            Time(end.0 + ((now.0 - end.0) / period + 1) * period)
        });
        true
    }

    const fn period(&self) -> u64 {
        (self.initial as u64) << self.divisor
    }
}
