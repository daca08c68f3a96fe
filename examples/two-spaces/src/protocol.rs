//! What the two programs agree upon.

/// Slot in which the partner finds the port that it serves.
pub const SERVICE: u64 = nun::aci::slot::GRANTED;
/// Slot in which it finds the Notification Port that it signals.
pub const BELL: u64 = SERVICE + 1;

/// Words of a message that does not fit into registers.
pub const LONG: usize = 120;

/// Address of memory that the partner uses without having it.
pub const BORROWED: u64 = nun::aci::WORKSPACE_ADDRESS;
/// What it writes there.
pub const NOTE: u64 = 0xa9;

/// Labels: what the partner is asked to do. With any other it only answers.
pub mod ask {
    /// Answer with the same words in reverse order.
    pub const REVERSE: u32 = 1;
    /// Ring the bell.
    pub const RING: u32 = 2;
    /// Write a note to memory that is not there.
    pub const BORROW: u32 = 3;
}
