//! The areas of an address space: which addresses mean what.
//!
//! Areas never overlap, begin and end at pages, and are never empty. Neighbours that could be one area
//! are one.

use alloc::collections::BTreeMap;
use core::ops::Range;

use bitflags::bitflags;
use koito_linux::Errno;

/// Most areas of an address space: what the server keeps for one is bounded.
pub const MOST_AREAS: usize = 4096;

bitflags! {
    /// What a program may do with memory, as `PROT_*` says it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Protection: u8 {
        /// Loads.
        const READ = 1;
        /// Stores.
        const WRITE = 2;
        /// Instructions.
        const EXECUTE = 4;
    }
}

/// Whether others see what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody: a page is copied when it is written.
    Private,
    /// Whoever else maps it, and the file.
    Shared,
}

/// What a page of an area is before anybody wrote to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing<F> {
    /// All zero.
    Zero,
    /// A file, from this offset on at the area's first address.
    File {
        /// Which one.
        file: F,
        /// In bytes, whole pages.
        offset: u64,
    },
}

/// An area; its first address is the key under which [`Areas`] has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area<F> {
    /// First address past it.
    pub end: u64,
    /// What the program may do.
    pub protection: Protection,
    /// Who sees what is written.
    pub sharing: Sharing,
    /// What it is made of.
    pub backing: Backing<F>,
}

impl<F: Clone + PartialEq> Area<F> {
    /// Where in its file the page at `address` lies, of an area that begins at `start`.
    pub fn file_at(&self, start: u64, address: u64) -> Option<(F, u64)> {
        match &self.backing {
            Backing::Zero => None,
            Backing::File { file, offset } => Some((file.clone(), offset + (address - start))),
        }
    }

    /// The same from `address` on, where it begins at `start`.
    #[must_use]
    pub fn tail(&self, start: u64, address: u64) -> Self {
        let backing = match &self.backing {
            Backing::Zero => Backing::Zero,
            Backing::File { file, offset } => {
                Backing::File { file: file.clone(), offset: offset + (address - start) }
            }
        };
        Self { backing, ..self.clone() }
    }

    /// Whether `next`, which begins where this ends, goes on like it.
    fn continues(&self, start: u64, next: &Self) -> bool {
        self.protection == next.protection
            && self.sharing == next.sharing
            && self.tail(start, self.end).backing == next.backing
    }
}

/// The areas of an address space. `F` names a file.
#[derive(Clone, Debug, Default)]
pub struct Areas<F>(BTreeMap<u64, Area<F>>);

impl<F: Clone + PartialEq> Areas<F> {
    /// None.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The area that `address` lies in, and where it begins.
    pub fn find(&self, address: u64) -> Option<(u64, &Area<F>)> {
        let (start, area) = self.0.range(..=address).next_back()?;
        (address < area.end).then_some((*start, area))
    }

