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
//! - `AdderClient`, whose methods send the messages and wait for the answers;
//! - `AdderAsync`, whose methods are asynchronous, through a [`channel`](crate::channel).
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
//! request is not carried out, and the answer tells epoch, version and fingerprint of the right
//! one. The client compares versions, so opens its session, and calls again. That is how every
//! session begins: with epoch 0. The label of a reply is a status; its words are the value or the
//! method's own error.

mod failure;
mod protocol;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod wire;

pub use failure::{CallError, Failure};
pub use heapless::{String, Vec};
pub use nun_macros::Wire;
pub(crate) use protocol::{Answered, request, understand};
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
    /// The request was for another instance, and was not carried out. Words: the epoch of this one,
    /// the version of its interface, and its fingerprint.
    pub(super) const OTHER_INSTANCE: u32 = 2;
    /// The server's interface has no such method.
    pub(super) const UNKNOWN_METHOD: u32 = 3;
    /// The words are no arguments of this method.
    pub(super) const MALFORMED: u32 = 4;
    /// Too many calls wait already; it was not carried out.
    pub(super) const BUSY: u32 = 5;
}

/// Where the epoch stands in a label.
const EPOCH_SHIFT: u32 = 16;
