//! Application Capability Interface: what processes agree upon without the kernel's knowledge.
//!
//! It says where a process finds what it starts with. For init the kernel decides
//! ([`a9n_abi::init`]); a process that Nun starts ([`Process`](crate::Process)) finds the same
//! things in the same places, as far as it gets them at all. Whoever builds another system can
//! replace this module: the kernel knows nothing of it.

use a9n_abi::init;

/// Where the IPC buffer is mapped.
pub const BUFFER_ADDRESS: u64 = init::INIT_BUFFER_ADDRESS;

/// Where init maps what it works on: boot modules, the memory of processes that it builds. No
/// program is linked here, and no stack lies here.
pub const WORKSPACE_ADDRESS: u64 = 0x7fe0_0000_0000;

/// Bytes that may be mapped there.
pub const WORKSPACE_BYTES: u64 = 1 << 36;

/// Radix of the root node of a process that Nun starts: 256 slots.
pub const NODE_RADIX: u32 = 8;

/// Slots of the root node at the start of a process.
pub mod slot {
    use a9n_abi::init;

    /// Its own PCB, to stop itself with; not to be configured with.
    pub const PROCESS: u64 = init::slot::PROCESS;
    /// Its root node.
    pub const NODE: u64 = init::slot::NODE;
    /// A port to whoever started it, if that granted one.
    pub const PARENT: u64 = 8;
    /// The first slot for whatever else it is granted.
    pub const GRANTED: u64 = 16;
    /// The first slot that is its own to use.
    pub const FREE: u64 = 64;
}
