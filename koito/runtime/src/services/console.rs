//! A terminal: text out, keys in. Two sessions share it, one in front at a time; a session is its callers',
//! so that nobody reads what is typed to the other.

use nun::service::{String, Vec, Wire};

/// Longest text of one call, in bytes.
pub const TEXT_BYTES: usize = 240;
/// Most keys of one answer.
pub const KEY_BYTES: usize = 64;

/// Keys, numbered in the order in which they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Wire)]
pub struct Keys {
    /// Number of the first.
    pub first: u64,
    /// What they send.
    pub bytes: Vec<u8, KEY_BYTES>,
}

impl Keys {
    /// Number of the key behind them: what says, at the next reading, that these were taken.
    pub fn end(&self) -> u64 {
        self.first + self.bytes.len() as u64
    }
}

/// Writes text and reads keys.
#[nun::service(version = 5)]
pub trait Console {
    /// Writes `text`; a line feed also returns the carriage. Waits while there is no room; in a session that is
    /// not in front, what was written first is forgotten instead. When the driver dies, some text may come twice.
    #[method(ordinal = 1, retry = idempotent, waits)]
    fn write(&self, text: String<TEXT_BYTES>);
    /// The keys that were typed since key `taken`: those before it are the caller's, and are told no more. Waits
    /// until there are some, or until somebody else reads in this session. Who begins says 0, and gets what
    /// nobody took.
    #[method(ordinal = 6, retry = idempotent, waits)]
    fn read(&self, taken: u64) -> Keys;
    /// Writes `bytes` as they are: for who is a terminal's program itself, as a guest is. Otherwise as
    /// [`write`](Self::write).
    #[method(ordinal = 3, retry = idempotent, waits)]
    fn write_bytes(&self, bytes: Vec<u8, TEXT_BYTES>);
    /// The same as [`read`](Self::read), with no keys where there are none yet.
    #[method(ordinal = 7, retry = idempotent)]
    fn look(&self, taken: u64) -> Keys;
    /// Brings the caller's session to the front, as a system begins: unless somebody did so with a higher `rank`,
    /// or whoever types has chosen since.
    #[method(ordinal = 8, retry = idempotent)]
    fn come_forward(&self, rank: u8);
    /// Brings the other session to the front, and gives it what was typed since key `taken`. Whether there is
    /// another.
    #[method(ordinal = 9, retry = at_most_once)]
    fn step_back(&self, taken: u64) -> bool;
}
