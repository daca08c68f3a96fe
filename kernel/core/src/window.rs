//! Windows: what of a frame is mapped where.
//!
//! A Window is the authority to map pages of one frame into a range of one address space. It
//! keeps no list of what it mapped: a page in its range that lies in its frame is one of its own,
//! and is taken away when the Window goes.

use core::ops::Range;

use a9n_abi::{Access, Culprit, Error, MemoryType, Reason, Rights, window::Operation};
use a9n_hal::{Hal, PageSize, Passed, PhysicalAddress, Run, Stretch, UserAddress};
use a9n_store::{AddressSpace, MemoryKind, Ref, Slot, Window};

use crate::Kernel;
use crate::outcome::{Budget, Outcome, Stop, bad_argument};
use crate::space::{Stale, paging_reason};

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

    /// The frame's bytes.
    fn frame(&self) -> Range<PhysicalAddress> {
        self.base..self.page(self.pages)
    }
}

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_window(
        &mut self,
        slot: Ref<Slot>,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        let place = self.place(slot).ok_or(Error::new(Reason::PartnerDied, Culprit::DESCRIPTOR))?;
        let cells = self.store.get(slot);
        let mut budget = match operation {
            Operation::Map { .. } => Budget::for_filling(),
            Operation::Unmap { .. } | Operation::Protect { .. } => Budget::for_changing(),
        };
        let done = match operation {
            Operation::Map { address, offset, pages, access, memory } => {
                let run = (address, offset, pages);
                let run = self.check_map(&place, run, (access, memory))?;
                check_access(cells, access, 4)?;
                check_whole(cells)?;
                self.map(place.root, run, &mut budget).map_err(|reason| bad_argument(reason, 1))?
            }
            Operation::Unmap { address, pages } => {
                let stretch = check_range::<H>(&place, address, pages, 2)?;
                let mut stale = Stale::default();
                let done = self.unmap(&place, stretch, &mut budget, &mut stale);
                self.forget(place.space, stale);
                done
            }
            Operation::Protect { address, pages, access } => {
                let stretch = check_range::<H>(&place, address, pages, 2)?;
                check_access(cells, access, 3)?;
                let mut stale = Stale::default();
                let done = self.protect(&place, stretch, access, &mut budget, &mut stale);
                self.forget(place.space, stale);
                done
            }
        };
        Ok(Outcome::Word(done))
    }

    /// The Window in `slot`, if its address space lives.
    #[inline(always)]
    pub(crate) fn place(&self, slot: Ref<Slot>) -> Option<Place> {
        let window = self.store.get(slot).window(Rights::empty())?;
        Some(self.place_of(&window))
    }

    /// `window`, taken apart.
    #[inline(always)]
    pub(crate) fn place_of(&self, window: &Window) -> Place {
        let Window { base, size_bits, kind, address: first, range_bits, space } = *window;
        // Neither is smaller than a page.
        let pages = |bits: u8| 1u64 << (u32::from(bits).wrapping_sub(PAGE_BITS) & 63);
        let root = self.store.root_table(space);
        let (pages, range) = (pages(size_bits), pages(range_bits));
        Place { space, root, base, pages, kind, first, range }
    }

    /// What a mapping through the Window at `place` is, if it is one, whatever its rights allow.
    #[inline(always)]
    pub(crate) fn check_map(
        &self,
        place: &Place,
        (address, offset, pages): (u64, u64, u64),
        (access, memory): (Access, MemoryType),
    ) -> Result<Run, Error> {
        let stretch = check_range::<H>(place, address, pages, 3)?;
        check_offset(place, offset, pages)?;
        if access.is_empty() {
            return Err(bad_argument(Reason::InvalidArgument, 4));
        }
        if place.kind == MemoryKind::Device && memory == MemoryType::Normal {
            return Err(bad_argument(Reason::InvalidArgument, 5));
        }
        Ok(Run { stretch, page: place.page(offset), access, memory })
    }

    /// Maps as much of `run` as the budget allows; answers how many pages. A refusal is one of the
    /// first page; at a later one it stops.
    pub(crate) fn map(
        &self,
        root: PhysicalAddress,
        run: Run,
        budget: &mut Budget,
    ) -> Result<u64, Reason> {
        let mut done = 0u64;
        while done < run.stretch.pages {
            let Some(entries) = budget.walk() else { break };
            let rest = Run {
                stretch: rest(run.stretch, done),
                page: run.page.offset(done << PAGE_BITS),
                ..run
            };
            match self.hal().map(root, rest, entries) {
                Ok(passed) => {
                    budget.pass(passed.entries);
                    done = done.wrapping_add(passed.pages);
                }
                Err(error) if done == 0 => return Err(paging_reason(error)),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Unmaps what of `stretch` is there, as far as the budget allows. Answers how many pages it
    /// went through, and adds to `stale` what has to be forgotten.
    pub(crate) fn unmap(
        &self,
        place: &Place,
        stretch: Stretch,
        budget: &mut Budget,
        stale: &mut Stale,
    ) -> u64 {
        go_through(stretch, budget, stale, |rest, entries| {
            self.hal().unmap(place.root, rest, place.frame(), entries)
        })
    }

    /// Changes what those of `stretch` that are there allow. Otherwise as `unmap`.
    pub(crate) fn protect(
        &self,
        place: &Place,
        stretch: Stretch,
        access: Access,
        budget: &mut Budget,
        stale: &mut Stale,
    ) -> u64 {
        go_through(stretch, budget, stale, |rest, entries| {
            // To change an entry takes twice as long as to empty it.
            let entries = (entries / 2).max(1);
            let passed = self.hal().protect(place.root, rest, place.frame(), entries, access);
            Passed { entries: passed.entries * 2, ..passed }
        })
    }

    /// Unmaps everything of the Window in `slot`, which is about to be removed, in steps. How far
    /// it is stands in the slot; once begun, nothing can be mapped through it any more.
    pub(crate) fn clear_window(
        &mut self,
        slot: Ref<Slot>,
        budget: &mut Budget,
    ) -> Result<(), Stop> {
        let Some(place) = self.place(slot) else { return Ok(()) };
        let mut stale = Stale::default();
        let mut done = self.store.get(slot).progress();
        if done < place.range {
            let all = Stretch { address: place.first, pages: place.range };
            done = done.wrapping_add(self.unmap(&place, rest(all, done), budget, &mut stale));
            self.store.get(slot).set_progress(done);
            self.forget(place.space, stale);
        }
        if done < place.range { Err(Stop::Restart) } else { Ok(()) }
    }
}

/// What is left of `stretch` when `done` pages of it are done.
const fn rest(Stretch { address, pages }: Stretch, done: u64) -> Stretch {
    Stretch { address: address.offset(done << PAGE_BITS), pages: pages.wrapping_sub(done) }
}

/// Goes through `stretch` as far as the budget allows, a table at a time, by `visit`. Answers how
/// many pages that were.
fn go_through(
    stretch: Stretch,
    budget: &mut Budget,
    stale: &mut Stale,
    visit: impl Fn(Stretch, u64) -> Passed,
) -> u64 {
    let mut done = 0u64;
    while done < stretch.pages {
        let Some(entries) = budget.walk() else { break };
        let rest = rest(stretch, done);
        let passed = visit(rest, entries);
        budget.pass(passed.entries);
        if passed.changed {
            stale.add(Stretch { address: rest.address, pages: passed.pages });
        }
        done = done.wrapping_add(passed.pages);
    }
    done.min(stretch.pages)
}

/// Refuses to map through the Window in `slot` once it is being cleared.
pub(crate) fn check_whole(slot: &Slot) -> Result<(), Error> {
    if slot.progress() == 0 { Ok(()) } else { Err(Error::new(Reason::Busy, Culprit::DESCRIPTOR)) }
}

/// Refuses `access`, argument `number` of a call, if it is none or more than the Window in `slot`
/// allows.
pub(crate) fn check_access(slot: &Slot, access: Access, number: u8) -> Result<(), Error> {
    if access.is_empty() {
        return Err(bad_argument(Reason::InvalidArgument, number));
    }
    if access.contains(Access::WRITE) && !slot.rights().contains(Rights::WRITE) {
        return Err(bad_argument(Reason::PermissionDenied, number));
    }
    Ok(())
}

/// The `pages` pages (`number` of the argument that counts them) at `address` (argument 1), unless
/// they do not lie in the range of a Window.
#[inline(always)]
pub(crate) fn check_range<H: Hal>(
    place: &Place,
    address: u64,
    pages: u64,
    number: u8,
) -> Result<Stretch, Error> {
    let bytes = place.range << PAGE_BITS;
    let offset = address.wrapping_sub(place.first.0);
    if address & (PAGE_BYTES - 1) != 0 || offset >= bytes || address >= H::USER_END.0 {
        return Err(bad_argument(Reason::InvalidArgument, 1));
    }
    let room = bytes.wrapping_sub(offset).min(H::USER_END.0.wrapping_sub(address));
    if pages == 0 || pages > room >> PAGE_BITS {
        return Err(bad_argument(Reason::InvalidArgument, number));
    }
    Ok(Stretch { address: UserAddress(address), pages })
}

/// Refuses pages from `offset` on (arguments 3 and 2) that do not lie in the frame.
#[inline(always)]
pub(crate) fn check_offset(place: &Place, offset: u64, pages: u64) -> Result<(), Error> {
    if offset >= place.pages {
        return Err(bad_argument(Reason::InvalidArgument, 2));
    }
    if pages > place.pages.wrapping_sub(offset) {
        return Err(bad_argument(Reason::InvalidArgument, 3));
    }
    Ok(())
}
