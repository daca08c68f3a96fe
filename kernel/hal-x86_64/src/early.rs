//! The pages that the kernel takes for itself before it starts: its page tables.
//!
//! They come from the end of the largest usable region below 4 GiB, downwards; what is left of
//! the region goes on to the portable kernel. Nothing is ever given back.

use a9n_abi::boot::{MemoryKind, MemoryRegion, PAGE_BYTES};
use a9n_hal::PhysicalAddress;

/// Memory up to here is seen through every loader's identity map.
const REACHABLE_END: u64 = 1 << 32;

/// Pages not yet taken.
#[derive(Debug)]
pub struct EarlyPages {
    start: u64,
    pages: u64,
}

/// Whether a region is of this kind.
pub fn is_kind(region: &MemoryRegion, kind: MemoryKind) -> bool {
    region.kind == kind as u32
}

/// First address past a region.
pub fn end(region: &MemoryRegion) -> u64 {
    let bytes = region.pages.saturating_mul(PAGE_BYTES);
    region.start.saturating_add(bytes)
}

/// A free page below 1 MiB (and below what PCs have there besides memory), but not page 0. No
/// [`EarlyPages`] ever hand it out.
pub fn low_page(map: &[MemoryRegion]) -> Option<u32> {
    const END: u64 = 0xa_0000;
    let early = EarlyPages::from_map(map)?;
    map.iter()
        .filter(|region| is_kind(region, MemoryKind::Usable) && region.start != early.start)
        .map(|region| (region.start.max(PAGE_BYTES), end(region).min(END)))
        .find(|(start, end)| *start < *end)
        .and_then(|(start, _)| u32::try_from(start).ok())
}

impl EarlyPages {
    /// Those of the largest usable region in `map`; `None` if there is no usable region.
    pub fn from_map(map: &[MemoryRegion]) -> Option<Self> {
        map.iter()
            .filter(|region| is_kind(region, MemoryKind::Usable) && end(region) <= REACHABLE_END)
            .max_by_key(|region| region.pages)
            .map(|region| Self { start: region.start, pages: region.pages })
    }

    /// One page, not cleared. The first page of the region is never handed out, so that the
    /// region does not vanish.
    pub fn take(&mut self) -> Option<PhysicalAddress> {
        let pages = self.pages.checked_sub(1).filter(|left| *left > 0)?;
        self.pages = pages;
        Some(PhysicalAddress(self.start + pages * PAGE_BYTES))
    }

    /// Removes from `map`, the one that this was made from, what was taken.
    pub fn withdraw(self, map: &mut [MemoryRegion]) {
        if let Some(region) = map.iter_mut().find(|region| region.start == self.start) {
            region.pages = self.pages;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(start: u64, pages: u64, kind: MemoryKind) -> MemoryRegion {
        MemoryRegion { start, pages, kind: kind as u32, reserved: 0 }
    }

    #[test]
    fn pages_come_from_the_end_of_the_largest_reachable_region() {
        let mut map = [
            region(0x1000, 16, MemoryKind::Usable),
            region(0x10_0000, 64, MemoryKind::Usable),
            region(0x20_0000, 512, MemoryKind::Kernel),
            region(0x1_0000_0000, 4096, MemoryKind::Usable),
        ];
        let mut early = EarlyPages::from_map(&map).unwrap();
        assert_eq!(early.take(), Some(PhysicalAddress(0x13_f000)));
        assert_eq!(early.take(), Some(PhysicalAddress(0x13_e000)));
        early.withdraw(&mut map);
        assert_eq!(map.map(|region| region.pages), [16, 62, 512, 4096]);
    }

    #[test]
    fn a_low_page_is_free_and_in_nobodys_way() {
        let large = region(0x10_0000, 64, MemoryKind::Usable);
        let low = |start, pages| low_page(&[region(start, pages, MemoryKind::Usable), large]);
        assert_eq!(low(0, 16), Some(0x1000));
        assert_eq!(low(0, 1), None);
        assert_eq!(low(0x9_f000, 1), Some(0x9_f000));
        assert_eq!(low(0xa_0000, 1), None);
        assert_eq!(low(0, 65), None, "pages for tables are taken from there");
        let loader = region(0x1000, 16, MemoryKind::Loader);
        assert_eq!(low_page(&[loader, large]), None);
    }

    #[test]
    fn the_region_never_vanishes() {
        let mut map = [region(0x1000, 3, MemoryKind::Usable)];
        let mut early = EarlyPages::from_map(&map).unwrap();
        assert!(early.take().is_some() && early.take().is_some());
        assert_eq!(early.take(), None);
        early.withdraw(&mut map);
        assert_eq!(map[0].pages, 1);
    }

    #[test]
    fn no_usable_memory_is_no_crash() {
        assert!(EarlyPages::from_map(&[]).is_none());
        let map = [region(0, u64::MAX, MemoryKind::Usable)];
        assert!(EarlyPages::from_map(&map).is_none());
    }
}
