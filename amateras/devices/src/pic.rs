//! One 8259A interrupt controller (Intel 8259A data sheet, 231468).
//!
//! As in the chips that PCs have had since, a request of an edge-triggered line stays until it is
//! acknowledged, also if the line falls before.

/// An interrupt controller of eight lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pic {
    /// Lines as they are now.
    lines: u8,
    /// Lines that are requests as long as they are high; of the others, a rise is one.
    level_triggered: u8,
    requests: u8,
    in_service: u8,
    masked: u8,
    /// First of eight vectors.
    base: u8,
    /// How many priorities the lines are turned by: line `turn` is the most urgent.
    turn: u8,
    setup: Setup,
    ends_by_itself: bool,
    turns_by_itself: bool,
    special_mask: bool,
    /// Lines with a controller behind them, by the third byte of the setup.
    cascades: u8,
    /// Such a line may interrupt itself: the controller behind it knows what is more urgent.
    nested: bool,
    /// The next read is an acknowledgement.
    polled: bool,
    reads_in_service: bool,
}

/// Which word of its setup the controller expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Setup {
    #[default]
    Done,
    Base {
        single: bool,
        fourth: bool,
    },
    Cascade {
        fourth: bool,
    },
    Mode,
}

/// First byte of a setup: its mark, whether a fourth follows, and no third.
const SETUP: u8 = 0x10;
const SETUP_FOURTH: u8 = 0x01;
const SETUP_SINGLE: u8 = 0x02;
/// Fourth byte of a setup.
const MODE_AUTOMATIC_END: u8 = 0x02;
const MODE_NESTED: u8 = 0x10;
/// Third command word: its mark, and what it changes.
const THIRD: u8 = 0x08;
const THIRD_POLL: u8 = 0x04;
const THIRD_READ: u8 = 0x02;
const THIRD_SPECIAL_MASK: u8 = 0x40;

impl Pic {
    /// A controller on which lines with a bit in `level_triggered` are requests while they are high.
    pub const fn set_level_triggered(&mut self, level_triggered: u8) {
        self.level_triggered = level_triggered;
        self.requests = self.requests & !level_triggered | self.lines & level_triggered;
    }

    /// Which lines are requests while they are high.
    pub const fn level_triggered(&self) -> u8 {
        self.level_triggered
    }

    /// Sets line `number`, below 8.
    pub const fn set_line(&mut self, number: u8, high: bool) {
        let bit = 1 << number;
        let rose = high && self.lines & bit == 0;
        self.lines = if high { self.lines | bit } else { self.lines & !bit };
        if self.level_triggered & bit != 0 {
            self.requests = self.requests & !bit | self.lines & bit;
        } else if rose {
            self.requests |= bit;
        }
    }

    /// The line that asks for an interrupt, if one does: the most urgent that is not masked, and
    /// more urgent than all in service.
    pub const fn pending(&self) -> Option<u8> {
        let mut blocking = self.in_service;
        if self.special_mask {
            blocking &= !self.masked;
        }
        let wanted = self.requests & !self.masked;
        if self.nested {
            blocking &= !self.cascades;
        }
        let urgency = self.urgency(wanted);
        if urgency < self.urgency(blocking) { Some(self.line(urgency)) } else { None }
    }

    /// Whether line `number` is masked.
    pub const fn is_masked(&self, number: u8) -> bool {
        self.masked & 1 << number != 0
    }

    /// The processor takes the interrupt. Answers its vector; if none is pending any more, that of the
    /// least urgent line, which is not in service then.
    pub const fn acknowledge(&mut self) -> u8 {
        match self.take() {
            Some(line) => self.base + line,
            None => self.base + 7,
        }
    }

    const fn take(&mut self) -> Option<u8> {
        let Some(line) = self.pending() else { return None };
        let bit = 1 << line;
        if self.level_triggered & bit == 0 {
            self.requests &= !bit;
        }
        if !self.ends_by_itself {
            self.in_service |= bit;
        } else if self.turns_by_itself {
            self.turn = (line + 1) % 8;
        }
        Some(line)
    }

