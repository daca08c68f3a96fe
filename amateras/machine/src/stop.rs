//! The end of a guest: why it does not go on, and how the processor stood that met the reason.

use core::fmt;

use a9n_abi::guest::{Exit, Situation, StateGroups};

use crate::Processor;
use crate::processor::CR0;

/// Why a guest does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It asked for a reset.
    Reset,
    /// A processor met a fault while it told of another that it could not tell of: a triple fault, which
    /// resets the machine.
    TripleFault,
    /// It switched itself off.
    Off,
    /// All its processors halted without a way to be woken.
    Halted,
    /// It has its code or its page tables at this address, where no memory is.
    NoMemory(u64),
    /// What stands at its instruction pointer, here, cannot be taken apart.
    NoInstruction(u64),
    /// The exit is none that this machine knows: its reason, and the detail.
    Unknown(u32, u64),
}

impl Stop {
    /// Whether the guest begins anew.
    pub const fn is_reset(self) -> bool {
        matches!(self, Self::Reset | Self::TripleFault)
    }

    /// Whether the guest wanted it.
    pub const fn is_wanted(self) -> bool {
        matches!(self, Self::Reset | Self::Off)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("it asked for a reset"),
            Self::TripleFault => f.write_str("a triple fault"),
            Self::Off => f.write_str("it switched itself off"),
            Self::Halted => f.write_str("all its processors halted with interrupts off"),
            Self::NoMemory(address) => {
                write!(f, "code or page tables at {address:#x}, where no memory is")
            }
            Self::NoInstruction(address) => {
                write!(f, "the instruction at {address:#x} cannot be read")
            }
            Self::Unknown(reason, detail) => {
                write!(f, "left for reason {reason}, {detail:#x}, which is not known")
            }
        }
    }
}

/// The end of a guest, and the processor that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub stop: Stop,
    /// How that processor stood.
    pub stand: Stand,
}

/// How a processor stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    number: usize,
    instruction: u64,
    situation: Situation,
    cr0: u64,
    page_table: u64,
}

impl Stand {
    /// How processor `number` stood, which left the guest by `exit`.
    pub fn of(number: usize, exit: &Exit, processor: &mut impl Processor) -> Self {
        let Exit { instruction, situation, page_table, .. } = *exit;
        let cr0 = processor.get(StateGroups::CONTROL, CR0);
        Self { number, instruction, situation, cr0, page_table }
    }
}

impl fmt::Display for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, instruction, situation, cr0, page_table } = self;
        let bits = match () {
            () if situation.has(Situation::CODE_64) => 64,
            () if situation.has(Situation::CODE_32) => 32,
            () => 16,
        };
        let level = situation.privilege();
        let interrupts = if situation.has(Situation::INTERRUPTS) { "on" } else { "off" };
        write!(f, "processor {number} was at {instruction:#x} ({bits} bits, level {level}, ")?;
        write!(f, "interrupts {interrupts}, CR0 {cr0:#x}, CR3 {page_table:#x})")
    }
}
