//! Windows: what of a frame is mapped where.
//!
//! A Window is the authority to map pages of one frame into a range of one address space. It
//! keeps no list of what it mapped: a page in its range that lies in its frame is one of its own,
//! and is taken away when the Window goes.

use a9n_abi::{Access, Culprit, Error, MemoryType, Reason, Rights, window::Operation};
use a9n_hal::{Hal, PageSize, PhysicalAddress, UserAddress};
use a9n_store::{AddressSpace, Capability, MemoryKind, Ref, Slot};

use crate::Kernel;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};
use crate::space::paging_reason;

/// Entries that one call maps, unmaps or changes.
const ENTRIES_PER_CALL: u64 = 5;

/// What it costs to look at an entry and to change it, in units of a [`Budget`].
pub(crate) const ENTRY_COST: u32 = 45;

const PAGE_BITS: u32 = PageSize::Small.bits();
const PAGE_BYTES: u64 = PageSize::Small.bytes();

/// A Window that is alive, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) space: Ref<AddressSpace>,
    pub(crate) root: PhysicalAddress,
    /// First byte of the frame.
    base: PhysicalAddress,
    /// Pages in the frame.
    pages: u64,
    pub(crate) kind: MemoryKind,
    /// First address of the range.
    first: UserAddress,
    /// Pages in the range.
    range: u64,
}

impl Place {
    /// First byte of page `offset`.
    pub(crate) fn page(&self, offset: u64) -> PhysicalAddress {
        self.base.offset(offset << PAGE_BITS)
    }

    /// First byte past the frame.
    fn end(&self) -> PhysicalAddress {
        self.page(self.pages)
    }
}