    /// Reads the register at the even address, or the mask at the odd one.
    pub const fn read(&mut self, odd: bool) -> u8 {
        if self.polled {
            self.polled = false;
            return match self.take() {
                Some(line) => 0x80 | line,
                None => 0,
            };
        }
        match (odd, self.reads_in_service) {
            (true, _) => self.masked,
            (false, true) => self.in_service,
            (false, false) => self.requests,
        }
    }

    /// Writes a byte to the even or the odd address.
    pub const fn write(&mut self, odd: bool, value: u8) {
        if odd {
            self.write_odd(value);
        } else if value & SETUP != 0 {
            self.begin_setup(value);
        } else if value & THIRD != 0 {
            self.write_third(value);
        } else {
            self.write_second(value);
        }
    }

    const fn begin_setup(&mut self, value: u8) {
        *self = Self {
            lines: self.lines,
            level_triggered: self.level_triggered,
            requests: self.lines & self.level_triggered,
            setup: Setup::Base {
                single: value & SETUP_SINGLE != 0,
                fourth: value & SETUP_FOURTH != 0,
            },
            ..Self::POWERED
        };
    }

    const POWERED: Self = Self {
        lines: 0,
        level_triggered: 0,
        requests: 0,
        in_service: 0,
        masked: 0,
        base: 0,
        turn: 0,
        setup: Setup::Done,
        ends_by_itself: false,
        turns_by_itself: false,
        special_mask: false,
        cascades: 0,
        nested: false,
        polled: false,
        reads_in_service: false,
    };

    const fn write_odd(&mut self, value: u8) {
        const fn last(fourth: bool) -> Setup {
            if fourth { Setup::Mode } else { Setup::Done }
        }
        self.setup = match self.setup {
            Setup::Done => {
                self.masked = value;
                Setup::Done
            }
            Setup::Base { single, fourth } => {
                self.base = value & !7;
                if single { last(fourth) } else { Setup::Cascade { fourth } }
            }
            Setup::Cascade { fourth } => {
                self.cascades = value;
                last(fourth)
            }
            Setup::Mode => {
                self.ends_by_itself = value & MODE_AUTOMATIC_END != 0;
                self.nested = value & MODE_NESTED != 0;
                Setup::Done
            }
        };
    }

    /// Ends of interrupts, and priorities.
    const fn write_second(&mut self, value: u8) {
        let named = value & 7;
        let served = self.urgency(self.in_service);
        match value >> 5 {
            0b000 => self.turns_by_itself = false,
            0b100 => self.turns_by_itself = true,
            0b001 if served < 8 => self.in_service &= !(1 << self.line(served)),
            0b101 if served < 8 => {
                let line = self.line(served);
                self.in_service &= !(1 << line);
                self.turn = (line + 1) % 8;
            }
            0b011 => self.in_service &= !(1 << named),
            0b110 => self.turn = (named + 1) % 8,
            0b111 => {
                self.in_service &= !(1 << named);
                self.turn = (named + 1) % 8;
            }
            _ => {}
        }
    }

    const fn write_third(&mut self, value: u8) {
        self.polled = value & THIRD_POLL != 0;
        if value & THIRD_READ != 0 {
            self.reads_in_service = value & 1 != 0;
        }
        if value & THIRD_SPECIAL_MASK != 0 {
            self.special_mask = value & 0x20 != 0;
        }
    }

    /// How many lines are more urgent than the most urgent of `lines`; 8 for none.
    const fn urgency(&self, lines: u8) -> u8 {
        lines.rotate_right(self.turn as u32).trailing_zeros() as u8
    }

    /// The line of an urgency below 8.
    const fn line(&self, urgency: u8) -> u8 {
        (urgency + self.turn) % 8
    }
}
