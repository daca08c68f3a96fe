//! Starts Linux programs.

use core::fmt;

use nun::service::{String, Wire};

/// Longest command, in bytes.
pub const COMMAND_BYTES: usize = 240;
/// Longest name of a system call, in bytes.
pub const CALL_NAME_BYTES: usize = 32;

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

/// Runs unmodified Linux programs.
#[nun::service(version = 1)]
pub trait Posix {
    /// Starts the program at the path that is the first word of `command`, with all words as its
    /// arguments, on the console. Answers its process number.
    #[method(ordinal = 1, retry = at_most_once)]
    fn start(&self, command: String<COMMAND_BYTES>) -> Result<u32, PosixError>;
    /// How a program ended that was started, as `wait4` tells it; `None` while it runs. It is told once.
    #[method(ordinal = 2, retry = at_most_once)]
    fn ended(&self, number: u32) -> Result<Option<u32>, PosixError>;
    /// The first system call, from number `from` on, that some program made and that is not there.
    #[method(ordinal = 3, retry = idempotent)]
    fn missing(&self, from: u32) -> Option<CallCount>;
}
