//! Services: an interface defined once, as a trait.
//!
//! ```ignore
//! #[nun::service(version = 1)]
//! pub trait Adder {
//!     /// The sum of `a` and `b`.
//!     #[method(ordinal = 1, retry = idempotent)]
//!     fn add(&self, a: u64, b: u64) -> Result<u64, Overflow>;
//! }
//! ```
//!
//! makes of this
//! - the trait `Adder` that a server implements; its methods get a [`Caller`] besides;
//! - `AdderServer`, which turns messages into calls of these methods: [`serve`] runs it, or
//!   [`executor::Place::serve`](crate::executor::Place::serve) if a method is marked `waits`;
//! - `AdderClient`, whose methods send the messages.
//!
//! An *ordinal* names a method for good. `retry` says what the client does when the server died
//! with the call: it calls again (`idempotent`), or tells its user (`at_most_once`). `waits` makes
//! the server's method asynchronous. Arguments and results are types with [`Wire`]; that they fit
//! into a message is checked when the program is compiled.
//!
//! # On the wire
//! The label of a request holds the ordinal (bits 0..16) and the *epoch* of the server that the
//! client's session is with (bits 16..32). A server's epoch is told by whoever starts it, anew at
//! each start, and never 0. So one comparison finds out who speaks to the wrong instance: that
//! request is not carried out, and answered with *session lost*. A label of 0 opens a session; it
//! is where versions are compared. The label of a reply is a status; its words are the value or
//! the method's own error.

mod failure;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod wire;

pub use failure::{CallError, Failure};
pub use heapless::{String, Vec};
pub use nun_macros::Wire;
pub(crate) use server::{BUSY, ordinal};
pub use server::{Caller, Interface, Service, respond, serve};
#[doc(hidden)]
pub use server::{MALFORMED, UNKNOWN_METHOD, decode, outcome, value};
pub use session::{Retry, Session};
#[doc(hidden)]
pub use session::{read_outcome, read_value};
#[doc(hidden)]
pub use wire::assert_fits;
pub use wire::{Reader, Wire, Writer};

/// Which instance of a server it is, counted by whoever starts it; never 0.
pub type Epoch = u16;

/// Labels of replies.
mod status {
    /// The words are the value.
    pub(super) const VALUE: u32 = 0;
    /// The words are the method's own error.
    pub(super) const ERROR: u32 = 1;
    /// The request was for another instance, and was not carried out.
    pub(super) const SESSION_LOST: u32 = 2;
    /// The server's interface has no such method.
    pub(super) const UNKNOWN_METHOD: u32 = 3;
    /// The words are no arguments of this method.
    pub(super) const MALFORMED: u32 = 4;
    /// The session cannot be opened; the word is the server's version.
    pub(super) const WRONG_VERSION: u32 = 5;
    /// Too many calls wait already; it was not carried out.
    pub(super) const BUSY: u32 = 6;
}

/// Label of a request that opens a session. Words: the client's version and fingerprint. The
/// reply's word is the epoch.
const OPEN: u32 = 0;
/// Where the epoch stands in a label.
const EPOCH_SHIFT: u32 = 16;
