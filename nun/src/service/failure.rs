//! What can go wrong with a call.

use core::convert::Infallible;
use core::fmt;

use super::Epoch;
use crate::Error;

/// Why a method gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure<E = Infallible> {
    /// The method's own error: the server carried the call out, and this is its answer.
    Method(E),
    /// There is no answer.
    Call(CallError),
}

/// Why there is no answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The server, this instance of it, died with the call. Whether it was carried out is not
    /// known. Methods that are idempotent were tried again, many times.
    ServerDied(Epoch),
    /// The server keeps starting anew: every session was lost before it could be used.
    SessionLost,
    /// The service is no more: its port is gone. Nobody restarts it.
    Gone,
    /// The server speaks this version of the interface, which is older than the client's, or the
    /// same with other methods.
    WrongVersion(u32),
    /// The server does not know the method.
    UnknownMethod,
    /// As many calls wait for the server as it has room for. This one was not carried out.
    Busy,
    /// Request or reply were not what the interface says.
    Malformed,
    /// Somebody cancelled the call. Whether it was carried out is not known.
    Cancelled,
    /// The kernel refused the call.
    Kernel(Error),
}

impl<E> From<CallError> for Failure<E> {
    #[inline]
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(error) => error.fmt(f),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerDied(epoch) => write!(f, "the server died (its epoch {epoch})"),
            Self::SessionLost => f.write_str("the server keeps starting anew"),
            Self::Gone => f.write_str("the service is gone"),
            Self::WrongVersion(version) => {
                write!(f, "the server's interface is another one, of version {version}")
            }
            Self::UnknownMethod => f.write_str("the server does not know this method"),
            Self::Busy => f.write_str("too many calls wait for the server"),
            Self::Malformed => f.write_str("the message does not fit the interface"),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Kernel(error) => error.fmt(f),
        }
    }
}
