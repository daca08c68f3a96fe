//! Who gets which of the 256 interrupt vectors.
//!
//! | vectors | use |
//! |---|---|
//! | 0–31 | exceptions |
//! | 32–47 | the legacy interrupt controllers, masked: only their spurious interrupts arrive |
//! | 48–143 | lines of the I/O APICs |
//! | 144–239 | message-signalled interrupts |
//! | 240 | the CPU's timer |
//! | 241 | from another CPU: forget translations |
//! | 242 | from another CPU: enter the kernel |
//! | 255 | spurious interrupts of the local APIC |

/// Number of an interrupt vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vector(pub u8);

use a9n_hal::Interrupt;

/// Lines of I/O APICs that have a vector.
pub const LINES: u8 = 96;
/// Message-signalled interrupts that have a vector.
pub const MESSAGES: u8 = 96;

/// What a vector means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An exception of the CPU.
    Exception,
    /// A device.
    Device(Interrupt),
    /// The CPU's timer.
    Timer,
    /// Another CPU, which wants translations forgotten.
    Forget,
    /// Another CPU, for the portable kernel.
    Nudge,
    /// Nothing that needs attention, not even an end of interrupt.
    Spurious,
}

impl Vector {
    /// First vector of the legacy controllers.
    pub const LEGACY: Self = Self(32);
    /// Vector of line 0.
    pub const FIRST_LINE: Self = Self(48);
    /// Vector of message 0.
    pub const FIRST_MESSAGE: Self = Self(Self::FIRST_LINE.0 + LINES);
    /// The CPU's timer.
    pub const TIMER: Self = Self(240);
    /// Translations are to be forgotten.
    pub const FORGET: Self = Self(241);
    /// The kernel is to be entered.
    pub const NUDGE: Self = Self(242);
    /// Spurious interrupts of the local APIC.
    pub const SPURIOUS: Self = Self(255);

    /// The vector of `interrupt`, if it has one.
    pub const fn of(interrupt: Interrupt) -> Option<Self> {
        match interrupt {
            Interrupt::Line(line) if line < LINES => Some(Self(Self::FIRST_LINE.0 + line)),
            Interrupt::Message(message) if message < MESSAGES => {
                Some(Self(Self::FIRST_MESSAGE.0 + message))
            }
            Interrupt::Line(_) | Interrupt::Message(_) => None,
        }
    }

    /// What it means.
    #[inline(always)]
    pub fn source(self) -> Source {
        if self < Self::LEGACY {
            Source::Exception
        } else if self < Self::FIRST_LINE {
            Source::Spurious
        } else if self < Self::FIRST_MESSAGE {
            Source::Device(Interrupt::Line(self.0 - Self::FIRST_LINE.0))
        } else if self < Self::TIMER {
            Source::Device(Interrupt::Message(self.0 - Self::FIRST_MESSAGE.0))
        } else {
            match self {
                Self::TIMER => Source::Timer,
                Self::FORGET => Source::Forget,
                Self::NUDGE => Source::Nudge,
                _ => Source::Spurious,
            }
        }
    }
}

const _: () = assert!(Vector::FIRST_MESSAGE.0 as u32 + MESSAGES as u32 == Vector::TIMER.0 as u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interrupt_has_its_own_vector_and_finds_back() {
        let lines = (0..LINES).map(Interrupt::Line);
        for interrupt in lines.chain((0..MESSAGES).map(Interrupt::Message)) {
            let vector = Vector::of(interrupt).unwrap();
            assert_eq!(vector.source(), Source::Device(interrupt));
        }
        assert_eq!(Vector::of(Interrupt::Line(LINES)), None);
        assert_eq!(Vector::of(Interrupt::Message(MESSAGES)), None);
    }

    #[test]
    fn the_other_vectors_are_told_apart() {
        assert_eq!(Vector(14).source(), Source::Exception);
        assert_eq!(Vector(39).source(), Source::Spurious);
        assert_eq!(Vector::TIMER.source(), Source::Timer);
        assert_eq!(Vector::FORGET.source(), Source::Forget);
        assert_eq!(Vector::NUDGE.source(), Source::Nudge);
        assert_eq!(Vector::SPURIOUS.source(), Source::Spurious);
    }
}
