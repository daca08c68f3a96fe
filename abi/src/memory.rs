//! How memory is mapped and what a fault says.

use bitflags::bitflags;

bitflags! {
    /// What a mapping lets the process do. Write and execute together are refused (W^X).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Access: u64 {
        /// Loads.
        const READ = 1;
        /// Stores; implies loads on most machines.
        const WRITE = 2;
        /// Instruction fetches.
        const EXECUTE = 4;
    }
}

/// How the CPU may cache a mapping. Numbers are part of the interface.
#[repr(u64)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryType {
    /// Ordinary write-back memory.
    #[default]
    Normal = 0,
    /// Device registers: uncached, unmerged, in order.
    Device = 1,
    /// Framebuffers: uncached, writes may merge.
    WriteCombining = 2,
}

impl MemoryType {
    /// The type with this number.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Normal,
            1 => Self::Device,
            2 => Self::WriteCombining,
            _ => return None,
        })
    }
}

/// Why a process was stopped. Numbers are part of the interface.
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultReason {
    /// An address that is not mapped, or not for this access; the code holds [`Access`] bits of
    /// what was tried.
    Page = 1,
    /// An undefined or disabled instruction.
    InvalidInstruction = 2,
    /// An instruction or operand that user mode may not use; the code is the machine's.
    Protection = 3,
    /// Division by zero or overflow of its result.
    Division = 4,
    /// A breakpoint instruction.
    Breakpoint = 5,
    /// Single step or a debug register.
    Debug = 6,
    /// FPU or SIMD used without a Vector State.
    VectorUnavailable = 7,
    /// An unmasked FPU or SIMD exception; the code is the machine's status word.
    VectorException = 8,
    /// A misaligned access where the machine refuses one.
    Alignment = 9,
    /// Anything else; the code is the machine's exception number.
    Other = 10,
}

impl FaultReason {
    /// The reason with this number.
    pub const fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Page,
            2 => Self::InvalidInstruction,
            3 => Self::Protection,
            4 => Self::Division,
            5 => Self::Breakpoint,
            6 => Self::Debug,
            7 => Self::VectorUnavailable,
            8 => Self::VectorException,
            9 => Self::Alignment,
            10 => Self::Other,
            _ => return None,
        })
    }

    /// Its name in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::InvalidInstruction => "invalid instruction",
            Self::Protection => "protection",
            Self::Division => "division",
            Self::Breakpoint => "breakpoint",
            Self::Debug => "debug",
            Self::VectorUnavailable => "vector unit unavailable",
            Self::VectorException => "vector exception",
            Self::Alignment => "alignment",
            Self::Other => "other",
        }
    }
}

/// Label of the reply to a fault, a foreign call or a *stopped* message: what becomes of the
/// process. Numbers are part of the interface.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It goes on. To a foreign call, message word 0 is the result; every other register is as it
    /// was.
    Resume = 0,
    /// It stays stopped until somebody resumes it.
    Stop = 1,
    /// It goes on with its registers as they stand in its PCB, also after a foreign call.
    ResumeWhole = 2,
}

impl Verdict {
    /// The verdict with this number; an unknown one stops.
    pub const fn from_label(label: u32) -> Self {
        match label {
            0 => Self::Resume,
            2 => Self::ResumeWhole,
            _ => Self::Stop,
        }
    }
}
