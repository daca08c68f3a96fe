//! The IPC buffer: one page per process for what does not fit into registers.

use crate::boot::PAGE_BYTES;
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

/// Where in the IPC buffer, in bytes, `read_vector` and `write_vector` have their image of an extended
/// state: in the place of the runs, aligned as the machine wants it.
///
/// On x86_64 the image is an XSAVE area in the standard format (Intel SDM, volume 1, section 13.4),
/// which is also that of a Linux signal frame: the legacy area of 512 bytes, the header of 64, then
/// the other components where CPUID leaf 0xd puts them. A component whose bit in `XSTATE_BV` (bytes
/// 512 to 520) is 0 is in its initial state, whatever its bytes are. An image is refused if
/// `XSTATE_BV` has a bit that XCR0 lacks, if another byte of the header is not 0 (which excludes
/// the compacted format), or if MXCSR (bytes 24 to 28) has a bit that the machine lacks. On a CPU
/// without XSAVE the image is the legacy area alone.
pub const VECTOR_IMAGE_OFFSET: usize = 1152;

/// Longest image of an extended state, in bytes.
pub const VECTOR_IMAGE_BYTES: usize = PAGE_BYTES as usize - VECTOR_IMAGE_OFFSET;

const _: () = assert!(size_of::<IpcBuffer>() <= PAGE_BYTES as usize);
const _: () = assert!(VECTOR_IMAGE_OFFSET.is_multiple_of(64));
const _: () = assert!(VECTOR_IMAGE_OFFSET >= core::mem::offset_of!(IpcBuffer, runs));
