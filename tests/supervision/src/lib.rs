//! What the programs of this test say to each other.
//!
//! Clients call the victim without a pause. Each call that is to be carried out at most once has a
//! number of its own, which the victim passes on to the witness, which is never killed. So in the
//! end the witness knows whether something was done twice, and whether something was acknowledged
//! and never done.

#![no_std]
#![forbid(unsafe_code)]

use nun::service::{String, Wire};

/// The clients, by the identifiers with which the manifest's order makes the witness see them.
pub const CLIENTS: [u64; 4] = [3, 4, 5, 6];

/// What a client has seen in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Wire)]
pub struct Seen {
    /// Calls that may be repeated, all answered rightly.
    pub sums: u64,
    /// Calls to be carried out at most once that were answered.
    pub acknowledged: u64,
    /// Those that the server died with.
    pub unknown: u64,
    /// Instances of the server that it opened a session with.
    pub instances: u64,
}

/// What the witness has been told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Wire)]
pub struct Account {
    /// Numbers that the victim passed on.
    pub done: u64,
    /// Those that it passed on again.
    pub twice: u64,
    /// What the client has seen, once it has come to its end.
    pub seen: Option<Seen>,
}

/// The server that dies.
#[nun::service(version = 1)]
pub trait Victim {
    /// The sum of `a` and `b`, whatever it is.
    #[method(ordinal = 1, retry = idempotent)]
    fn add(&self, a: u64, b: u64) -> u64;
    /// The same text, which does not fit into registers.
    #[method(ordinal = 2, retry = idempotent)]
    fn repeat(&self, text: String<100>) -> String<100>;
    /// Passes `number` on to the witness.
    #[method(ordinal = 3, retry = at_most_once)]
    fn record(&self, number: u64);
    /// Faults.
    #[method(ordinal = 4, retry = at_most_once)]
    fn crash(&self);
    /// Runs for ever.
    #[method(ordinal = 5, retry = at_most_once)]
    fn hang(&self);
}

/// The server that remembers.
#[nun::service(version = 1)]
pub trait Witness {
    /// Takes down what the victim did for `client`.
    #[method(ordinal = 1, retry = at_most_once)]
    fn note(&self, client: u64, number: u64);
    /// Whether the clients have to come to their ends.
    #[method(ordinal = 2, retry = idempotent)]
    fn is_over(&self) -> bool;
    /// Lets them.
    #[method(ordinal = 3, retry = idempotent)]
    fn finish(&self);
    /// A client's last word.
    #[method(ordinal = 4, retry = idempotent)]
    fn report(&self, seen: Seen);
    /// What is known about the client at this place of [`CLIENTS`].
    #[method(ordinal = 5, retry = idempotent)]
    fn account(&self, place: u8) -> Account;
}
