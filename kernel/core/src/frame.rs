//! Frames and Windows: memory and where it is mapped.
//!
//! A Window is the authority to map pages of one frame at one place. It keeps no list of what it
//! mapped: a page at its place that lies in its frame is one of its own, and is taken away when
//! the Window goes.

use a9n_abi::{Access, Culprit, Error, MemoryType, Reason, Rights, frame, window};
use a9n_hal::{Hal, PageSize, PhysicalAddress, UserAddress};
use a9n_store::{AddressSpace, Capability, MemoryKind, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};
use crate::space::paging_reason;

/// Pages that one call maps or unmaps.
const PAGES_PER_CALL: u64 = 32;

/// Pages looked at in one step of clearing a Window.
const PAGES_PER_STEP: u64 = 2;

const PAGE_BITS: u32 = PageSize::Small.bits();
const PAGE_BYTES: u64 = PageSize::Small.bytes();

/// A Window that is alive, taken apart.
#[derive(Clone, Copy)]
struct Place {
    root: PhysicalAddress,
    /// First byte of the frame.
    base: PhysicalAddress,
    /// Where that would be mapped.
    address: UserAddress,
    /// Pages in the frame.
    pages: u64,
    kind: MemoryKind,
}

impl Place {
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
            frame::Operation::Attach { space, address, node, index } => {
                let (space_slot, capability) = self.lookup_argument(caller.process, space, 1)?;
                let Capability::AddressSpace(space) = capability else {
                    return Err(bad_argument(Reason::InvalidDescriptor, 1).into());
                };
                if !self.store.get(space_slot).rights().contains(Rights::WRITE) {
                    return Err(bad_argument(Reason::PermissionDenied, 1).into());
                }
                let address = UserAddress(address);
                let bytes = 1u64 << (size_bits & 63);
                let fits = address.0.checked_add(bytes).is_some_and(|end| end <= H::USER_END.0);
                if address.0 & (PAGE_BYTES - 1) != 0 || !fits {
                    return Err(bad_argument(Reason::InvalidArgument, 2).into());
                }
                let node = self.lookup_node(caller.process, node, 3)?;
                let target = self.empty_slot(node, index, 4)?;
                let depth = self.child_depth(slot, Culprit::DESCRIPTOR)?;
                self.attach(slot, target, (base, size_bits, kind), (space, address), depth);
                Ok(Outcome::NOTHING)
            }
            frame::Operation::Information => {
                Ok(Outcome::words([u64::from(size_bits), u64::from(kind == MemoryKind::Device)]))
            }
            frame::Operation::Address => Ok(Outcome::word(base.0)),
        }
    }

    fn attach(
        &self,
        slot: Ref<Slot>,
        target: Ref<Slot>,
        (base, size_bits, kind): (PhysicalAddress, u8, MemoryKind),
        (space, address): (Ref<AddressSpace>, UserAddress),
        depth: u8,
    ) {
        let window = Capability::Window { base, size_bits, kind, address, space: Some(space) };
        let rights = self.store.get(slot).rights();
        self.derive_child(slot, target, window, rights, depth);
        self.anchor(space, target);
    }

    pub(crate) fn invoke_window(
        &mut self,
        slot: Ref<Slot>,
        operation: window::Operation,
    ) -> Result<Outcome, Stop> {
        let place = self.place(slot).ok_or(Error::new(Reason::PartnerDied, Culprit::DESCRIPTOR))?;
        match operation {
            window::Operation::Map { offset, pages, access, memory } => {
                Ok(Outcome::word(self.map(slot, place, (offset, pages), access, memory)?))
            }
            window::Operation::Unmap { offset, pages } => {
                check_range(&place, offset, pages)?;
                let pages = pages.min(PAGES_PER_CALL);
                self.unmap(place, offset, pages);
                Ok(Outcome::word(pages))
            }
            window::Operation::Protect { offset, pages, access } => {
                check_range(&place, offset, pages)?;
                self.check_access(slot, access)?;
                let pages = pages.min(PAGES_PER_CALL);
                self.protect(place, offset, pages, access);
                Ok(Outcome::word(pages))
            }
        }
    }

    /// The Window in `slot`, if its address space lives.
    fn place(&self, slot: Ref<Slot>) -> Option<Place> {
        let Some(Capability::Window { base, size_bits, kind, address, space: Some(space) }) =
            self.store.get(slot).capability()
        else {
            return None;
        };
        let pages = 1u64 << (u32::from(size_bits).saturating_sub(PAGE_BITS) & 63);
        Some(Place { root: self.store.root_table(space), base, address, pages, kind })
    }

    /// Maps pages, with the largest pages that alignment allows; answers how many small ones.
    /// An error is one of the first page; at a later one it stops.
    fn map(
        &mut self,
        slot: Ref<Slot>,
        place: Place,
        (offset, pages): (u64, u64),
        access: Access,
        memory: MemoryType,
    ) -> Result<u64, Error> {
        check_range(&place, offset, pages)?;
        self.check_access(slot, access)?;
        if place.kind == MemoryKind::Device && memory == MemoryType::Normal {
            return Err(bad_argument(Reason::InvalidArgument, 4));
        }
        if self.store.get(slot).progress() != 0 {
            return Err(Error::new(Reason::Busy, Culprit::DESCRIPTOR));
        }
        let mut done = 0;
        for _ in 0..PAGES_PER_CALL {
            if done >= pages {
                break;
            }
            let bytes = offset.wrapping_add(done) << PAGE_BITS;
            let (address, page) = (place.address.offset(bytes), place.base.offset(bytes));
            let size = largest_page(address, page, pages.wrapping_sub(done));
            match self.map_page(place.root, address, page, size, access, memory) {
                Ok(mapped) => done = done.wrapping_add(mapped),
                Err(reason) if done == 0 => return Err(bad_argument(reason, 1)),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Refuses `access`, argument 3 of a call, if it is none or more than the Window in `slot`
    /// allows.
    fn check_access(&self, slot: Ref<Slot>, access: Access) -> Result<(), Error> {
        if access.is_empty() {
            return Err(bad_argument(Reason::InvalidArgument, 3));
        }
        let writable = self.store.get(slot).rights().contains(Rights::WRITE);
        if access.contains(Access::WRITE) && !writable {
            return Err(bad_argument(Reason::PermissionDenied, 3));
        }
        Ok(())
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

    /// Unmaps those of `pages` pages that are there.
    fn unmap(&self, place: Place, offset: u64, pages: u64) {
        for page in offset..offset.saturating_add(pages) {
            let address = place.address.offset(page << PAGE_BITS);
            if self.hal().unmap(place.root, address, place.base, place.end()).is_some() {
                self.hal().flush(place.root, Some(address));
            }
        }
    }

    /// Changes what those of `pages` pages that are there allow.
    fn protect(&self, place: Place, offset: u64, pages: u64, access: Access) {
        for page in offset..offset.saturating_add(pages) {
            let address = place.address.offset(page << PAGE_BITS);
            let end = place.end();
            if self.hal().protect(place.root, address, place.base, end, access).is_some() {
                self.hal().flush(place.root, Some(address));
            }
        }
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
            let offset = u64::from(done);
            if offset >= place.pages {
                return Ok(());
            }
            budget.spend()?;
            let step = PAGES_PER_STEP.min(place.pages.wrapping_sub(offset));
            self.unmap(place, offset, step);
            self.store.get(slot).set_progress(done.saturating_add(step as u32));
        }
    }
}

/// Refuses a range that does not lie in the frame.
fn check_range(place: &Place, offset: u64, pages: u64) -> Result<(), Error> {
    if offset >= place.pages {
        return Err(bad_argument(Reason::InvalidArgument, 1));
    }
    if pages == 0 || pages > place.pages.wrapping_sub(offset) {
        return Err(bad_argument(Reason::InvalidArgument, 2));
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
