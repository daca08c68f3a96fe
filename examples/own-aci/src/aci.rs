//! The conventions of this system, in the place of Nun's.
//!
//! A process finds the port to the system in slot 1, before everything else; it has a root node of 32
//! slots and its IPC buffer far below its program. It never stops by itself: it asks for its end.

use nun::aci::Convention;

/// What a process of this system finds.
pub const OURS: Convention =
    Convention { buffer_address: 0x10_0000, node_radix: 5, process: 30, node: 31, supervisor: 2 };

/// Slot of the port to the system.
pub const SYSTEM_SLOT: u64 = 1;

/// What the system can be asked: labels of messages.
pub mod ask {
    /// Add up all words.
    pub const SUM: u32 = 100;
    /// End me. There is no answer.
    pub const END: u32 = 101;
}
