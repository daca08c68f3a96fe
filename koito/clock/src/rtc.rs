//! The clock that runs while the machine is off: the PC's real-time clock (MC146818), by its I/O
//! ports. What it says is taken for UTC.

use nun::IoPort;

/// Where a register is chosen, and where it is read.
const INDEX: u64 = 0x70;
const DATA: u64 = 0x71;
const BYTE: u64 = 8;

/// Registers: seconds, minutes, hours, day, month, year, and two of status.
const TIME: [u64; 6] = [0, 2, 4, 7, 8, 9];
const STATUS_A: u64 = 10;
const STATUS_B: u64 = 11;

/// Of status A: the time changes at this moment.
const UPDATING: u8 = 1 << 7;
/// Of status B: hours count to 24; numbers are binary, not decimal digits.
const TO_24: u8 = 1 << 1;
const BINARY: u8 = 1 << 2;
/// Of an hour that counts to 12: it is past noon.
const PAST_NOON: u8 = 1 << 7;

/// Times that it is read until it says the same twice.
const TRIES: usize = 1000;

/// Seconds since 1970, by the clock behind `ports`; `None` if there is none that makes sense.
pub fn read(ports: IoPort) -> Option<u64> {
    let register = |number| {
        ports.write(INDEX, BYTE, number).ok()?;
        ports.read(DATA, BYTE).ok().map(|value| value as u8)
    };
    let sample = || -> Option<[u8; 6]> {
        let mut time = [0; 6];
        for (value, number) in time.iter_mut().zip(TIME) {
            *value = register(number)?;
        }
        Some(time)
    };
    for _ in 0..TRIES {
        let time = sample()?;
        if register(STATUS_A)? & UPDATING == 0 && sample()? == time {
            return seconds(time, register(STATUS_B)?);
        }
    }
    None
}

/// What the registers say, in seconds since 1970.
fn seconds(time: [u8; 6], status: u8) -> Option<u64> {
    let number = |value: u8| match status & BINARY {
        0 => u64::from(value >> 4) * 10 + u64::from(value & 15),
        _ => u64::from(value),
    };
    let [second, minute, hour, day, month, year] = time;
    let hour = match status & TO_24 {
        0 => number(hour & !PAST_NOON) % 12 + if hour & PAST_NOON == 0 { 0 } else { 12 },
        _ => number(hour),
    };
    let (day, month) = (number(day), number(month));
    let makes_sense = (1..=31).contains(&day) && (1..=12).contains(&month) && hour < 24;
    let days = makes_sense.then(|| days(2000 + number(year), month, day))?;
    Some(((days * 24 + hour) * 60 + number(minute)) * 60 + number(second))
}

/// Days from 1970 to a day of the Gregorian calendar, from 2000 on.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Years begin in March, so that the day of a leap year is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // Days from March of year 0 to 1970.
    const BEFORE: u64 = 719_468;
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - BEFORE
}
