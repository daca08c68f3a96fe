//! One counter of the 8254 (Intel 8254 data sheet, 231164).
//!
//! It is not counted down: it remembers since when it counts, and whatever is asked of it follows
//! from the time. Counts in binary-coded decimals are taken as binary ones.

use core::mem;

use crate::{PIT_HERTZ, Time};

/// What the output does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Rises once, at the end.
    #[default]
    Once = 0,
    /// Likewise, from a rise of the gate on.
    Triggered = 1,
    /// Falls for one cycle at the end, again and again.
    Rate = 2,
    /// Is high for one half and low for the other, again and again.
    Square = 3,
    /// Falls for one cycle after the end, once.
    Strobe = 4,
    /// Likewise, from a rise of the gate on.
    TriggeredStrobe = 5,
}

/// Which bytes of a count are read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bytes {
    Low = 1,
    High = 2,
    /// First the lower, then the higher one.
    #[default]
    Both = 3,
}

/// Whether it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Counting {
    /// No count was written.
    #[default]
    Not,
    /// The gate has to rise.
    Ready,
    /// From this cycle on.
    Since(u64),
    /// The gate is low; so many cycles were counted.
    Held(u64),
}

/// A counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    mode: Mode,
    bytes: Bytes,
    /// What it counts from: 1 to 65536.
    period: u64,
    /// What it counts from next.
    next_period: Option<u64>,
    counting: Counting,
    /// The output rose, and will not do so again by itself.
    ended: bool,
    /// How often the output rose since somebody asked.
    rises: u64,
    gate: bool,
    /// The lower byte, when the higher one is still to be written.
    written: Option<u8>,
    /// The higher byte is to be read next.
    reads_high: bool,
    latched: Option<u16>,
    latched_status: Option<u8>,
}

impl Counter {
    /// A counter after power-on, whose gate is high or low.
    pub const fn new(gate: bool) -> Self {
        Self {
            mode: Mode::Once,
            bytes: Bytes::Both,
            period: 0x1_0000,
            next_period: None,
            counting: Counting::Not,
            ended: false,
            rises: 0,
            gate,
            written: None,
            reads_high: false,
            latched: None,
            latched_status: None,
        }
    }

    /// How often the output has risen by itself since this was last asked.
    pub fn take_rises(&mut self, now: Time) -> u64 {
        self.settle(now);
        mem::take(&mut self.rises)
    }

    /// When the output rises next, as things are.
    pub fn next_rise(&self) -> Option<Time> {
        self.next_rise_cycle().map(|cycle| Time::of_cycle(cycle, PIT_HERTZ))
    }

    /// Its gate.
    pub const fn gate(&self) -> bool {
        self.gate
    }

    /// Changes its gate.
    pub fn set_gate(&mut self, high: bool, now: Time) {
        self.settle(now);
        let cycle = now.cycles(PIT_HERTZ);
        match (mem::replace(&mut self.gate, high), high, self.mode, self.counting) {
            (false, true, Mode::Triggered | Mode::TriggeredStrobe, counting)
                if counting != Counting::Not =>
            {
                self.load(now);
            }
            (false, true, _, Counting::Ready) => self.load(now),
            (false, true, _, Counting::Held(counted)) => {
                self.counting = Counting::Since(cycle.saturating_sub(counted));
            }
            (true, false, Mode::Rate | Mode::Square, Counting::Since(_)) => {
                self.counting = Counting::Ready;
            }
            (true, false, Mode::Once | Mode::Strobe, Counting::Since(start)) => {
                self.counting = Counting::Held(cycle.saturating_sub(start));
            }
            _ => {}
        }
    }

    /// Carries out a control word for this counter.
    pub fn control(&mut self, value: u8, now: Time) {
        let bytes = match value >> 4 & 3 {
            0 => return self.latch(now),
            1 => Bytes::Low,
            2 => Bytes::High,
            _ => Bytes::Both,
        };
        let mode = match value >> 1 & 7 {
            0 => Mode::Once,
            1 => Mode::Triggered,
            2 | 6 => Mode::Rate,
            3 | 7 => Mode::Square,
            4 => Mode::Strobe,
            _ => Mode::TriggeredStrobe,
        };
        self.settle(now);
        *self = Self { mode, bytes, rises: self.rises, ..Self::new(self.gate) };
    }