/// How pages are mapped.
#[derive(Clone, Copy)]
pub(crate) struct Mapping {
    pub(crate) access: Access,
    pub(crate) memory: MemoryType,
}

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_window(
        &mut self,
        slot: Ref<Slot>,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        let place = self.place(slot).ok_or(Error::new(Reason::PartnerDied, Culprit::DESCRIPTOR))?;
        let done = match operation {
            Operation::Map { address, offset, pages, access, memory } => {
                let address = UserAddress(address);
                check_range::<H>(&place, address, pages, 3)?;
                check_offset(&place, offset, pages)?;
                self.check_access(slot, access, 4)?;
                if place.kind == MemoryKind::Device && memory == MemoryType::Normal {
                    return Err(bad_argument(Reason::InvalidArgument, 5).into());
                }
                self.check_whole(slot)?;
                let mapping = Mapping { access, memory };
                self.map(place, address, (offset, pages), mapping, ENTRIES_PER_CALL)
                    .map_err(|reason| bad_argument(reason, 1))?
            }
            Operation::Unmap { address, pages } => {
                let address = UserAddress(address);
                check_range::<H>(&place, address, pages, 2)?;
                self.unmap(place, address, pages, ENTRIES_PER_CALL)
            }
            Operation::Protect { address, pages, access } => {
                let address = UserAddress(address);
                check_range::<H>(&place, address, pages, 2)?;
                self.check_access(slot, access, 3)?;
                self.protect(place, address, pages, access, ENTRIES_PER_CALL)
            }
        };
        Ok(Outcome::word(done))
    }

    /// Refuses to map through the Window in `slot` once it is being cleared.
    pub(crate) fn check_whole(&self, slot: Ref<Slot>) -> Result<(), Error> {
        if self.store.get(slot).progress() == 0 {
            Ok(())
        } else {
            Err(Error::new(Reason::Busy, Culprit::DESCRIPTOR))
        }
    }

    /// The Window in `slot`, if its address space lives.
    pub(crate) fn place(&self, slot: Ref<Slot>) -> Option<Place> {
        let Some(Capability::Window {
            base,
            size_bits,
            kind,
            address: first,
            range_bits,
            space: Some(space),
        }) = self.store.get(slot).capability()
        else {
            return None;
        };
        let pages = |bits: u8| 1u64 << (u32::from(bits).saturating_sub(PAGE_BITS) & 63);
        let root = self.store.root_table(space);
        let (pages, range) = (pages(size_bits), pages(range_bits));
        Some(Place { space, root, base, pages, kind, first, range })
    }

    /// Maps pages, with the largest pages that alignment allows, as so many `entries` of the
    /// tables; answers how many small ones. A refusal is one of the first page; at a later one it
    /// stops.
    pub(crate) fn map(
        &self,
        place: Place,
        address: UserAddress,
        (offset, pages): (u64, u64),
        mapping: Mapping,
        entries: u64,
    ) -> Result<u64, Reason> {
        let mut done = 0;
        for _ in 0..entries {
            if done >= pages {
                break;
            }
            let at = address.offset(done << PAGE_BITS);
            let page = place.page(offset.wrapping_add(done));
            let size = largest_page(at, page, pages.wrapping_sub(done));
            match self.map_page(place.root, at, page, size, mapping) {
                Ok(mapped) => done = done.wrapping_add(mapped),
                Err(reason) if done == 0 => return Err(reason),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Maps one page of `size`, or a smaller one where tables for those are already there.
    fn map_page(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        page: PhysicalAddress,
        size: PageSize,
        Mapping { access, memory }: Mapping,
    ) -> Result<u64, Reason> {
        for larger in [PageSize::Huge, PageSize::Large] {
            if larger <= size && self.hal().map(root, address, page, larger, access, memory).is_ok()
            {
                return Ok(larger.bytes() >> PAGE_BITS);
            }
        }
        self.hal()
            .map(root, address, page, PageSize::Small, access, memory)
            .map(|()| 1)
            .map_err(paging_reason)
    }

    /// Refuses `access`, argument `number` of a call, if it is none or more than the Window in
    /// `slot` allows.
    pub(crate) fn check_access(
        &self,
        slot: Ref<Slot>,
        access: Access,
        number: u8,
    ) -> Result<(), Error> {
        if access.is_empty() {
            return Err(bad_argument(Reason::InvalidArgument, number));
        }
        let writable = self.store.get(slot).rights().contains(Rights::WRITE);
        if access.contains(Access::WRITE) && !writable {
            return Err(bad_argument(Reason::PermissionDenied, number));
        }
        Ok(())
    }

    /// Unmaps what of `pages` pages is there, looking at no more than `entries` of the tables.
    /// Answers how many pages it went through, at most `pages`.
    pub(crate) fn unmap(
        &self,
        place: Place,
        address: UserAddress,
        pages: u64,
        entries: u64,
    ) -> u64 {
        self.walk_range(address, pages, entries, |at| {
            let found = self.hal().unmap(place.root, at, place.base, place.end());
            if found.is_ok() {
                self.hal().flush(place.root, Some(at));
            }
            found
        })
    }

    /// Changes what those of `pages` pages that are there allow. Answers as `unmap`.
    pub(crate) fn protect(
        &self,
        place: Place,
        address: UserAddress,
        pages: u64,
        access: Access,
        entries: u64,
    ) -> u64 {
        self.walk_range(address, pages, entries, |at| {
            let found = self.hal().protect(place.root, at, place.base, place.end(), access);
            if found.is_ok() {
                self.hal().flush(place.root, Some(at));
            }
            found
        })
    }

    /// Goes through `pages` pages from `address` on, an entry at a time: `visit` says of what
    /// size, whether it did something there or not.
    fn walk_range(
        &self,
        address: UserAddress,
        pages: u64,
        entries: u64,
        visit: impl Fn(UserAddress) -> Result<PageSize, u32>,
    ) -> u64 {
        let mut done = 0u64;
        for _ in 0..entries {
            if done >= pages {
                break;
            }
            let at = address.offset(done << PAGE_BITS);
            let bits = visit(at).map_or_else(|bits| bits, PageSize::bits);
            let block = 1u64 << (bits & 63);
            let rest_of_block = block.wrapping_sub(at.0 & block.wrapping_sub(1));
            done = done.wrapping_add(rest_of_block >> PAGE_BITS);
        }
        done.min(pages)
    }

    /// Unmaps everything of the Window in `slot`, which is about to be removed, in steps. How far
    /// it is stands in the slot; once begun, nothing can be mapped through it any more.
    pub(crate) fn clear_window(
        &mut self,
        slot: Ref<Slot>,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        let Some(place) = self.place(slot) else { return Ok(()) };
        loop {
            let done = self.store.get(slot).progress();
            if done >= place.range {
                return Ok(());
            }
            budget.spend(ENTRY_COST)?;
            let at = place.first.offset(done << PAGE_BITS);
            let step = self.unmap(place, at, place.range.wrapping_sub(done), 1);
            self.store.get(slot).set_progress(done.wrapping_add(step));
        }
    }
}

/// Refuses pages (`number` of the argument that counts them) at an address (argument 1) that do
/// not lie in the range of a Window.
pub(crate) fn check_range<H: Hal>(
    place: &Place,
    address: UserAddress,
    pages: u64,
    number: u8,
) -> Result<(), Error> {
    let bytes = place.range << PAGE_BITS;
    let offset = address.0.wrapping_sub(place.first.0);
    if address.0 & (PAGE_BYTES - 1) != 0 || offset >= bytes || address >= H::USER_END {
        return Err(bad_argument(Reason::InvalidArgument, 1));
    }
    let room = bytes.wrapping_sub(offset).min(H::USER_END.0.wrapping_sub(address.0));
    if pages == 0 || pages > room >> PAGE_BITS {
        return Err(bad_argument(Reason::InvalidArgument, number));
    }
    Ok(())
}

/// Refuses pages from `offset` on (arguments 3 and 2) that do not lie in the frame.
pub(crate) fn check_offset(place: &Place, offset: u64, pages: u64) -> Result<(), Error> {
    if offset >= place.pages {
        return Err(bad_argument(Reason::InvalidArgument, 2));
    }
    if pages > place.pages.wrapping_sub(offset) {
        return Err(bad_argument(Reason::InvalidArgument, 3));
    }
    Ok(())
}

/// The largest page that fits `pages` small ones at these addresses.
fn largest_page(address: UserAddress, page: PhysicalAddress, pages: u64) -> PageSize {
    let alignment = address.0 | page.0;
    for size in [PageSize::Huge, PageSize::Large] {
        if alignment & (size.bytes() - 1) == 0 && pages >= size.bytes() >> PAGE_BITS {
            return size;
        }
    }
    PageSize::Small
}

#[cfg(test)]
mod tests {
    use super::{PageSize, PhysicalAddress, UserAddress, largest_page};

    #[test]
    fn large_pages_need_alignment_of_both_addresses_and_length() {
        let at =
            |address, page, pages| largest_page(UserAddress(address), PhysicalAddress(page), pages);
        assert_eq!(at(0x20_0000, 0x40_0000, 512), PageSize::Large);
        assert_eq!(at(0x20_0000, 0x40_0000, 511), PageSize::Small);
        assert_eq!(at(0x20_1000, 0x40_0000, 512), PageSize::Small);
        assert_eq!(at(0x20_0000, 0x40_1000, 512), PageSize::Small);
        assert_eq!(at(1 << 30, 1 << 31, 1 << 18), PageSize::Huge);
    }
}
