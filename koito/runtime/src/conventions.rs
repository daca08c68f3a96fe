//! What root server and components agree upon: where capabilities are, and what signals mean.

pub use koito_manifest::MOST_PIECES;
use koito_manifest::{CHANNEL_BITS, MOST_CHANNELS, MOST_DEVICES, MOST_USES};
use nun::aci;

/// Slots of a component's root node, besides those of [`nun::aci::slot`].
pub mod slot {
    use super::{MOST_CHANNELS, MOST_DEVICES, MOST_USES, aci};

    /// Sends the root server when it wants to be woken, if it may.
    pub const ALARM: u64 = aci::slot::PARENT;
    /// Its Notification Port, to wait at. It is bound to it as well.
    pub const NOTIFICATION: u64 = aci::slot::GRANTED;
    /// The port that it serves.
    pub const SERVED: u64 = NOTIFICATION + 1;
    /// Signals that it is alive.
    pub const HEARTBEAT: u64 = SERVED + 1;
    /// The ports that it may call, in the order of its manifest entry.
    pub const USED: u64 = HEARTBEAT + 1;
    /// Its I/O ports, likewise.
    pub const IO_PORTS: u64 = USED + MOST_USES as u64;
    /// Its interrupts, likewise.
    pub const INTERRUPTS: u64 = IO_PORTS + MOST_DEVICES as u64;
    /// The bells of those at the other ends of its channels, in the order of its environment.
    pub const CHANNELS: u64 = INTERRUPTS + MOST_DEVICES as u64;
    /// The frames of its boot modules, likewise, in the root node of one that builds processes.
    pub const MODULES: u64 = 1 << (super::BUILDER_RADIX - 1);
    /// All pieces of its pool but the first, right before them.
    pub const POOL: u64 = MODULES - super::MOST_PIECES as u64;
    /// Signals that a thread of its own wants something, in the root node of one that has memory for threads.
    pub const BELL: u64 = CHANNELS + MOST_CHANNELS as u64;
    /// Where the Replies of waiting callers go.
    pub const REPLIES: u64 = aci::slot::FREE;

    const _: () = assert!(BELL < aci::slot::FREE);
}

/// The slot of piece `index` of a component's pool.
pub const fn pool_slot(index: usize) -> u64 {
    if index == 0 { aci::slot::HEAP_MEMORY } else { slot::POOL + index as u64 }
}

/// Radix of the root node of a component that builds processes of its own: its slots from
/// [`aci::slot::FREE`] on are for them.
pub const BUILDER_RADIX: u32 = 14;
/// The same of one that has [`WIDE_MEMORY_BITS`] of memory, and the logarithm of those bytes.
pub const WIDE_RADIX: u32 = 15;
/// See above.
pub const WIDE_MEMORY_BITS: u8 = 24;

/// Signals that a component gets. Interrupt *n* of its manifest entry is bit *n*.
pub mod signal {
    /// The supervisor asks for a sign of life.
    pub const ALIVE: u64 = 1 << 63;
    /// The time that it asked for has come.
    pub const ALARM: u64 = 1 << 62;

    /// A thread of its own wants something.
    pub const THREAD: u64 = 1 << 61;

    /// The component's PCI device interrupted.
    pub const DEVICE: u64 = 1 << 8;

    /// There is something to do with a PCI device, if this is the PCI server.
    pub const ORDER: u64 = 1 << 9;

    /// Somebody rang at channel `index`.
    pub const fn channel(index: usize) -> u64 {
        1 << (16 + index)
    }
}

/// Where the environment is mapped: the last page of the workspace.
pub const ENVIRONMENT_ADDRESS: u64 =
    aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES - ENVIRONMENT_BYTES as u64;
/// Bytes of it, and their logarithm.
pub const ENVIRONMENT_BYTES: usize = 1 << ENVIRONMENT_BITS;
/// See above.
pub const ENVIRONMENT_BITS: u8 = 12;

/// The last GiB of the workspace, which is for what components share.
const SHARED_ADDRESS: u64 = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES - (1 << 30);

/// Where channel `index` is mapped.
pub const fn channel_address(index: usize) -> u64 {
    SHARED_ADDRESS + ((index as u64) << *CHANNEL_BITS.end())
}

/// Where the memory is mapped that a component shares with its device.
pub const DMA_ADDRESS: u64 = SHARED_ADDRESS + (1 << 29);

/// Where the framebuffer is mapped, below what components share.
pub const FRAMEBUFFER_ADDRESS: u64 = SHARED_ADDRESS - FRAMEBUFFER_BYTES;
/// Most bytes of a framebuffer that can be mapped.
pub const FRAMEBUFFER_BYTES: u64 = 1 << 30;

/// Logarithm of the bytes of the largest BAR that can be mapped.
pub const BAR_BITS: u8 = 25;

/// Where BAR `number` of a component's device is mapped.
pub const fn bar_address(number: u8) -> u64 {
    DMA_ADDRESS + (1 << 28) + ((number as u64) << BAR_BITS)
}

/// Where the PCI server has the table of interrupts of component `index`'s device. It has no BARs itself.
pub const fn table_address(index: usize) -> u64 {
    bar_address(0) + ((index as u64) << TABLE_BITS)
}

/// Logarithm of the bytes of the largest such table, with what shares its pages.
pub const TABLE_BITS: u8 = 16;
