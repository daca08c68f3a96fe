//! A terminal: text out, keys in.

use nun::service::{String, Vec};

/// Longest text of one call, in bytes.
pub const TEXT_BYTES: usize = 240;
/// Most keys of one answer.
pub const KEY_BYTES: usize = 64;

/// Writes text and reads keys.
#[nun::service(version = 4)]
pub trait Console {
    /// Writes `text`; a line feed also returns the carriage. Waits while there is no room. When
    /// the driver dies, some text may come twice.
    #[method(ordinal = 1, retry = idempotent, waits)]
    fn write(&self, text: String<TEXT_BYTES>);
    /// The keys that were typed since; waits until there are some, or until [reads end](Self::end_reads). Each
    /// key goes to one caller.
    #[method(ordinal = 2, retry = at_most_once, waits)]
    fn read(&self) -> Vec<u8, KEY_BYTES>;
    /// Writes `bytes` as they are: for who is a terminal's program itself, as a guest is. Otherwise as
    /// [`write`](Self::write).
    #[method(ordinal = 3, retry = idempotent, waits)]
    fn write_bytes(&self, bytes: Vec<u8, TEXT_BYTES>);
    /// Gives back keys that [`read`](Self::read) answered and that are somebody else's: they are the next to
    /// be read.
    #[method(ordinal = 4, retry = at_most_once)]
    fn give_back(&self, keys: Vec<u8, KEY_BYTES>);
    /// Answers every [`read`](Self::read) that waits, with no keys: for who read on behalf of somebody that
    /// is gone. What is typed from now on is for who reads from now on.
    #[method(ordinal = 5, retry = idempotent)]
    fn end_reads(&self);
}
