//! Memory that the direct entry hands out, from one piece of free memory below 4 GiB.

use core::{fmt, ptr, slice};

use a9n_abi::boot::{MemoryKind, PAGE_BYTES};
use a9n_loader_core::{
    PhysicalRange,
    hand_over::{Machine, Mapping},
    memory_map::{Descriptor, regions},
};

use crate::bytes::MAPPED_BYTES;

/// The biggest piece of free memory from `from` on that is mapped.
pub fn biggest(
    memory: impl Iterator<Item = Descriptor> + Clone,
    from: u64,
) -> Option<PhysicalRange> {
    let from = from.checked_next_multiple_of(PAGE_BYTES)?;
    regions(memory)
        .filter(|region| region.kind == MemoryKind::Usable as u32)
        .map(|region| {
            let end = region.start.saturating_add(region.pages.saturating_mul(PAGE_BYTES));
            let start = region.start.max(from);
            PhysicalRange { start, bytes: end.min(MAPPED_BYTES).saturating_sub(start) }
        })
        .filter(|range| range.bytes > 0)
        .max_by_key(|range| range.bytes)
}

/// Hands out pages from the bottom of one piece of memory.
pub struct Arena {
    given: PhysicalRange,
    free: PhysicalRange,
}

impl Arena {
    /// An arena that hands out `range`.
    ///
    /// # Safety
    /// `range` must start at a page, be mapped writable where virtual equals physical address,
    /// and be used by nothing but this arena as long as that lives.
    pub unsafe fn new(range: PhysicalRange) -> Self {
        Self { given: PhysicalRange { bytes: 0, ..range }, free: range }
    }
}

impl Machine for Arena {
    fn allocate(&mut self, pages: u64, _preferred: Option<u64>) -> Option<u64> {
        let bytes = pages.checked_mul(PAGE_BYTES)?;
        let left = self.free.bytes.checked_sub(bytes)?;
        let start = self.free.start;
        let place = ptr::with_exposed_provenance_mut::<u8>(start as usize);
        // SAFETY: by `new`'s contract the free range is ours and mapped, and the pages lie in it.
        unsafe { ptr::write_bytes(place, 0, bytes as usize) };
        self.free = PhysicalRange { start: start.checked_add(bytes)?, bytes: left };
        self.given.bytes = self.given.bytes.saturating_add(bytes);
        Some(start)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let range = PhysicalRange { start: address, bytes: bytes.len() as u64 };
        if !self.given.contains(range) {
            return None;
        }
        let place = ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: by `new`'s contract the given range is ours and mapped, no other reference to
        // it exists, and the bytes lie in it.
        let place = unsafe { slice::from_raw_parts_mut(place, bytes.len()) };
        for (byte, value) in place.iter_mut().zip(bytes) {
            *byte = *value;
        }
        Some(())
    }

    fn map_kernel(&mut self, _mapping: Mapping) -> Option<()> {
        // The kernel runs already, on mappings of its own.
        None
    }

    fn progress(&mut self, _text: fmt::Arguments<'_>) {
        // The kernel's console is not up yet.
    }
}
