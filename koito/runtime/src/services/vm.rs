//! A virtual machine with a guest in it.

use core::fmt;

use nun::service::{Vec, Wire};

use super::KEY_BYTES;

/// Bytes of its pool that a monitor needs itself: all others are its guest's memory.
pub const MONITOR_BYTES: u64 = 4 << 20;

/// How a virtual machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum VmCondition {
    /// Its guest runs.
    Running = 1,
    /// Its guest waits for an interrupt.
    Waiting = 2,
    /// It is stopped until somebody lets it go on.
    Paused = 3,
    /// It switched itself off, or cannot go on.
    Off = 4,
}

impl fmt::Display for VmCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Off => "off",
        })
    }
}

/// Where what a guest writes can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum VmTerminal {
    /// On the serial line.
    Console = 1,
    /// On the screen.
    Screen = 2,
}

/// A virtual machine, to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct VmStatus {
    /// How it is.
    pub condition: VmCondition,
    /// How many processors it has.
    pub processors: u8,
    /// Bytes of its memory.
    pub memory: u64,
    /// Milliseconds since its guest last began.
    pub uptime: u64,
    /// How often its guest was left.
    pub exits: u64,
    /// The address of its network card, the first byte being the highest of six.
    pub address: Option<u64>,
}

/// Why a virtual machine does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum VmError {
    /// It is so already, or is off.
    NotNow = 1,
}

impl fmt::Display for VmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNow => f.write_str("it is so already, or is off"),
        }
    }
}

/// Controls a virtual machine, and types on its serial port.
#[nun::service(version = 3)]
pub trait Vm {
    /// How it is.
    #[method(ordinal = 1, retry = idempotent)]
    fn status(&self) -> VmStatus;
    /// From now on what the guest writes is shown there, and nowhere else; at first the last of what it wrote
    /// while nobody looked.
    #[method(ordinal = 8, retry = idempotent)]
    fn attach(&self, terminal: VmTerminal);
    /// It is not shown there any more, if it was.
    #[method(ordinal = 9, retry = idempotent)]
    fn detach(&self, terminal: VmTerminal);
    /// Bytes come in at the guest's serial port. Answers how many there was room for.
    #[method(ordinal = 3, retry = at_most_once)]
    fn input(&self, bytes: Vec<u8, KEY_BYTES>) -> u64;
    /// Stops the guest where it is. Its clock goes on.
    #[method(ordinal = 4, retry = at_most_once)]
    fn pause(&self) -> Result<(), VmError>;
    /// Lets it go on.
    #[method(ordinal = 5, retry = at_most_once)]
    fn resume(&self) -> Result<(), VmError>;
    /// Lets it begin again, soon, also when it is off.
    #[method(ordinal = 10, retry = at_most_once)]
    fn reset(&self);
}