    /// All areas, ascending, with where they begin.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Area<F>)> {
        self.0.iter().map(|(start, area)| (*start, area))
    }

    /// Those that have a page in `range`.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = (u64, &Area<F>)> {
        let first = self.find(range.start).map_or(range.start, |(start, _)| start);
        self.0.range(first..range.end).map(|(start, area)| (*start, area))
    }

    /// Whether every page of `range` lies in an area.
    pub fn covers(&self, range: Range<u64>) -> bool {
        let mut next = range.start;
        for (start, area) in self.within(range.clone()) {
            if start > next {
                return false;
            }
            next = area.end;
        }
        next >= range.end
    }

    /// Enters an area from `start` on, in place of whatever is there.
    pub fn insert(&mut self, start: u64, area: Area<F>) -> Result<(), Errno> {
        self.remove(start..area.end)?;
        if self.0.len() >= MOST_AREAS {
            return Err(Errno::ENOMEM);
        }
        let end = area.end;
        self.0.insert(start, area);
        self.merge(end);
        self.merge(start);
        Ok(())
    }

    /// Takes everything in `range` out.
    pub fn remove(&mut self, range: Range<u64>) -> Result<(), Errno> {
        self.cut(&range)?;
        while let Some(start) = self.first_in(&range) {
            self.0.remove(&start);
        }
        Ok(())
    }

    /// Changes what may be done in `range`, which areas cover.
    pub fn protect(&mut self, range: Range<u64>, protection: Protection) -> Result<(), Errno> {
        if !self.covers(range.clone()) {
            return Err(Errno::ENOMEM);
        }
        self.cut(&range)?;
        for (_, area) in self.0.range_mut(range.clone()) {
            area.protection = protection;
        }
        self.merge(range.end);
        let mut next = range.end;
        while let Some((start, _)) = self.0.range(range.start..next).next_back() {
            next = *start;
            self.merge(next);
        }
        Ok(())
    }

    /// The highest free stretch of `bytes` bytes that ends at `top` or below and begins at `bottom` or
    /// above.
    pub fn gap(&self, bytes: u64, bottom: u64, top: u64) -> Option<u64> {
        let mut end = top;
        for (start, area) in self.0.range(..top).rev() {
            if area.end <= end && end - area.end >= bytes {
                break;
            }
            end = end.min(*start);
        }
        let start = end.checked_sub(bytes)?;
        let free = self.within(start..end).next().is_none();
        (start >= bottom && free).then_some(start)
    }

    fn first_in(&self, range: &Range<u64>) -> Option<u64> {
        self.0.range(range.clone()).next().map(|(start, _)| *start)
    }

    /// Has areas end at both ends of `range`. An error changes nothing.
    fn cut(&mut self, range: &Range<u64>) -> Result<(), Errno> {
        let crosses =
            |address: &u64| self.find(*address).is_some_and(|(start, _)| start < *address);
        let pieces = [range.start, range.end].iter().filter(|at| crosses(at)).count();
        if pieces > 0 && self.0.len() + pieces > MOST_AREAS {
            return Err(Errno::ENOMEM);
        }
        self.split(range.start);
        self.split(range.end);
        Ok(())
    }

    fn split(&mut self, address: u64) {
        let Some((start, area)) = self.find(address).filter(|(start, _)| *start < address) else {
            return;
        };
        let tail = area.tail(start, address);
        if let Some(head) = self.0.get_mut(&start) {
            head.end = address;
        }
        self.0.insert(address, tail);
    }

    /// Makes one area of those that meet at `address`, if they are of a kind.
    fn merge(&mut self, address: u64) {
        let Some(next) = self.0.get(&address) else { return };
        let Some((start, before)) = self.0.range(..address).next_back() else { return };
        if before.end != address || !before.continues(*start, next) {
            return;
        }
        let (start, end) = (*start, next.end);
        self.0.remove(&address);
        if let Some(area) = self.0.get_mut(&start) {
            area.end = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn area(end: u64, protection: Protection, file: Option<(u8, u64)>) -> Area<u8> {
        let backing = match file {
            None => Backing::Zero,
            Some((file, offset)) => Backing::File { file, offset },
        };
        Area { end, protection, sharing: Sharing::Private, backing }
    }

    /// What is known of one page.
    type Known = Option<(Protection, Option<(u8, u64)>)>;

    fn known(areas: &Areas<u8>, page: u64) -> Known {
        areas.find(page).map(|(start, area)| (area.protection, area.file_at(start, page)))
    }

    proptest! {
        /// Random operations mean for every page what they say, and neighbours are merged.
        #[test]
        fn every_page_is_what_was_said_of_it_last(
            operations in prop::collection::vec((0u64..24, 1u64..8, 0u8..4, 0u8..3), 1..40),
        ) {
            let mut areas = Areas::new();
            let mut pages: [Known; 32] = [None; 32];
            for (first, count, operation, kind) in operations {
                let range = first * 4096..(first + count) * 4096;
                let protection = Protection::from_bits_truncate(kind + 1);
                let all = pages[first as usize..(first + count) as usize].iter().all(Option::is_some);
                match operation {
                    0 => areas.remove(range).unwrap(),
                    1 => prop_assert_eq!(areas.protect(range, protection).is_ok(), all),
                    2 => areas.insert(range.start, area(range.end, protection, None)).unwrap(),
                    _ => {
                        let file = Some((kind, first * 4096 + 65536));
                        areas.insert(range.start, area(range.end, protection, file)).unwrap();
                    }
                }
                for page in first..first + count {
                    let place = &mut pages[page as usize];
                    match operation {
                        0 => *place = None,
                        1 if all => place.as_mut().unwrap().0 = protection,
                        1 => {}
                        2 => *place = Some((protection, None)),
                        _ => *place = Some((protection, Some((kind, page * 4096 + 65536)))),
                    }
                }
                for (page, expected) in pages.iter().enumerate() {
                    prop_assert_eq!(&known(&areas, page as u64 * 4096), expected);
                }
                let all: Vec<_> = areas.iter().map(|(start, area)| (start, area.clone())).collect();
                for pair in all.windows(2) {
                    let ((start, first), (next, second)) = (&pair[0], &pair[1]);
                    prop_assert!(first.end <= *next);
                    prop_assert!(first.end < *next || !first.continues(*start, second));
                }
                let gap = areas.gap(2 * 4096, 0, 32 * 4096).map(|start| start / 4096);
                let expected = (0..31).rev().find(|page| {
                    pages[*page as usize].is_none() && pages[*page as usize + 1].is_none()
                });
                prop_assert_eq!(gap, expected);
            }
        }
    }

    #[test]
    fn there_are_not_more_than_so_many() {
        let mut areas = Areas::new();
        for index in 0..MOST_AREAS as u64 {
            let start = index * 8192;
            areas.insert(start, area(start + 4096, Protection::READ, None)).unwrap();
        }
        let refused = areas.insert(1 << 40, area((1 << 40) + 4096, Protection::READ, None));
        assert_eq!((refused, areas.len()), (Err(Errno::ENOMEM), MOST_AREAS));
        // What is replaced as a whole needs no room.
        areas.insert(0, area(4096, Protection::WRITE, None)).unwrap();
        assert!(!areas.covers(0..8192) && areas.covers(0..4096));
    }
}
