//! The real-time clock with its memory (Motorola MC146818A data sheet).
//!
//! It is never in the middle of an update, so nobody waits for one to end; it cannot be set, and does
//! not interrupt. The rest of its memory keeps what is written.

use time::OffsetDateTime;

use crate::Time;

/// Bytes that the index reaches.
const BYTES: usize = 128;
/// The chosen byte without the bit that masks interrupts that cannot be masked.
const INDEX: u8 = 0x7f;
/// Register B: hours to 24. Numbers are decimals, two to a byte.
const HOURS_24: u8 = 0x02;
/// Register D: the battery is good.
const VALID: u8 = 0x80;

/// The clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Seconds since 1970 when the machine was switched on.
    epoch: u64,
    index: u8,
    memory: [u8; BYTES],
}

impl Clock {
    /// A clock of a machine that was switched on `epoch` seconds after 1970 began.
    pub const fn new(epoch: u64) -> Self {
        Self { epoch, index: 0, memory: [0; BYTES] }
    }

    /// Writes port 0x70: chooses a byte.
    pub const fn select(&mut self, value: u8) {
        self.index = value & INDEX;
    }

    /// Writes port 0x71.
    pub fn write(&mut self, value: u8) {
        if let Some(byte) = self.memory.get_mut(usize::from(self.index)) {
            *byte = value;
        }
    }

    /// Reads port 0x71.
    pub fn read(&self, now: Time) -> u8 {
        let seconds = self.epoch.saturating_add(now.cycles(1));
        let date =
            i64::try_from(seconds).ok().and_then(|it| OffsetDateTime::from_unix_timestamp(it).ok());
        let date = date.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let year = date.year().unsigned_abs();
        match self.index {
            0x00 => decimal(date.second()),
            0x02 => decimal(date.minute()),
            0x04 => decimal(date.hour()),
            0x06 => date.weekday().number_from_sunday(),
            0x07 => decimal(date.day()),
            0x08 => decimal(date.month().into()),
            0x09 => decimal((year % 100) as u8),
            0x32 => decimal((year / 100 % 100) as u8),
            0x0a => 0x26,
            0x0b => HOURS_24,
            0x0c => 0,
            0x0d => VALID,
            index => self.memory.get(usize::from(index)).copied().unwrap_or(0),
        }
    }
}

/// A number below 100 as two decimals.
const fn decimal(number: u8) -> u8 {
    (number / 10) << 4 | (number % 10)
}
