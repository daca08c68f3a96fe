//! Starts Linux programs.

use core::fmt;

use nun::service::{String, Vec, Wire};

use super::KEY_BYTES;

/// Longest command, in bytes.
pub const COMMAND_BYTES: usize = 240;
/// Longest name of a system call, in bytes.
pub const CALL_NAME_BYTES: usize = 32;

/// Most bytes that are shown at a time.
pub const SHOWN_BYTES: usize = 240;
/// Most bytes that come back unread.
pub const UNREAD_BYTES: usize = 480;

/// How often programs made a call that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct CallCount {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String<CALL_NAME_BYTES>,
    /// How often.
    pub count: u32,
}

/// Why a program was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum PosixError {
    /// There is no file at its path.
    NoProgram = 1,
    /// The file is no program for this machine.
    NotExecutable = 2,
    /// There is not enough memory.
    NoMemory = 3,
    /// No such program was started, or its end was told already.
    NoProcess = 4,
}

impl fmt::Display for PosixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoProgram => "there is no such program",
            Self::NotExecutable => "that is no program for this machine",
            Self::NoMemory => "there is not enough memory",
            Self::NoProcess => "there is no such process",
        })
    }
}

/// What came of an exchange with a program's terminal.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct Relayed {
    /// What is to be shown.
    pub shown: Vec<u8, SHOWN_BYTES>,
    /// How the program ended, as `wait4` would tell it; nothing while it runs.
    pub ended: Option<u32>,
    /// Keys that a program that is over did not read, those of the call included.
    pub unread: Vec<u8, UNREAD_BYTES>,
}

/// Runs unmodified Linux programs.
#[nun::service(version = 2)]
pub trait Posix {
    /// Starts the program at the path that is the first word of `command`, with all words as its
    /// arguments, on a terminal of the caller's, whose program it is to [relay](Self::relay): of so many rows and
    /// columns, or of unknown size. A program that the caller started before ends. Answers its process number.
    #[method(ordinal = 4, retry = at_most_once)]
    fn start(&self, command: String<COMMAND_BYTES>, size: (u16, u16)) -> Result<u32, PosixError>;
    /// Types `keys` at a program's terminal, and takes what that shows. That a program is over is
    /// told once, when everything is shown.
    #[method(ordinal = 5, retry = at_most_once)]
    fn relay(&self, number: u32, keys: Vec<u8, KEY_BYTES>) -> Result<Relayed, PosixError>;
    /// The first system call, from number `from` on, that some program made and that is not there.
    #[method(ordinal = 3, retry = idempotent)]
    fn missing(&self, from: u32) -> Option<CallCount>;
}
