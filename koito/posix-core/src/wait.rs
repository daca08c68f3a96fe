//! Which children a process waits for, and what it is told of them (wait(2)).

use koito_linux::Errno;

/// Which children are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    Any,
    /// This process.
    Process(u32),
    /// Those of this process group.
    Group(u32),
}

impl Which {
    /// As `wait4` says it, in a process of group `own`.
    pub const fn from_number(number: i32, own: u32) -> Result<Self, Errno> {
        match number {
            i32::MIN => Err(Errno::ESRCH),
            -1 => Ok(Self::Any),
            0 => Ok(Self::Group(own)),
            group if group < 0 => Ok(Self::Group(group.unsigned_abs())),
            process => Ok(Self::Process(process.unsigned_abs())),
        }
    }

    /// Whether the process with this number and group is meant.
    pub const fn means(self, number: u32, group: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Process(wanted) => wanted == number,
            Self::Group(wanted) => wanted == group,
        }
    }
}

/// How a process is, as far as it may have to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Running,
    /// It was continued.
    Continued,
    /// A signal stopped it.
    Stopped(u8),
    /// It ended by itself, with this code.
    Exited(u8),
    /// A signal ended it. There are no dumps.
    Killed(u8),
}

impl Life {
    /// The status that `wait4` tells.
    pub const fn status(self) -> u32 {
        match self {
            Self::Running => 0,
            Self::Continued => 0xffff,
            Self::Stopped(signal) => (signal as u32) << 8 | 0x7f,
            Self::Exited(code) => (code as u32) << 8,
            Self::Killed(signal) => signal as u32,
        }
    }

    /// Code and status of the `siginfo_t` that goes with it.
    pub const fn told(self) -> (i32, u32) {
        match self {
            Self::Running => (0, 0),
            Self::Exited(code) => (1, code as u32),
            Self::Killed(signal) => (2, signal as u32),
            Self::Stopped(signal) => (5, signal as u32),
            Self::Continued => (6, 18),
        }
    }

    /// Whether it is over.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Exited(_) | Self::Killed(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_what_the_macros_of_the_c_library_take_apart() {
        assert_eq!(Life::Exited(3).status(), 0x300);
        assert_eq!(Life::Killed(11).status(), 11);
        assert_eq!(Life::Stopped(20).status(), 0x147f);
        assert_eq!(Life::Continued.status(), 0xffff);
        assert!(Life::Killed(9).is_over() && !Life::Stopped(19).is_over());
    }

    #[test]
    fn children_are_chosen_by_number_or_group() {
        let which = |number| Which::from_number(number, 7).unwrap();
        assert!(which(-1).means(1, 2) && which(0).means(1, 7) && !which(0).means(1, 2));
        assert!(which(-2).means(1, 2) && which(5).means(5, 2) && !which(5).means(6, 5));
        assert_eq!(Which::from_number(i32::MIN, 7), Err(Errno::ESRCH));
    }
}
