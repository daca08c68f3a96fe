//! The 8254 interval timer (Intel 8254 data sheet, 231164): counters 0 and 2, and port 0x61.
//!
//! The counters themselves stand in [`counter`](crate::Counter).

use crate::{Counter, Time};

/// What the counters count.
pub const HERTZ: u64 = 1_193_182;

/// The timer of a PC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pit {
    /// Counter 0 interrupts; counter 2 makes sounds, and measures time.
    counters: [Counter; 2],
    speaker: bool,
}

/// Port 0x61: gate of counter 2, loudspeaker, a bit that changes with every memory refresh, and the
/// output of counter 2.
const GATE: u8 = 0x01;
const SPEAKER: u8 = 0x02;
const REFRESH: u8 = 0x10;
const OUTPUT: u8 = 0x20;
/// How often memory is refreshed.
const REFRESH_HERTZ: u64 = 66_288;

impl Default for Pit {
    fn default() -> Self {
        Self { counters: [Counter::new(true), Counter::new(false)], speaker: false }
    }
}

impl Pit {
    /// Counter 0.
    pub const fn timer(&mut self) -> &mut Counter {
        &mut self.counters[0]
    }

    /// Reads port 0x40 to 0x43.
    pub fn read(&mut self, port: u16, now: Time) -> u8 {
        self.counter(port & 3).map_or(0xff, |counter| counter.read(now))
    }

    /// Writes to port 0x40 to 0x43.
    pub fn write(&mut self, port: u16, value: u8, now: Time) {
        match (port & 3, value >> 6) {
            (3, 3) => self.read_back(value, now),
            (3, number) => {
                if let Some(counter) = self.counter(number.into()) {
                    counter.control(value, now);
                }
            }
            (number, _) => {
                if let Some(counter) = self.counter(number) {
                    counter.write(value, now);
                }
            }
        }
    }

    /// Reads port 0x61.
    pub fn read_speaker(&mut self, now: Time) -> u8 {
        let counter = &mut self.counters[1];
        let bit = |mask, on| if on { mask } else { 0 };
        bit(GATE, counter.gate())
            | bit(SPEAKER, self.speaker)
            | bit(REFRESH, !now.cycles(REFRESH_HERTZ).is_multiple_of(2))
            | bit(OUTPUT, counter.output(now))
    }

    /// Writes to port 0x61.
    pub fn write_speaker(&mut self, value: u8, now: Time) {
        self.speaker = value & SPEAKER != 0;
        self.counters[1].set_gate(value & GATE != 0, now);
    }

    /// Latches what bits 1 to 3 choose of: count unless bit 5, status unless bit 4.
    fn read_back(&mut self, value: u8, now: Time) {
        for number in [0, 2] {
            if value & 2 << number != 0
                && let Some(counter) = self.counter(number)
            {
                if value & 0x20 == 0 {
                    counter.latch(now);
                }
                if value & 0x10 == 0 {
                    counter.latch_status(now);
                }
            }
        }
    }

    fn counter(&mut self, number: u16) -> Option<&mut Counter> {
        match number {
            0 => Some(&mut self.counters[0]),
            2 => Some(&mut self.counters[1]),
            _ => None,
        }
    }
}
