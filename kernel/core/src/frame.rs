//! Frames and Windows: memory and where it is mapped.
//!
//! A Window is the authority to map pages of one frame at one place. It keeps no list of what it
//! mapped: a page at its place that lies in its frame is one of its own, and is taken away when
//! the Window goes.

use a9n_abi::{Access, Culprit, Error, MemoryType, Reason, Rights, frame, window};
use a9n_hal::{Hal, PageSize, PhysicalAddress, UserAddress};
use a9n_store::{Capability, MemoryKind, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};
use crate::space::paging_reason;

/// Pages that one call maps or unmaps.
const PAGES_PER_CALL: u64 = 32;

/// Entries looked at in one step of clearing a Window.
const ENTRIES_PER_STEP: u64 = 2;

const PAGE_BITS: u32 = PageSize::Small.bits();
const PAGE_BYTES: u64 = PageSize::Small.bytes();

/// A Window that is alive, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    root: PhysicalAddress,
    /// First byte of the frame.
    base: PhysicalAddress,
    /// Pages in the frame.
    pages: u64,
    kind: MemoryKind,
    /// First address of the range.
    first: UserAddress,
    /// Pages in the range.
    range: u64,
}

impl Place {
    /// First byte past the frame.
    fn end(&self) -> PhysicalAddress {
        self.base.offset(self.pages << PAGE_BITS)
    }
}

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_frame(
        &mut self,
        caller: Caller,
        slot: Ref<Slot>,
        (base, size_bits, kind): (PhysicalAddress, u8, MemoryKind),
        operation: frame::Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            frame::Operation::Attach { space, address, bits, node, index } => {
                let (space_slot, capability) = self.lookup_argument(caller.process, space, 1)?;
                let Capability::AddressSpace(space) = capability else {
                    return Err(bad_argument(Reason::InvalidDescriptor, 1).into());
                };
                if !self.store.get(space_slot).rights().contains(Rights::WRITE) {
                    return Err(bad_argument(Reason::PermissionDenied, 1).into());
                }
                let address = UserAddress(address);
                let range_bits = u8::try_from(bits)
                    .ok()
                    .filter(|bits| (PAGE_BITS..=user_bits::<H>()).contains(&u32::from(*bits)))
                    .ok_or(bad_argument(Reason::InvalidArgument, 3))?;
                let misaligned = address.0 & (1u64 << (range_bits & 63)).wrapping_sub(1) != 0;
                if misaligned || address >= H::USER_END {
                    return Err(bad_argument(Reason::InvalidArgument, 2).into());
                }
                let node = self.lookup_node(caller.process, node, 4)?;
                let target = self.empty_slot(node, index, 5)?;
                let depth = self.child_depth(slot, Culprit::DESCRIPTOR)?;
                let space = Some(space);
                let window =
                    Capability::Window { base, size_bits, kind, address, range_bits, space };
                let rights = self.store.get(slot).rights();
                self.derive_child(slot, target, window, rights, depth);
                if let Some(space) = space {
                    self.anchor(space, target);
                }
                Ok(Outcome::NOTHING)
            }
            frame::Operation::Information => {
                Ok(Outcome::words([u64::from(size_bits), u64::from(kind == MemoryKind::Device)]))
            }
            frame::Operation::Address => Ok(Outcome::word(base.0)),
        }
    }

    pub(crate) fn invoke_window(
        &mut self,
        slot: Ref<Slot>,
        operation: window::Operation,
    ) -> Result<Outcome, Stop> {
        let place = self.place(slot).ok_or(Error::new(Reason::PartnerDied, Culprit::DESCRIPTOR))?;
        let done = match operation {
            window::Operation::Map { address, offset, pages, access, memory } => {
                let address = UserAddress(address);
                check_range::<H>(&place, address, pages, 3)?;
                check_offset(&place, offset, pages)?;
                self.check_access(slot, access, 4)?;
                if place.kind == MemoryKind::Device && memory == MemoryType::Normal {
                    return Err(bad_argument(Reason::InvalidArgument, 5).into());
                }
                if self.store.get(slot).progress() != 0 {
                    return Err(Error::new(Reason::Busy, Culprit::DESCRIPTOR).into());
                }
                self.map(place, address, (offset, pages), access, memory)?
            }
            window::Operation::Unmap { address, pages } => {
                let address = UserAddress(address);
                check_range::<H>(&place, address, pages, 2)?;
                self.unmap(place, address, pages, PAGES_PER_CALL)
            }
            window::Operation::Protect { address, pages, access } => {
                let address = UserAddress(address);
                check_range::<H>(&place, address, pages, 2)?;
                self.check_access(slot, access, 3)?;
                self.protect(place, address, pages, access)
            }
        };
        Ok(Outcome::word(done))
    }

    /// The Window in `slot`, if its address space lives.
    fn place(&self, slot: Ref<Slot>) -> Option<Place> {
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
        Some(Place { root, base, pages, kind, first, range })
    }

    /// Maps pages, with the largest pages that alignment allows; answers how many small ones.
    /// An error is one of the first page; at a later one it stops.
    fn map(
        &self,
        place: Place,
        address: UserAddress,
        (offset, pages): (u64, u64),
        access: Access,
        memory: MemoryType,
    ) -> Result<u64, Error> {
        let mut done = 0;
        for _ in 0..PAGES_PER_CALL {
            if done >= pages {
                break;
            }
            let at = address.offset(done << PAGE_BITS);
            let page = place.base.offset(offset.wrapping_add(done) << PAGE_BITS);
            let size = largest_page(at, page, pages.wrapping_sub(done));
            match self.map_page(place.root, at, page, size, access, memory) {
                Ok(mapped) => done = done.wrapping_add(mapped),
                Err(reason) if done == 0 => return Err(bad_argument(reason, 1)),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Maps one page of `size`, or a small one where tables for small ones are already there.
    fn map_page(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        page: PhysicalAddress,
        size: PageSize,
        access: Access,
        memory: MemoryType,
    ) -> Result<u64, Reason> {
        if size > PageSize::Small
            && self.hal().map(root, address, page, size, access, memory).is_ok()
        {
            return Ok(size.bytes() >> PAGE_BITS);
        }
        self.hal()
            .map(root, address, page, PageSize::Small, access, memory)
            .map(|()| 1)
            .map_err(paging_reason)
    }

    /// Refuses `access`, argument `number` of a call, if it is none or more than the Window in
    /// `slot` allows.
    fn check_access(&self, slot: Ref<Slot>, access: Access, number: u8) -> Result<(), Error> {
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
    fn unmap(&self, place: Place, address: UserAddress, pages: u64, entries: u64) -> u64 {
        self.walk_range(address, pages, entries, |at| {
            let found = self.hal().unmap(place.root, at, place.base, place.end());
            if found.is_ok() {
                self.hal().flush(place.root, Some(at));
            }
            found
        })
    }

    /// Changes what those of `pages` pages that are there allow. Answers as `unmap`.
    fn protect(&self, place: Place, address: UserAddress, pages: u64, access: Access) -> u64 {
        self.walk_range(address, pages, PAGES_PER_CALL, |at| {
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
            budget.spend()?;
            let at = place.first.offset(done << PAGE_BITS);
            let step = self.unmap(place, at, place.range.wrapping_sub(done), ENTRIES_PER_STEP);
            self.store.get(slot).set_progress(done.wrapping_add(step));
        }
    }
}

/// Logarithm of the size of the user half.
fn user_bits<H: Hal>() -> u32 {
    u64::BITS - (H::USER_END.0 - 1).leading_zeros()
}

/// Refuses pages (`number` of the argument that counts them) at an address (argument 1) that do
/// not lie in the range of a Window.
fn check_range<H: Hal>(
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
fn check_offset(place: &Place, offset: u64, pages: u64) -> Result<(), Error> {
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
