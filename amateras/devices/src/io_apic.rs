//! The I/O APIC: lines of devices become interrupts for processors (Intel 82093AA data sheet).

use crate::delivery::Delivery;

/// Where its registers are.
pub const ADDRESS: u64 = 0xfec0_0000;
/// Bytes of them.
pub const BYTES: u64 = 0x1000;
/// Lines.
pub const LINES: usize = 24;
/// Its number, behind those of all processors.
pub const ID: u8 = 0xf0;

/// Offsets: which register is meant, and the register.
const SELECT: u64 = 0x00;
const WINDOW: u64 = 0x10;
/// Registers: its number, its version, the first half entry.
const NUMBER: u8 = 0;
const VERSION: u8 = 1;
const ENTRIES: u8 = 0x10;
/// The highest line, and the version.
const VERSION_VALUE: u32 = (LINES as u32 - 1) << 16 | 0x11;
/// Entry: sent, and not ended yet; level-triggered; masked. What of its half can be written.
const SENT: u32 = 1 << 14;
const LEVEL: u32 = 1 << 15;
const MASKED: u32 = 1 << 16;
const WRITABLE: u32 = 0x0001_afff;

/// The controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IoApic {
    selected: u8,
    number: u8,
    lines: u32,
    entries: [Entry; LINES],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    low: u32,
    destination: u8,
}

impl Default for IoApic {
    fn default() -> Self {
        let entries = [Entry { low: MASKED, destination: 0 }; LINES];
        Self { selected: 0, number: ID & 15, lines: 0, entries }
    }
}

impl IoApic {
    /// Sets line `number`. Answers the interrupt that comes of it.
    pub fn set_line(&mut self, number: u8, high: bool) -> Option<Delivery> {
        let bit = 1u32.checked_shl(number.into())?;
        let rose = high && self.lines & bit == 0;
        self.lines = if high { self.lines | bit } else { self.lines & !bit };
        let entry = self.entries.get_mut(usize::from(number))?;
        // An edge that nobody hears is lost; a level waits until it is.
        if entry.low & LEVEL == 0 {
            rose.then(|| entry.send()).flatten()
        } else {
            entry.raise(high)
        }
    }

    /// Whether line `number` cannot interrupt anybody.
    pub fn is_masked(&self, number: u8) -> bool {
        self.entries.get(usize::from(number)).is_none_or(|entry| entry.low & MASKED != 0)
    }

    /// A processor is done with `vector`: what lines ask for that are still high is handed to `send`.
    pub fn end(&mut self, vector: u8, mut send: impl FnMut(Delivery)) {
        for (number, entry) in self.entries.iter_mut().enumerate() {
            if entry.low & (LEVEL | SENT) == LEVEL | SENT && entry.low as u8 == vector {
                entry.low &= !SENT;
                entry.raise(self.lines >> number & 1 != 0).into_iter().for_each(&mut send);
            }
        }
    }

    /// Reads at `offset`.
    pub fn read(&self, offset: u64) -> u32 {
        match (offset, self.selected) {
            (SELECT, selected) => selected.into(),
            (WINDOW, NUMBER) => u32::from(self.number) << 24,
            (WINDOW, VERSION) => VERSION_VALUE,
            (WINDOW, selected @ ENTRIES..) => {
                let entry = self.entries.get(usize::from(selected - ENTRIES) / 2);
                entry.map_or(0, |entry| match selected & 1 {
                    0 => entry.low,
                    _ => u32::from(entry.destination) << 24,
                })
            }
            _ => 0,
        }
    }

    /// Writes at `offset`. Answers the interrupt that comes of it.
    pub fn write(&mut self, offset: u64, value: u32) -> Option<Delivery> {
        match (offset, self.selected) {
            (SELECT, _) => self.selected = value as u8,
            (WINDOW, NUMBER) => self.number = (value >> 24) as u8 & 15,
            (WINDOW, selected @ ENTRIES..) => {
                let number = usize::from(selected - ENTRIES) / 2;
                let entry = self.entries.get_mut(number)?;
                if selected & 1 != 0 {
                    entry.destination = (value >> 24) as u8;
                } else {
                    entry.low = value & WRITABLE | entry.low & SENT;
                    if entry.low & LEVEL == 0 {
                        entry.low &= !SENT;
                    }
                    return entry.raise(self.lines >> number & 1 != 0);
                }
            }
            _ => {}
        }
        None
    }
}

impl Entry {
    /// Sends what a high, level-triggered line asks for, unless that is under way.
    const fn raise(&mut self, high: bool) -> Option<Delivery> {
        if !high || self.low & LEVEL == 0 || self.low & (SENT | MASKED) != 0 {
            return None;
        }
        self.low |= SENT;
        self.send()
    }

    const fn send(&self) -> Option<Delivery> {
        if self.low & MASKED != 0 {
            return None;
        }
        Some(Delivery::of_entry(self.low, self.destination))
    }
}
