//! Reservations of addresses, and the mappings in them.

use core::ops::Range;

use a9n_abi::boot::PAGE_BYTES;

use crate::resources::EXHAUSTED;
use crate::{Culprit, Error, Reason};

/// Some pages, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) address: u64,
    /// How many; 0 if the record is of no region.
    pub(super) pages: u32,
    pub(super) usage: Use,
}

/// What a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// Slot of the Window that it is mapped by; 0 if it is a reservation.
    pub(super) window: u16,
    /// Of a mapping, slot of the Frame that goes with it, 0 for none. Of a reservation, pages at each
    /// end that stay empty.
    extra: u16,
}

impl Use {
    /// Set aside, with `guard` pages at each end that stay empty.
    pub(super) const fn reserved(guard: u16) -> Self {
        Self { window: 0, extra: guard }
    }

    /// Mapped, by the Window in a slot; the Frame in the other slot goes with it, unless that is 0.
    pub(super) const fn mapped(window: u16, frame: u16) -> Self {
        Self { window, extra: frame }
    }

    /// Slot of the Frame that goes with a mapping.
    pub(super) const fn frame(self) -> Option<u16> {
        if self.window != 0 && self.extra != 0 { Some(self.extra) } else { None }
    }
}

impl Region {
    const VACANT: Self = Self { address: 0, pages: 0, usage: Use::reserved(0) };

    const fn is_mapping(&self) -> bool {
        self.pages != 0 && self.usage.window != 0
    }

    const fn is_reservation(&self) -> bool {
        self.pages != 0 && self.usage.window == 0
    }

    /// The addresses of a reservation, its guards left out.
    const fn inside(&self) -> Range<u64> {
        let guard = self.usage.extra as u64 * PAGE_BYTES;
        self.address + guard..self.end() - guard
    }

    /// First address past it.
    pub(super) const fn end(&self) -> u64 {
        self.address + self.pages as u64 * PAGE_BYTES
    }

    /// Whether it has a page in common with `[first, end)`.
    const fn touches(&self, first: u64, end: u64) -> bool {
        self.address < end && first < self.end()
    }
}

/// Up to `N` reservations and mappings between two addresses, in no order.
#[derive(Clone, Debug)]
pub(super) struct Regions<const N: usize> {
    first: u64,
    end: u64,
    /// Where the search for gaps begins.
    pub(super) search: u64,
    regions: [Region; N],
}

impl<const N: usize> Regions<N> {
    /// Nothing between `first` and `end`.
    pub(super) const fn new(first: u64, end: u64) -> Self {
        Self { first, end, search: first, regions: [Region::VACANT; N] }
    }

    /// Reserves the lowest gap past `search` that fits `pages` pages with that alignment and a guard at each end.
    pub(super) fn reserve(&mut self, pages: u64, alignment_bits: u32) -> Result<u64, Error> {
        let alignment = 1u64.checked_shl(alignment_bits).unwrap_or(0).max(PAGE_BYTES);
        let bytes = bytes(pages)?;
        let mut address = self.search + PAGE_BYTES;
        loop {
            address = address.checked_next_multiple_of(alignment).ok_or(EXHAUSTED)?;
            let end = address.checked_add(bytes + PAGE_BYTES).ok_or(EXHAUSTED)?;
            if end > self.end {
                return Err(EXHAUSTED);
            }
            match self.reserved(address - PAGE_BYTES, end) {
                Some(obstacle) => address = obstacle.end() + PAGE_BYTES,
                None => break,
            }
        }
        let usage = Use::reserved(1);
        self.insert(Region { address: address - PAGE_BYTES, pages: pages as u32 + 2, usage })?;
        Ok(address)
    }

    /// Reserves exactly these pages.
    pub(super) fn reserve_at(&mut self, address: u64, pages: u64) -> Result<(), Error> {
        let end = address.checked_add(bytes(pages)?).ok_or(argument(Reason::InvalidArgument))?;
        if !address.is_multiple_of(PAGE_BYTES) || address < self.first || end > self.end {
            return Err(argument(Reason::InvalidArgument));
        }
        if self.reserved(address, end).is_some() {
            return Err(argument(Reason::Occupied));
        }
        self.insert(Region { address, pages: pages as u32, usage: Use::reserved(0) })
    }

    /// Enters a mapping inside a reservation.
    pub(super) fn insert_mapping(
        &mut self,
        address: u64,
        pages: u64,
        usage: Use,
    ) -> Result<(), Error> {
        let end = address.checked_add(bytes(pages)?).ok_or(argument(Reason::InvalidArgument))?;
        let inside = self.reserved(address, end).is_some_and(|region| {
            let inside = region.inside();
            inside.start <= address && end <= inside.end
        });
        if !inside || !address.is_multiple_of(PAGE_BYTES) {
            return Err(argument(Reason::InvalidArgument));
        }
        if self.mapped().any(|region| region.touches(address, end)) {
            return Err(argument(Reason::Occupied));
        }
        self.insert(Region { address, pages: pages as u32, usage })
    }

    /// All mappings.
    pub(super) fn mapped(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().filter(|region| region.is_mapping())
    }

    /// The reservation that `address` lies in, its guards left out.
    pub(super) fn reservation_at(&self, address: u64) -> Result<Region, Error> {
        self.reserved(address, address + 1)
            .copied()
            .filter(|region| region.inside().contains(&address))
            .ok_or(argument(Reason::InvalidArgument))
    }

    /// The mapping that begins at `address`.
    pub(super) fn mapping_at(&self, address: u64) -> Result<Region, Error> {
        self.mapped()
            .find(|region| region.address == address)
            .copied()
            .ok_or(argument(Reason::InvalidArgument))
    }

    /// Some mapping in `reservation`.
    pub(super) fn mapping_in(&self, reservation: &Region) -> Option<Region> {
        self.mapped().find(|it| it.touches(reservation.address, reservation.end())).copied()
    }

    /// Forgets a region.
    pub(super) fn remove(&mut self, region: &Region) {
        if let Some(place) = self.regions.iter_mut().find(|other| *other == region) {
            *place = Region::VACANT;
        }
    }

    /// Forgets the mapping that begins at `address`.
    pub(super) fn remove_mapping(&mut self, address: u64) {
        if let Ok(region) = self.mapping_at(address) {
            self.remove(&region);
        }
    }

    /// A reservation that touches `[first, end)`.
    fn reserved(&self, first: u64, end: u64) -> Option<&Region> {
        self.regions.iter().find(|region| region.is_reservation() && region.touches(first, end))
    }

    fn insert(&mut self, region: Region) -> Result<(), Error> {
        let vacant = |place: &&mut Region| place.pages == 0;
        *self.regions.iter_mut().find(vacant).ok_or(EXHAUSTED)? = region;
        Ok(())
    }
}

/// Bytes of at least one page, and not more than a region can have.
fn bytes(pages: u64) -> Result<u64, Error> {
    let fits = pages > 0 && pages < u64::from(u32::MAX) - 2;
    if fits { Ok(pages * PAGE_BYTES) } else { Err(argument(Reason::InvalidArgument)) }
}

/// An objection to the addresses that were asked for.
const fn argument(reason: Reason) -> Error {
    Error::new(reason, Culprit::argument(1))
}
