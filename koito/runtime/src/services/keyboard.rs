//! A keyboard: what a terminal with its keys would send. Its sessions are those of the screen: Alt-F1 and
//! Alt-F2 choose one.

use super::Keys;

/// Reads keys.
#[nun::service(version = 2)]
pub trait Keyboard {
    /// The keys that were pressed since key `taken`, as [`Console::read`](super::Console::read) tells them.
    #[method(ordinal = 2, retry = idempotent, waits)]
    fn read(&self, taken: u64) -> Keys;
    /// The same, with no keys where there are none yet.
    #[method(ordinal = 3, retry = idempotent)]
    fn look(&self, taken: u64) -> Keys;
    /// Brings the caller's session to the front, unless whoever types has chosen one.
    #[method(ordinal = 4, retry = idempotent)]
    fn come_forward(&self);
}
