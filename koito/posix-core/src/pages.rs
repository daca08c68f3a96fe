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

/// Entries of neighbouring pages, and which of them there are.
#[derive(Clone, Debug)]
struct Leaf {
    present: [u64; LEAF_ENTRIES / 64],
    entries: [u32; LEAF_ENTRIES],
}

impl Leaf {
    const EMPTY: Self = Self { present: [0; LEAF_ENTRIES / 64], entries: [0; LEAF_ENTRIES] };

    #[inline]
    fn has(&self, place: usize) -> bool {
        self.present[place / 64] & (1 << (place % 64)) != 0
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.present == [0; LEAF_ENTRIES / 64]
    }

    /// Those of its entries that are there from place `from` to before `to`.
    #[inline]
    fn places(&self, from: usize, to: usize) -> Places {
        let first = self.present.get(from / 64).map_or(0, |bits| bits & (u64::MAX << (from % 64)));
        Places { present: self.present, word: from / 64, bits: first, to }
    }
}

/// Places of a leaf, ascending.
struct Places {
    present: [u64; LEAF_ENTRIES / 64],
    /// The word that comes now, and which bits of it are left.
    word: usize,
    bits: u64,
    /// First place that is not meant any more.
    to: usize,
}

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.word += 1;
            self.bits = *self.present.get(self.word).filter(|_| self.word * 64 < self.to)?;
        }
        let place = self.word * 64 + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        (place < self.to).then_some(place)
    }
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
        let place = index(address);
        leaf.has(place).then(|| Entry(leaf.entries[place]))
    }

    /// Puts a page there; answers the one that was there.
    pub fn set(&mut self, address: u64, entry: Entry) -> Option<Entry> {
        let leaf =
            self.leaves.entry(address >> LEAF_SHIFT).or_insert_with(|| Box::new(Leaf::EMPTY));
        let place = index(address);
        let before = core::mem::replace(&mut leaf.entries[place], entry.0);
        if leaf.has(place) {
            return Some(Entry(before));
        }
        leaf.present[place / 64] |= 1 << (place % 64);
        self.count += 1;
        None
    }

    /// Puts pages there from `address` on, each where none is yet: `put` hears of those. They lie in one
    /// stretch of 2 MiB.
    pub fn fill(&mut self, address: u64, pages: &[Option<Page>], mut put: impl FnMut(Page)) {
        let leaf =
            self.leaves.entry(address >> LEAF_SHIFT).or_insert_with(|| Box::new(Leaf::EMPTY));
        for (place, page) in (index(address)..LEAF_ENTRIES).zip(pages) {
            if let Some(page) = *page
                && !leaf.has(place)
            {
                leaf.entries[place] = Entry::new(page).0;
                leaf.present[place / 64] |= 1 << (place % 64);
                self.count += 1;
                put(page);
            }
        }
    }

    /// Takes the page there out.
    pub fn take(&mut self, address: u64) -> Option<Entry> {
        let mut taken = None;
        self.drain(address..address + PAGE_BYTES, |_, entry| taken = Some(entry));
        taken
    }

    /// All pages in `range`, ascending.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = (u64, Entry)> {
        self.leaves.range(leaves_of(&range)).flat_map(move |(key, leaf)| {
            let (base, from, to) = part(*key, &range);
            leaf.places(from, to)
                .map(move |place| (base + place as u64 * PAGE_BYTES, Entry(leaf.entries[place])))
        })
    }

    /// Changes every page in `range` to what `change` makes of it.
    pub fn update(&mut self, range: Range<u64>, mut change: impl FnMut(u64, Entry) -> Entry) {
        for (key, leaf) in self.leaves.range_mut(leaves_of(&range)) {
            let (base, from, to) = part(*key, &range);
            for place in leaf.places(from, to) {
                let entry = &mut leaf.entries[place];
                *entry = change(base + place as u64 * PAGE_BYTES, Entry(*entry)).0;
            }
        }
    }

    /// Takes every page in `range` out, ascending.
    pub fn drain(&mut self, range: Range<u64>, mut taken: impl FnMut(u64, Entry)) {
        let mut emptied = false;
        for (key, leaf) in self.leaves.range_mut(leaves_of(&range)) {
            let (base, from, to) = part(*key, &range);
            for place in leaf.places(from, to) {
                leaf.present[place / 64] &= !(1 << (place % 64));
                self.count -= 1;
                taken(base + place as u64 * PAGE_BYTES, Entry(leaf.entries[place]));
            }
            emptied |= leaf.is_empty();
        }
        if emptied {
            self.leaves.retain(|_, leaf| !leaf.is_empty());
        }
    }
}

#[inline]
const fn index(address: u64) -> usize {
    (address / PAGE_BYTES) as usize % LEAF_ENTRIES
}

/// The keys of the leaves that `range` touches.
fn leaves_of(range: &Range<u64>) -> Range<u64> {
    let end = range.end.div_ceil(1 << LEAF_SHIFT);
    (range.start >> LEAF_SHIFT).min(end)..end
}

/// Of the leaf under `key`: its first address, and which of its entries lie in `range`.
fn part(key: u64, range: &Range<u64>) -> (u64, usize, usize) {
    let base = key << LEAF_SHIFT;
    let place = |address: u64| {
        (address.saturating_sub(base) / PAGE_BYTES).min(LEAF_ENTRIES as u64) as usize
    };
    (base, place(range.start), place(range.end))
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
            operations in prop::collection::vec((0u64..1500, 0u64..700, 0u8..4), 1..60),
        ) {
            let mut map = PageMap::new();
            let mut model = Model::new();
            for (number, (page, count, operation)) in operations.into_iter().enumerate() {
                let address = page * PAGE_BYTES;
                let range = address..address + count * PAGE_BYTES;
                match operation {
                    3 => {
                        let pages: Vec<_> =
                            (0..20u32).map(|it| (it % 3 > 0).then_some(Page(it))).collect();
                        let before = map.len();
                        let mut put = 0;
                        let room = LEAF_ENTRIES - index(address);
                        let pages = &pages[..room.min(pages.len())];
                        map.fill(address, pages, |_| put += 1);
                        for (at, page) in (address..).step_by(PAGE_BYTES as usize).zip(pages) {
                            if let Some(page) = page {
                                model.entry(at).or_insert(Entry::new(*page));
                            }
                        }
                        prop_assert_eq!(map.len(), before + put);
                    }
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
