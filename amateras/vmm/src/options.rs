//! What a virtual machine is made with, and why it cannot be.

use core::fmt;

use amateras_boot::{File, Refused, Unbootable};
use amateras_devices::virtio::Description;
use nun::Error;

/// What a virtual machine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of its memory: whole pages.
    pub memory: u64,
    /// Its processors: at least one, at most [`MOST_PROCESSORS`](amateras_devices::MOST_PROCESSORS).
    pub processors: usize,
    /// Priority of their processes: below the monitor's, which would not hear anything else.
    pub priority: u8,
    /// Priority of the monitor's threads: that of its first.
    pub monitor_priority: u8,
    /// Seconds since 1970 now.
    pub epoch: u64,
    /// Ticks of the time-stamp counter in a millisecond.
    pub ticks_per_millisecond: u64,
}

/// What runs in a virtual machine.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// The file of a Linux kernel. It is read whenever the guest begins, as is the next.
    pub kernel: &'a dyn File,
    /// Its initial file system.
    pub initrd: &'a dyn File,
    /// Its command line, of at most [`COMMAND_LINE_BYTES`](crate::COMMAND_LINE_BYTES). What only its machine knows is
    /// added: how fast the time-stamp counter is.
    pub command_line: &'a str,
    /// What is plugged into its bus.
    pub devices: &'a [Description],
}

/// Why a guest does not start.
#[derive(Clone, Copy, Debug)]
pub enum StartError {
    /// Its kernel cannot be used.
    Kernel(Unbootable),
    /// The machine is none for it.
    Machine(Refused),
    /// A kernel call failed.
    Refused(Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(error) => error.fmt(f),
            Self::Machine(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl From<Unbootable> for StartError {
    fn from(error: Unbootable) -> Self {
        Self::Kernel(error)
    }
}

impl From<Refused> for StartError {
    fn from(error: Refused) -> Self {
        Self::Machine(error)
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}
