//! How an operation ends that does not give its result.

use koito_linux::Errno;

use crate::inode::Time;
use crate::queue::QueueId;
use crate::remote::Request;

/// What a process in the background wanted of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To read: `SIGTTIN`.
    Read,
    /// To write or to change it: `SIGTTOU`.
    Write,
}

/// Why an operation has no result yet, or never will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It failed; nothing happened.
    Error(Errno),
    /// Nothing happened yet. It may be repeated when this queue is woken.
    Wait(QueueId),
    /// Nothing happened yet. It may be repeated when this queue is woken, and is repeated at this time.
    WaitUntil(QueueId, Time),
    /// The process is in the background of the terminal: its group gets this signal, then it is repeated.
    Background(Intent),
    /// Nothing happened yet. It is to be repeated when this request was answered.
    Fetch(Request),
    /// All is checked; what the answer to this request gives is the operation's result.
    Commit(Request),
}

/// The result of an operation.
pub type Result<T, E = Stop> = core::result::Result<T, E>;

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Error(errno)
    }
}

/// `Err`, short.
pub fn fail<T>(errno: Errno) -> Result<T> {
    Err(Stop::Error(errno))
}
