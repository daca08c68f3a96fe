//! One block in memory, and what it may be used for.

use alloc::boxed::Box;

/// What a change of a block is, which decides when it may reach its place on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Contents of files: written whenever that is convenient, at the latest before a commit.
    Data,
    /// Structure that belongs to a transaction: stays in memory until the transaction is
    /// committed and [`Cache::release`](crate::Cache::release) is called.
    Held,
}

/// How the contents of a frame differ from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It holds no block.
    Empty,
    /// Not at all.
    Clean,
    /// Changed contents of files.
    Data,
    /// Changed by a transaction that is not committed: must not be written.
    Held,
    /// Changed by a committed transaction: may be written at any time.
    Committed,
}

/// Memory for one block.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Which block; without meaning while empty.
    pub block: u64,
    pub state: State,
    /// Used since the hand of the clock passed.
    pub recent: bool,
    pub bytes: Box<[u8]>,
}

impl Frame {
    /// Whether the device lacks what it holds, and may have it.
    pub fn writable(&self) -> bool {
        matches!(self.state, State::Data | State::Committed)
    }
}
