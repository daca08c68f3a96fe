//! Virtio devices behind PCI (VIRTIO 1.2), in the modern form alone.
//!
//! [`Transport`] is what all kinds have in common: registers, queues, interrupts. It knows no kind; what a
//! kind does with the chains of its queues stands beside it ([`Block`], [`Console`], [`Entropy`], [`Network`]), and whoever
//! owns the machine carries it out. Registers only take notes: nothing reaches the guest's memory while the
//! guest waits for its access to end.

mod block;
mod chain;
mod common;
mod console;
mod entropy;
mod layout;
mod msix;
mod network;
mod queue;
mod transport;

pub use block::{
    Block, BlockSize, MOST_BYTES as MOST_BLOCK_BYTES, Operation, Request, SECTOR_BYTES,
};
pub use chain::{Chain, MOST_BUFFERS};
pub use console::Console;
pub use entropy::Entropy;
pub(crate) use layout::{MESSAGE_BYTES, PORT_COUNT, Socket};
pub use msix::Message;
pub use network::{FRAME_BYTES, Link, Network};
pub use queue::{MOST_ENTRIES, Malformed};
pub use transport::{Description, Kind, Transport};

/// Features of every kind (section 6).
pub(crate) mod feature {
    /// A descriptor may stand for a table of others.
    pub const INDIRECT: u64 = 1 << 28;
    /// Each side says at which index it wants to hear of the other.
    pub const EVENT_INDEX: u64 = 1 << 29;
    /// The modern form.
    pub const VERSION_1: u64 = 1 << 32;
}