    /// Writes a byte of the count.
    pub fn write(&mut self, value: u8, now: Time) {
        self.settle(now);
        let count = match (self.bytes, self.written.take()) {
            (Bytes::Low, _) => value.into(),
            (Bytes::High, _) => u16::from(value) << 8,
            (Bytes::Both, Some(low)) => u16::from_le_bytes([low, value]),
            (Bytes::Both, None) => {
                self.written = Some(value);
                if self.mode == Mode::Once {
                    self.counting = Counting::Not;
                }
                return;
            }
        };
        self.next_period = Some(if count == 0 { 0x1_0000 } else { count.into() });
        match (self.mode, self.counting) {
            (Mode::Rate | Mode::Square, Counting::Since(_)) => {}
            (Mode::Triggered | Mode::TriggeredStrobe, Counting::Not) => {
                self.counting = Counting::Ready;
            }
            (Mode::Triggered | Mode::TriggeredStrobe, _) => {}
            (Mode::Rate | Mode::Square, _) if !self.gate => self.counting = Counting::Ready,
            _ => self.load(now),
        }
    }

    /// Reads a byte: of the latched status, of the latched count, or of the count as it is.
    pub fn read(&mut self, now: Time) -> u8 {
        if let Some(status) = self.latched_status.take() {
            return status;
        }
        self.settle(now);
        let count = self.latched.unwrap_or_else(|| self.count(now.cycles(PIT_HERTZ)));
        let [low, high] = count.to_le_bytes();
        let (byte, is_last) = match (self.bytes, self.reads_high) {
            (Bytes::Low, _) => (low, true),
            (Bytes::High, _) => (high, true),
            (Bytes::Both, reads_high) => {
                self.reads_high = !reads_high;
                (if reads_high { high } else { low }, reads_high)
            }
        };
        if is_last {
            self.latched = None;
        }
        byte
    }

    /// Keeps the count for the next reads, unless one is kept already.
    pub fn latch(&mut self, now: Time) {
        self.settle(now);
        self.latched = Some(self.latched.unwrap_or_else(|| self.count(now.cycles(PIT_HERTZ))));
    }

    /// Keeps the status for the next read, unless it is kept already.
    pub fn latch_status(&mut self, now: Time) {
        let output = u8::from(self.output(now)) << 7;
        let null = u8::from(self.counting == Counting::Not) << 6;
        let status = output | null | (self.bytes as u8) << 4 | (self.mode as u8) << 1;
        self.latched_status = Some(self.latched_status.unwrap_or(status));
    }

    /// The output.
    pub fn output(&mut self, now: Time) -> bool {
        self.settle(now);
        let Some(counted) = self.counted(now.cycles(PIT_HERTZ)) else {
            return self.mode != Mode::Once;
        };
        match self.mode {
            Mode::Once | Mode::Triggered => counted >= self.period,
            Mode::Rate => counted + 1 != self.period,
            Mode::Square => counted < self.period.div_ceil(2),
            Mode::Strobe | Mode::TriggeredStrobe => counted != self.period,
        }
    }

    /// What the counter shows.
    fn count(&self, cycle: u64) -> u16 {
        let counted = self.counted(cycle).unwrap_or(0);
        let shown = match self.mode {
            Mode::Square => {
                let half = self.period.div_ceil(2);
                (self.period & !1).wrapping_sub(counted % half * 2)
            }
            _ => self.period.wrapping_sub(counted),
        };
        shown as u16
    }

    /// Cycles that were counted since the count was loaded.
    const fn counted(&self, cycle: u64) -> Option<u64> {
        match self.counting {
            Counting::Not | Counting::Ready => None,
            Counting::Since(start) => Some(cycle.saturating_sub(start)),
            Counting::Held(counted) => Some(counted),
        }
    }

    /// Begins to count with the next cycle.
    fn load(&mut self, now: Time) {
        self.period = self.next_period.take().unwrap_or(self.period);
        self.ended = false;
        self.counting = match self.mode {
            Mode::Once | Mode::Strobe if !self.gate => Counting::Held(0),
            _ => Counting::Since(now.cycles(PIT_HERTZ) + 1),
        };
    }

    fn next_rise_cycle(&self) -> Option<u64> {
        let Counting::Since(start) = self.counting else { return None };
        let late = u64::from(matches!(self.mode, Mode::Strobe | Mode::TriggeredStrobe));
        (!self.ended).then_some(start + self.period + late)
    }

    /// Notes what happened by now: the output rose, a period ended and another began.
    fn settle(&mut self, now: Time) {
        let cycle = now.cycles(PIT_HERTZ);
        while let Some(rise) = self.next_rise_cycle()
            && rise <= cycle
        {
            if !matches!(self.mode, Mode::Rate | Mode::Square) {
                self.rises += 1;
                self.ended = true;
                return;
            }
            // The first of the periods that ended may be followed by others of another length.
            let periods = match self.next_period.take() {
                Some(next) => {
                    self.period = next;
                    1
                }
                None => (cycle - rise) / self.period + 1,
            };
            self.rises += periods;
            self.counting = Counting::Since(rise + (periods - 1) * self.period);
        }
    }
}
