//! The two interrupt controllers of a PC: the second one's output is line 2 of the first.

use crate::pci::INTERRUPT_LINES;
use crate::{Pic, power};

/// An interrupt line of the machine, 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line(pub(crate) u8);

impl Line {
    /// The timer.
    pub const TIMER: Self = Self(0);
    /// The first serial port.
    pub const SERIAL: Self = Self(4);
    /// The ACPI's own events.
    pub const ACPI: Self = Self(power::LINE);

    /// Line `number`, unless there is none or it is taken by the second controller.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 16 && number != CASCADE { Some(Self(number)) } else { None }
    }
}

/// The line of the first controller on which the second one is.
const CASCADE: u8 = 2;
/// Lines that are edge-triggered whatever is written: timer, keyboard, cascade, clock, coprocessor.
const FIXED_EDGES: [u8; 2] = [0b0000_0111, 0b0010_0001];

/// Both controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pics {
    first: Pic,
    second: Pic,
}

impl Default for Pics {
    fn default() -> Self {
        let mut first = Pic::default();
        // The output of the other controller is high as long as it wants something.
        first.set_level_triggered(1 << CASCADE);
        let mut it = Self { first, second: Pic::default() };
        // Firmware tells the controllers which lines are shared: pins of PCI, and ACPI's.
        let shared =
            INTERRUPT_LINES.iter().fold(1_u16 << Line::ACPI.0, |lines, line| lines | 1 << line);
        it.write_triggers(0x4d0, shared as u8);
        it.write_triggers(0x4d1, (shared >> 8) as u8);
        it
    }
}

impl Pics {
    /// Sets a line.
    pub const fn set_line(&mut self, Line(number): Line, high: bool) {
        if number < 8 {
            self.first.set_line(number, high);
        } else {
            self.second.set_line(number - 8, high);
            self.cascade();
        }
    }

    /// Whether the processor is asked for an interrupt.
    pub const fn is_pending(&self) -> bool {
        self.first.pending().is_some()
    }

    /// Whether a line cannot ask for an interrupt, whatever it does.
    pub const fn is_masked(&self, Line(number): Line) -> bool {
        if number < 8 {
            self.first.is_masked(number)
        } else {
            self.first.is_masked(CASCADE) || self.second.is_masked(number - 8)
        }
    }

    /// The processor takes the interrupt; answers its vector.
    pub fn acknowledge(&mut self) -> u8 {
        let from_second = self.first.pending() == Some(CASCADE);
        let vector = self.first.acknowledge();
        if !from_second {
            return vector;
        }
        let vector = self.second.acknowledge();
        self.cascade();
        vector
    }

    /// Reads port 0x20, 0x21, 0xa0 or 0xa1.
    pub const fn read(&mut self, port: u16) -> u8 {
        let value = self.controller(port).read(port & 1 != 0);
        self.cascade();
        value
    }

    /// Writes to port 0x20, 0x21, 0xa0 or 0xa1.
    pub const fn write(&mut self, port: u16, value: u8) {
        self.controller(port).write(port & 1 != 0, value);
        self.cascade();
    }

    /// Reads port 0x4d0 or 0x4d1: which lines are level-triggered.
    pub const fn read_triggers(&self, port: u16) -> u8 {
        let second = port & 1 != 0;
        let controller = if second { &self.second } else { &self.first };
        controller.level_triggered() & !FIXED_EDGES[second as usize]
    }

    /// Writes to port 0x4d0 or 0x4d1.
    pub const fn write_triggers(&mut self, port: u16, value: u8) {
        if port & 1 != 0 {
            self.second.set_level_triggered(value & !FIXED_EDGES[1]);
        } else {
            self.first.set_level_triggered(value & !FIXED_EDGES[0] | 1 << CASCADE);
        }
        self.cascade();
    }

    const fn controller(&mut self, port: u16) -> &mut Pic {
        if port & 0x80 == 0 { &mut self.first } else { &mut self.second }
    }

    const fn cascade(&mut self) {
        self.first.set_line(CASCADE, self.second.pending().is_some());
    }
}
