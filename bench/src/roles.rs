//! What init and its partners agree upon.

use nun::aci;

/// Where a partner finds the port that it serves, calls, or sends its faults to.
pub const SERVICE: u64 = aci::slot::GRANTED;
/// Where it finds the Notification Port that it signals.
pub const SIGNALLED: u64 = SERVICE + 1;
/// Where it finds the one that it waits at.
pub const AWAITED: u64 = SERVICE + 2;

/// What a partner does; it learns that as the argument of its `main`.
pub mod role {
    /// Answers every message with itself.
    pub const SERVER: u64 = 0;
    /// Measures round trips to a server in another address space.
    pub const CROSS: u64 = 1;
    /// Measures round trips to a thread of its own.
    pub const SAME: u64 = 2;
    /// Lets every process that faults go on.
    pub const RESOLVER: u64 = 3;
    /// Measures faults.
    pub const FAULT: u64 = 4;
    /// Sends every signal back.
    pub const PONG: u64 = 5;
    /// Measures signals.
    pub const PING: u64 = 6;
    /// Measures kernel calls that concern nobody else.
    pub const ALONE: u64 = 7;
}

/// Labels of messages to init.
pub mod tell {
    /// All is measured.
    pub const DONE: u32 = 0;
    /// A thread is wanted; words: entry, stack pointer.
    pub const THREAD: u32 = 1;
}
