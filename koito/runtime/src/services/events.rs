//! What the root server has to tell: starts that failed, faults, ends.

use nun::service::{String, Wire};

use super::LINE_BYTES;

/// Something that happened to a component.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct Event {
    /// Its number, counted from 0.
    pub number: u64,
    /// When it happened, in milliseconds as [`Clock`](super::Clock) counts them.
    pub time: u64,
    /// What happened.
    pub text: String<LINE_BYTES>,
}

/// Tells what happened lately. The right to read this is no right to do anything else.
#[nun::service(version = 1)]
pub trait Events {
    /// The first event that is kept and has at least this `number`.
    #[method(ordinal = 1, retry = idempotent)]
    fn read(&self, number: u64) -> Option<Event>;
}
