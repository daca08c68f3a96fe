//! From the firmware's memory descriptors to the memory map that the kernel gets.
//!
//! Firmware lists memory in any order, with overlaps, gaps and odd lengths. [`regions`] sweeps
//! over it page by page boundary and yields sorted, page-aligned, merged regions without
//! overlap. Where descriptors overlap, the more restrictive kind wins, that is the one with the
//! greater number; so what the loader placed (kernel, init, modules) is carved out of free
//! memory by adding a descriptor for it. Free memory is rounded to whole pages inwards,
//! everything else outwards.
//!
//! The sweep looks at each descriptor once per boundary, which is quadratic, but needs no
//! memory: there are some hundred descriptors, and this runs once.

use a9n_abi::boot::{MemoryKind, MemoryRegion, PAGE_BYTES};

use crate::PhysicalRange;

/// First page number past what any supported machine can address (52 bits).
const END_PAGE: u64 = 1 << 40;

/// A stretch of physical memory as firmware or loader describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Where it lies; need not be aligned.
    pub range: PhysicalRange,
    /// What it is.
    pub kind: MemoryKind,
}

impl Descriptor {
    /// Its first page and the page past its last, by number.
    fn pages(self) -> (u64, u64) {
        let (start, end) = (self.range.start, self.range.end());
        let (first, past) = match self.kind {
            _ if self.range.bytes == 0 => (0, 0),
            MemoryKind::Usable => (start.div_ceil(PAGE_BYTES), end / PAGE_BYTES),
            _ => (start / PAGE_BYTES, end.div_ceil(PAGE_BYTES)),
        };
        (first, past.min(END_PAGE))
    }
}

/// The memory map made of `descriptors`: see the module's description.
pub fn regions<I: Iterator<Item = Descriptor> + Clone>(descriptors: I) -> Regions<I> {
    Regions { descriptors, page: 0 }
}

/// Upper bound of the regions that `descriptors` descriptors can give: each region starts where
/// a descriptor starts or ends.
pub const fn region_bound(descriptors: u64) -> u64 {
    descriptors.saturating_mul(2)
}

/// Iterator over the regions of a memory map.
#[derive(Clone, Debug)]
pub struct Regions<I> {
    descriptors: I,
    page: u64,
}

impl<I: Iterator<Item = Descriptor> + Clone> Regions<I> {
    /// The kind of memory at page `from` (`None` for a hole) and the next page at which a
    /// descriptor starts or ends; `None` if there is no such page.
    fn stretch(&self, from: u64) -> Option<(u64, Option<MemoryKind>)> {
        let mut kind = None;
        let mut next = u64::MAX;
        for descriptor in self.descriptors.clone() {
            let (first, past) = descriptor.pages();
            if first >= past || past <= from {
                continue;
            }
            if first > from {
                next = next.min(first);
            } else {
                next = next.min(past);
                kind = kind.max(Some(descriptor.kind));
            }
        }
        (next != u64::MAX).then_some((next, kind))
    }
}

impl<I: Iterator<Item = Descriptor> + Clone> Iterator for Regions<I> {
    type Item = MemoryRegion;

    fn next(&mut self) -> Option<MemoryRegion> {
        let (kind, mut past) = loop {
            match self.stretch(self.page)? {
                (past, Some(kind)) => break (kind, past),
                (hole_past, None) => self.page = hole_past,
            }
        };
        while let Some((further, Some(next_kind))) = self.stretch(past) {
            if next_kind != kind {
                break;
            }
            past = further;
        }
        let region = MemoryRegion {
            start: self.page.saturating_mul(PAGE_BYTES),
            pages: past.saturating_sub(self.page),
            kind: kind as u32,
            reserved: 0,
        };
        self.page = past;
        Some(region)
    }
}
