//! The page map of an address space: which pages of the pool lie where.
//!
//! It is the server's own: what it reads and writes in a program's name it finds through this map, so no
//! pointer of a program is ever followed. It also remembers what the kernel was told.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ops::Range;

use crate::{PAGE_BYTES, Page};

/// Entries of a leaf: what one page table of the machine covers.
const LEAF_ENTRIES: usize = 512;
const LEAF_SHIFT: u32 = 21;

/// A page that is there, and what the kernel maps of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u32);

impl Entry {
    const NONE: u32 = u32::MAX;
    const MAPPED: u32 = 1 << 31;
    const WRITABLE: u32 = 1 << 30;
    const PAGE: u32 = Self::WRITABLE - 1;

    /// `page`, which the kernel has not mapped.
    #[inline]
    pub const fn new(page: Page) -> Self {
        Self(page.0 & Self::PAGE)
    }

    /// The page.
    #[inline]
    pub const fn page(self) -> Page {
        Page(self.0 & Self::PAGE)
    }

    /// Whether the kernel has it mapped.
    #[inline]
    pub const fn is_mapped(self) -> bool {
        self.0 & Self::MAPPED != 0
    }

    /// Whether the kernel has it mapped to be written.
    #[inline]
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE != 0
    }

    /// The same, mapped, and perhaps to be written.
    #[must_use]
    #[inline]
    pub const fn mapped(self, writable: bool) -> Self {
        let flags = if writable { Self::MAPPED | Self::WRITABLE } else { Self::MAPPED };
        Self((self.0 & Self::PAGE) | flags)
    }

    /// The same, not mapped.
    #[must_use]
    #[inline]
    pub const fn unmapped(self) -> Self {
        Self(self.0 & Self::PAGE)
    }
}

/// Entries of neighbouring pages.
#[derive(Clone, Debug)]
struct Leaf {
    count: u16,
    entries: [u32; LEAF_ENTRIES],
}

/// Which pages lie where. Addresses are those of pages.
#[derive(Clone, Debug, Default)]
pub struct PageMap {
    leaves: BTreeMap<u64, Box<Leaf>>,
    count: usize,
}

impl PageMap {
    /// None.
    pub const fn new() -> Self {
        Self { leaves: BTreeMap::new(), count: 0 }
    }

    /// How many pages there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The page at `address`.
    #[inline]
    pub fn get(&self, address: u64) -> Option<Entry> {
        let leaf = self.leaves.get(&(address >> LEAF_SHIFT))?;
        let entry = leaf.entries[index(address)];
        (entry != Entry::NONE).then_some(Entry(entry))
    }

    /// Puts a page there; answers the one that was there.
    pub fn set(&mut self, address: u64, entry: Entry) -> Option<Entry> {
        let leaf = self
            .leaves
            .entry(address >> LEAF_SHIFT)
            .or_insert_with(|| Box::new(Leaf { count: 0, entries: [Entry::NONE; LEAF_ENTRIES] }));
        let before = core::mem::replace(&mut leaf.entries[index(address)], entry.0);
        if before == Entry::NONE {
            leaf.count += 1;
            self.count += 1;
            return None;
        }
        Some(Entry(before))
    }

    /// Takes the page there out.
    pub fn take(&mut self, address: u64) -> Option<Entry> {
        let leaf = self.leaves.get_mut(&(address >> LEAF_SHIFT))?;
        let before = core::mem::replace(&mut leaf.entries[index(address)], Entry::NONE);
        if before == Entry::NONE {
            return None;
        }
        leaf.count -= 1;
        self.count -= 1;
        if leaf.count == 0 {
            self.leaves.remove(&(address >> LEAF_SHIFT));
        }
        Some(Entry(before))
    }

