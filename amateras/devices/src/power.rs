//! How the machine is switched off, and a timer: ACPI's fixed registers (ACPI specification 6.5, section
//! 4.8).
//!
//! ACPI is on from the beginning. Nothing happens by itself, so its interrupt line never rises.

use crate::Time;

/// Port of the events: which came, and which interrupt, two bytes each.
pub const EVENT: u16 = 0x600;
/// Port of the control register, two bytes.
pub const CONTROL: u16 = 0x604;
/// Port of the timer, four bytes.
pub const TIMER: u16 = 0x608;
/// First port past them.
pub const END: u16 = 0x60c;
/// Port that resets the machine.
pub const RESET: u16 = 0xcf9;
/// What is written there.
pub const RESET_VALUE: u8 = 0x06;
/// The interrupt line of events.
pub const LINE: u8 = 9;
/// The kind of sleep that is off.
pub const OFF: u8 = 5;

/// How fast the timer counts.
const HERTZ: u64 = 3_579_545;
/// Control: ACPI is on. In its upper byte: a kind of sleep, and that it begins.
const ON: u8 = 1 << 0;
const SLEEP_SHIFT: u32 = 2;
const SLEEP: u8 = 1 << 5;

/// The registers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Power {
    enabled: [u8; 2],
    control: [u8; 2],
}

impl Power {
    /// Reads a byte, at a port between [`EVENT`] and [`END`].
    pub fn read(&self, port: u16, now: Time) -> u8 {
        let byte = usize::from(port & 1);
        match port {
            0x602 | 0x603 => self.enabled[byte],
            CONTROL => self.control[byte] | ON,
            0x605 => self.control[byte],
            TIMER..END => {
                let count = (now.cycles(HERTZ) as u32).to_le_bytes();
                count.get(usize::from(port - TIMER)).copied().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Writes a byte. Whether that switches the machine off.
    pub const fn write(&mut self, port: u16, value: u8) -> bool {
        let byte = (port & 1) as usize;
        match port {
            0x602 | 0x603 => self.enabled[byte] = value,
            CONTROL => self.control[byte] = value & !ON,
            0x605 => {
                self.control[byte] = value & !SLEEP;
                return value & SLEEP != 0 && value >> SLEEP_SHIFT & 7 == OFF;
            }
            _ => {}
        }
        false
    }
}
