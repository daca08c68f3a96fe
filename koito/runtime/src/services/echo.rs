//! A service to try things out with.

use nun::service::{String, Wire};

/// Why there is no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum EchoError {
    /// It is too large.
    Overflow = 1,
}

/// Answers, and can be made to fail.
#[nun::service(version = 1)]
pub trait Echo {
    /// The sum of `a` and `b`.
    #[method(ordinal = 1, retry = idempotent)]
    fn add(&self, a: u64, b: u64) -> Result<u64, EchoError>;
    /// The same text.
    #[method(ordinal = 2, retry = idempotent)]
    fn repeat(&self, text: String<128>) -> String<128>;
    /// How often this instance was asked this.
    #[method(ordinal = 3, retry = at_most_once)]
    fn count(&self) -> u64;
    /// Faults. There is no answer.
    #[method(ordinal = 4, retry = at_most_once)]
    fn crash(&self);
    /// Runs for ever. There is no answer.
    #[method(ordinal = 5, retry = at_most_once)]
    fn hang(&self);
}
