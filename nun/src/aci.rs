//! Application Capability Interface: what processes agree upon without the kernel's knowledge.
//!
//! It says where a process finds what it starts with, and what it says when it ends. For init the
//! kernel decides where things are ([`a9n_abi::init`]); a process that Nun starts
//! ([`Process`](crate::Process)) finds the same things in the same places, as far as it gets them
//! at all. The kernel knows nothing of this: whoever builds another system can start processes by a
//! [`Convention`] of their own.

use a9n_abi::init;

/// Where the IPC buffer is mapped.
pub const BUFFER_ADDRESS: u64 = init::INIT_BUFFER_ADDRESS;

/// Where init maps what it works on: boot modules, the memory of processes that it builds. No
/// program is linked here, and no stack lies here.
pub const WORKSPACE_ADDRESS: u64 = 0x7fe0_0000_0000;

/// Bytes that may be mapped there.
pub const WORKSPACE_BYTES: u64 = 1 << 36;

/// The part of the workspace where processes other than init map boot modules: for good, and only to be
/// read.
pub const MODULES_ADDRESS: u64 = WORKSPACE_ADDRESS + WORKSPACE_BYTES / 2;

/// Bytes that may be mapped there.
pub const MODULES_BYTES: u64 = WORKSPACE_BYTES / 4;

/// Where a program's [heap](crate::memory) lies.
pub const HEAP_ADDRESS: u64 = 0x1000_0000_0000;

/// Bytes that it may have.
pub const HEAP_BYTES: u64 = 1 << 40;

/// Radix of the node with the capabilities of a heap: 512 slots.
pub const HEAP_RADIX: u32 = 9;

/// The addresses that a process that Nun starts may use: all but the first page, where a null
/// pointer points, and what the kernel keeps empty at the end.
pub const USER_ADDRESSES: core::ops::Range<u64> = 0x1000..0x7fff_ffff_f000;

/// From where on Nun puts what may lie anywhere in such a process: thread-local storage, stacks of
/// threads. Far from address 0 and from every program.
pub const ANYWHERE_ADDRESS: u64 = 0x2000_0000_0000;

/// Radix of the root node of a process that Nun starts: 256 slots.
pub const NODE_RADIX: u32 = 8;

/// What a process finds when it starts, as its maker has to know it.
#[derive(Clone, Copy, Debug)]
pub struct Convention {
    /// Where its IPC buffer is mapped.
    pub buffer_address: u64,
    /// Radix of its root node.
    pub node_radix: u32,
    /// Slot of its own PCB.
    pub process: u64,
    /// Slot of its root node.
    pub node: u64,
    /// Slot of the port that learns how it ends.
    pub supervisor: u64,
}

/// Nun's own.
pub const NUN: Convention = Convention {
    buffer_address: BUFFER_ADDRESS,
    node_radix: NODE_RADIX,
    process: slot::PROCESS,
    node: slot::NODE,
    supervisor: slot::SUPERVISOR,
};

/// Slots of the root node at the start of a process.
pub mod slot {
    use a9n_abi::init;

    /// Its own PCB, to stop itself with; not to be configured with.
    pub const PROCESS: u64 = init::slot::PROCESS;
    /// Its root node.
    pub const NODE: u64 = init::slot::NODE;
    /// A port to whoever started it, if that granted one.
    pub const PARENT: u64 = 8;
    /// The port that learns how it ends, if anybody wants to know.
    pub const SUPERVISOR: u64 = 9;
    /// Memory for a heap, and an empty node of 2^[`HEAP_RADIX`](super::HEAP_RADIX) slots for what is
    /// made of it, if it was [granted](crate::Process::grant_heap) some; then also its own address space.
    pub const HEAP_MEMORY: u64 = 10;
    /// See above.
    pub const HEAP_NODE: u64 = 11;
    /// See above.
    pub const ADDRESS_SPACE: u64 = init::slot::ADDRESS_SPACE;
    /// The first slot for whatever else it is granted.
    pub const GRANTED: u64 = 16;
    /// The first slot that is its own to use.
    pub const FREE: u64 = 64;
}

/// Labels of messages that Nun sends by itself.
pub mod label {
    /// To [`SUPERVISOR`](super::slot::SUPERVISOR): the sender has ended, word 0 is its exit code.
    pub const EXITED: u32 = 0xa9e0_0001;
}

/// What lies at the thread-local base of a thread that Nun starts: words at these offsets. Below
/// it lies the thread's copy of the program's thread-local storage, as the System V ABI has it for
/// x86-64 (section 3.4.6, variant II).
pub mod thread {
    /// Its own address, which the ABI demands.
    pub const ITSELF: usize = 0;
    /// Address of the thread's IPC buffer.
    pub const BUFFER: usize = 8;
    /// Descriptor of its PCB.
    pub const PROCESS: usize = 16;
    /// Descriptor of the Notification Port that it signals when it ends; 0 for none.
    pub const ENDED: usize = 24;
    /// What it ended with.
    pub const RESULT: usize = 32;
    /// Bytes of all this.
    pub const BYTES: u64 = 64;
}
