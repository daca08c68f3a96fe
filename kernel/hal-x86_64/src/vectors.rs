//! Who gets which of the 256 interrupt vectors.
//!
//! | vectors | use |
//! |---|---|
//! | 0–31 | exceptions |
//! | 32–47 | the legacy interrupt controllers, masked: only their spurious interrupts arrive |
//! | 48–239 | lines of the I/O APICs |
//! | 240 | the CPU's timer |
//! | 255 | spurious interrupts of the local APIC |

/// Number of an interrupt vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vector(pub u8);

/// Lines of I/O APICs that have a vector.
pub const LINES: u32 = 192;

/// What a vector means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An exception of the CPU.
    Exception,
    /// A line of an I/O APIC.
    Line(u32),
    /// The CPU's timer.
    Timer,
    /// Nothing that needs attention, not even an end of interrupt.
    Spurious,
}

impl Vector {
    /// First vector of the legacy controllers.
    pub const LEGACY: Self = Self(32);
    /// Vector of line 0.
    pub const FIRST_LINE: Self = Self(48);
    /// The CPU's timer.
    pub const TIMER: Self = Self(240);
    /// Spurious interrupts of the local APIC.
    pub const SPURIOUS: Self = Self(255);

    /// The vector of `line`, if it has one.
    pub const fn of_line(line: u32) -> Option<Self> {
        if line < LINES { Some(Self(Self::FIRST_LINE.0 + line as u8)) } else { None }
    }

    /// What it means.
    pub fn source(self) -> Source {
        if self < Self::LEGACY {
            Source::Exception
        } else if self < Self::FIRST_LINE {
            Source::Spurious
        } else if self < Self::TIMER {
            Source::Line((self.0 - Self::FIRST_LINE.0).into())
        } else if self == Self::TIMER {
            Source::Timer
        } else {
            Source::Spurious
        }
    }
}

const _: () = assert!(Vector::FIRST_LINE.0 as u32 + LINES == Vector::TIMER.0 as u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_own_vector_and_finds_back() {
        for line in 0..LINES {
            let vector = Vector::of_line(line).unwrap();
            assert_eq!(vector.source(), Source::Line(line));
        }
        assert_eq!(Vector::of_line(LINES), None);
    }

    #[test]
    fn the_other_vectors_are_told_apart() {
        assert_eq!(Vector(14).source(), Source::Exception);
        assert_eq!(Vector(39).source(), Source::Spurious);
        assert_eq!(Vector::TIMER.source(), Source::Timer);
        assert_eq!(Vector::SPURIOUS.source(), Source::Spurious);
    }
}
