//! The IPC buffer: one page per process for what does not fit into registers.

use crate::{Access, Descriptor, MESSAGE_CAPABILITIES, MESSAGE_WORDS, Word};

/// Runs of pages in one batched mapping call.
pub const MAPPING_RUNS: usize = 100;

/// One run of pages for `map_many`, `unmap_many` and `protect_many`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MappingRun {
    /// First address.
    pub address: u64,
    /// Descriptor of the Window.
    pub window: u64,
    /// Offset into the frame in pages (bits 0..32), pages (bits 32..60), access (bits 60..64).
    pub extent: u64,
}

impl MappingRun {
    const PAGES_SHIFT: u32 = 32;
    const ACCESS_SHIFT: u32 = 60;

    /// `pages` pages (below 2^28) from page `offset` (below 2^32) of the frame on.
    pub const fn new(
        address: u64,
        window: Descriptor,
        offset: u64,
        pages: u64,
        access: Access,
    ) -> Self {
        let pages = (pages & 0xfff_ffff) << Self::PAGES_SHIFT;
        let access = access.bits() << Self::ACCESS_SHIFT;
        Self { address, window: window.0, extent: (offset & 0xffff_ffff) | pages | access }
    }

    /// First page of the frame.
    pub const fn offset(&self) -> u64 {
        self.extent & 0xffff_ffff
    }

    /// Number of pages.
    pub const fn pages(&self) -> u64 {
        (self.extent >> Self::PAGES_SHIFT) & 0xfff_ffff
    }

    /// What the mapping allows; `None` if it is none that can be mapped.
    pub fn access(&self) -> Option<Access> {
        Access::from_word(self.extent >> Self::ACCESS_SHIFT)
    }
}

/// Layout of the IPC buffer. The kernel reads it during a call and writes message words into it
/// when one arrives; it lies in an ordinary frame, so everything in it is as untrusted as a
/// register.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IpcBuffer {
    /// Message words by number. The first ones travel in registers and are not used here.
    pub words: [u64; MESSAGE_WORDS],
    /// Descriptors of the capabilities to send.
    pub capabilities: [u64; MESSAGE_CAPABILITIES],
    /// Descriptor of the node that received capabilities go into; 0 refuses them.
    pub receive_node: u64,
    /// First slot for received capabilities.
    pub receive_index: u64,
    /// How many consecutive slots may be filled.
    pub receive_slots: u64,
    /// Zero.
    pub reserved: u64,
    /// Runs for batched mapping.
    pub runs: [MappingRun; MAPPING_RUNS],
}

const _: () = assert!(size_of::<IpcBuffer>() <= crate::boot::PAGE_BYTES as usize);