    /// All pages in `range`, ascending.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = (u64, Entry)> {
        let first = range.start >> LEAF_SHIFT;
        let last = range.end.saturating_sub(1) >> LEAF_SHIFT;
        let leaves = self.leaves.range(first..=last.max(first));
        leaves.flat_map(move |(key, leaf)| {
            let base = key << LEAF_SHIFT;
            let from = index_from(range.start, base);
            let to = index_from(range.end, base).max(from);
            leaf.entries[from..to].iter().enumerate().filter_map(move |(place, entry)| {
                let address = base + (from + place) as u64 * PAGE_BYTES;
                (*entry != Entry::NONE).then_some((address, Entry(*entry)))
            })
        })
    }

    /// Changes every entry in `range` that `change` has something for.
    pub fn update(&mut self, range: Range<u64>, mut change: impl FnMut(u64, Entry) -> Entry) {
        let first = range.start >> LEAF_SHIFT;
        let last = range.end.saturating_sub(1) >> LEAF_SHIFT;
        for (key, leaf) in self.leaves.range_mut(first..=last.max(first)) {
            let base = key << LEAF_SHIFT;
            let from = index_from(range.start, base);
            let to = index_from(range.end, base).max(from);
            for (place, entry) in leaf.entries[from..to].iter_mut().enumerate() {
                if *entry != Entry::NONE {
                    *entry = change(base + (from + place) as u64 * PAGE_BYTES, Entry(*entry)).0;
                }
            }
        }
    }

    /// Takes every page in `range` out, ascending.
    pub fn drain(&mut self, range: Range<u64>, mut taken: impl FnMut(u64, Entry)) {
        let first = range.start >> LEAF_SHIFT;
        let last = range.end.saturating_sub(1) >> LEAF_SHIFT;
        for (key, leaf) in self.leaves.range_mut(first..=last.max(first)) {
            let base = key << LEAF_SHIFT;
            let from = index_from(range.start, base);
            let to = index_from(range.end, base).max(from);
            for (place, entry) in leaf.entries[from..to].iter_mut().enumerate() {
                let before = core::mem::replace(entry, Entry::NONE);
                if before != Entry::NONE {
                    leaf.count -= 1;
                    self.count -= 1;
                    taken(base + (from + place) as u64 * PAGE_BYTES, Entry(before));
                }
            }
        }
        self.leaves.retain(|_, leaf| leaf.count > 0);
    }
}

#[inline]
const fn index(address: u64) -> usize {
    (address / PAGE_BYTES) as usize % LEAF_ENTRIES
}

/// Where `address` lies in the leaf at `base`: its first entry if before it, past its last if behind.
fn index_from(address: u64, base: u64) -> usize {
    (address.saturating_sub(base) / PAGE_BYTES).min(LEAF_ENTRIES as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap as Model;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn it_holds_what_was_put_into_it(
            operations in prop::collection::vec((0u64..1500, 0u64..700, 0u8..3), 1..60),
        ) {
            let mut map = PageMap::new();
            let mut model = Model::new();
            for (number, (page, count, operation)) in operations.into_iter().enumerate() {
                let address = page * PAGE_BYTES;
                let range = address..address + count * PAGE_BYTES;
                match operation {
                    0 => {
                        let entry = Entry::new(Page(number as u32)).mapped(number % 2 == 0);
                        prop_assert_eq!(map.set(address, entry), model.insert(address, entry));
                    }
                    1 => prop_assert_eq!(map.take(address), model.remove(&address)),
                    _ => {
                        let mut taken = Vec::new();
                        map.drain(range.clone(), |address, entry| taken.push((address, entry)));
                        let expected: Vec<_> =
                            model.range(range.clone()).map(|(at, entry)| (*at, *entry)).collect();
                        model.retain(|at, _| !range.contains(at));
                        prop_assert_eq!(taken, expected);
                    }
                }
                prop_assert_eq!(map.len(), model.len());
                let whole: Vec<_> = map.within(0..u64::MAX).collect();
                prop_assert!(whole.iter().copied().eq(model.iter().map(|(at, it)| (*at, *it))));
                let part: Vec<_> = map.within(range.clone()).collect();
                prop_assert!(part.into_iter().eq(model.range(range).map(|(at, it)| (*at, *it))));
            }
        }
    }

    #[test]
    fn an_entry_remembers_what_the_kernel_maps() {
        let entry = Entry::new(Page(7));
        assert!(!entry.is_mapped() && !entry.is_writable());
        assert!(entry.mapped(true).is_writable() && entry.mapped(true).is_mapped());
        assert!(!entry.mapped(true).mapped(false).is_writable());
        assert_eq!((entry.mapped(true).unmapped(), entry.mapped(true).page()), (entry, Page(7)));
    }
}
