//! Address spaces and page tables.

use core::cell::Cell;

use a9n_abi::{Access, Descriptor, Error, Reason, address_space::Operation};
use a9n_hal::{Hal, PageSize, PagingError, PhysicalAddress, Stretch, UserAddress};
use a9n_store::{AddressSpace, Capability, Installation, Internal, Process, Ref, Slot, TableUse};

use crate::Kernel;
use crate::batch::Batch;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop, bad_argument};

/// Part of an address space whose translations have changed and are still cached.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "it has to be forgotten"]
pub(crate) struct Stale(Option<Stretch>);

impl Stale {
    /// Adds `other`, and whatever lies between.
    #[inline(always)]
    pub(crate) fn add(&mut self, other: Stretch) {
        let Some(known) = self.0 else {
            self.0 = Some(other);
            return;
        };
        let end =
            |stretch: Stretch| stretch.address.offset(stretch.pages << PageSize::Small.bits());
        let address = known.address.min(other.address);
        let bytes = end(known).max(end(other)).0.wrapping_sub(address.0);
        self.0 = Some(Stretch { address, pages: bytes >> PageSize::Small.bits() });
    }
}

impl<H: Hal> Kernel<H> {
    /// Makes all CPUs forget what is `stale` of `space`.
    pub(crate) fn forget(&self, space: Ref<AddressSpace>, stale: Stale) {
        if stale.0.is_some() {
            let cpus = self.store.get(space).cpus.get();
            self.hal().flush(self.store.root_table(space), cpus, stale.0);
        }
    }

    /// Notes where the address space of `process` may be loaded from now on: on the CPU that it is
    /// to run on, and on the one that it is on.
    pub(crate) fn spread_space(&self, process: Ref<Process>) {
        let slot = self.store.internal_slot(process, Internal::AddressSpace);
        if let Some(Capability::AddressSpace(space) | Capability::VirtualAddressSpace(space)) =
            self.store.get(slot).capability()
        {
            let (pcb, cpus) = (self.store.get(process), &self.store.get(space).cpus);
            cpus.set(cpus.get().with(pcb.affinity.get()).with(pcb.state.get().cpu()));
        }
    }

    pub(crate) fn invoke_space(
        &mut self,
        caller: Caller,
        space: Ref<AddressSpace>,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::InstallTable { table, address } => {
                Ok(self.install_table(caller, space, table, UserAddress(address))?)
            }
            Operation::Translate { address } => {
                let address = UserAddress(address);
                if address >= H::USER_END {
                    return Err(bad_argument(Reason::InvalidArgument, 1).into());
                }
                let found = self.hal().translate(self.store.root_table(space), address);
                let access = found.map_or(Access::empty(), |(_, access)| access);
                Ok(Outcome::words([u64::from(found.is_some()), access.bits()]))
            }
            Operation::AddTable { table } => {
                let (slot, capability) = self.lookup_argument(caller.process, table, 1)?;
                let Capability::PageTable { table, usage } = capability else {
                    return Err(bad_argument(Reason::InvalidDescriptor, 1).into());
                };
                if usage != TableUse::Free {
                    return Err(bad_argument(Reason::Busy, 1).into());
                }
                let usage = TableUse::Pooled(space);
                self.store.get(slot).update(Capability::PageTable { table, usage });
                self.anchor(&self.store.get(space).pool, slot);
                Ok(Outcome::Nothing)
            }
            Operation::MapMany { runs } => self.batch(caller, space, Batch::Map, runs),
            Operation::UnmapMany { runs } => self.batch(caller, space, Batch::Unmap, runs),
            Operation::ProtectMany { runs } => self.batch(caller, space, Batch::Protect, runs),
        }
    }

    /// Makes an empty address space in zeroed memory at `address`.
    pub(crate) fn create_space(&mut self, address: PhysicalAddress) -> Ref<AddressSpace> {
        let space = self.store.create(address, AddressSpace::default());
        self.hal().prepare_root(self.store.root_table(space));
        space
    }

    /// Makes empty guest-physical memory in zeroed memory at `address`.
    pub(crate) fn create_guest_space(&mut self, address: PhysicalAddress) -> Ref<AddressSpace> {
        let space = self.store.create(address, AddressSpace::default());
        self.hal().prepare_guest_root(self.store.root_table(space));
        space
    }

    fn install_table(
        &mut self,
        caller: Caller,
        space: Ref<AddressSpace>,
        table: Descriptor,
        address: UserAddress,
    ) -> Result<Outcome, Error> {
        let (slot, capability) = self.lookup_argument(caller.process, table, 1)?;
        let Capability::PageTable { table, usage } = capability else {
            return Err(bad_argument(Reason::InvalidDescriptor, 1));
        };
        if usage != TableUse::Free {
            return Err(bad_argument(Reason::Busy, 1));
        }
        if address >= H::USER_END {
            return Err(bad_argument(Reason::InvalidArgument, 2));
        }
        let entries = self
            .install(space, slot, table, address)
            .map_err(|error| bad_argument(paging_reason(error), 2))?;
        Ok(Outcome::Word(u64::from(entries)))
    }

    /// Installs the table in `slot`; answers the logarithm of what one of its entries maps.
    pub(crate) fn install(
        &self,
        space: Ref<AddressSpace>,
        slot: Ref<Slot>,
        table: PhysicalAddress,
        address: UserAddress,
    ) -> Result<u32, PagingError> {
        let root = self.store.root_table(space);
        let entries = self.hal().install_table(root, address, table)?;
        let place = Installation { space, address: page_of(address), entries };
        let usage = TableUse::Installed(place);
        self.store.get(slot).update(Capability::PageTable { table, usage });
        self.anchor(&self.store.get(space).anchored, slot);
        Ok(entries.bits())
    }

    /// Undoes what the capability in `slot`, about to be removed, put into an address space. A
    /// Window has been cleared.
    pub(crate) fn withdraw_mappings(&mut self, slot: Ref<Slot>, capability: Capability) {
        match capability {
            Capability::Window { space: Some(space), .. } => {
                self.unanchor(&self.store.get(space).anchored, slot);
            }
            Capability::PageTable { usage: TableUse::Pooled(space), .. } => {
                self.unanchor(&self.store.get(space).pool, slot);
            }
            Capability::PageTable { table, usage: TableUse::Installed(place) } => {
                let root = self.store.root_table(place.space);
                self.hal().remove_table(root, place.address, place.entries, table);
                self.hal().flush(root, self.store.get(place.space).cpus.get(), None);
                self.unanchor(&self.store.get(place.space).anchored, slot);
            }
            _ => {}
        }
    }

    /// `slot`, one of those that the dying address space `space` knows, loses its hold there.
    pub(crate) fn cast_off(&mut self, space: Ref<AddressSpace>, slot: Ref<Slot>) {
        let cells = self.store.get(slot);
        let spaces = self.store.get(space);
        let free = |table| Capability::PageTable { table, usage: TableUse::Free };
        match cells.capability() {
            Some(Capability::Window { base, size_bits, kind, address, range_bits, .. }) => {
                let space = None;
                cells.update(Capability::Window {
                    base,
                    size_bits,
                    kind,
                    address,
                    range_bits,
                    space,
                });
            }
            Some(Capability::PageTable { table, usage: TableUse::Installed(place) }) => {
                let root = self.store.root_table(space);
                self.hal().remove_table(root, place.address, place.entries, table);
                cells.update(free(table));
            }
            Some(Capability::PageTable { table, usage: TableUse::Pooled(_) }) => {
                cells.update(free(table));
                self.unanchor(&spaces.pool, slot);
                return;
            }
            _ => {}
        }
        self.unanchor(&spaces.anchored, slot);
    }

    /// Takes a table out of the pool of `space` and installs it for `address`.
    pub(crate) fn install_from_pool(
        &self,
        space: Ref<AddressSpace>,
        address: UserAddress,
    ) -> Result<(), Reason> {
        let pool = &self.store.get(space).pool;
        let slot = pool.get().ok_or(Reason::MissingTable)?;
        let Some(Capability::PageTable { table, .. }) = self.store.get(slot).capability() else {
            return Err(Reason::MissingTable);
        };
        self.unanchor(pool, slot);
        self.install(space, slot, table, address).map(|_| ()).map_err(paging_reason)
    }

    /// Puts `slot` into the list of an address space that begins at `head`.
    pub(crate) fn anchor(&self, head: &Cell<Option<Ref<Slot>>>, slot: Ref<Slot>) {
        let first = head.replace(Some(slot));
        self.store.get(slot).anchor_next.set(first);
        self.store.get(slot).anchor_previous.set(None);
        if let Some(first) = first {
            self.store.get(first).anchor_previous.set(Some(slot));
        }
    }

    fn unanchor(&self, head: &Cell<Option<Ref<Slot>>>, slot: Ref<Slot>) {
        let next = self.store.get(slot).anchor_next.take();
        let previous = self.store.get(slot).anchor_previous.take();
        match previous {
            Some(previous) => self.store.get(previous).anchor_next.set(next),
            None => head.set(next),
        }
        if let Some(next) = next {
            self.store.get(next).anchor_previous.set(previous);
        }
    }

    /// What the list that begins at `head` knows as `from` is `to` now.
    pub(crate) fn move_anchor(
        &self,
        head: &Cell<Option<Ref<Slot>>>,
        from: Ref<Slot>,
        to: Ref<Slot>,
    ) {
        let target = self.store.get(to);
        match target.anchor_previous.get() {
            Some(previous) => self.store.get(previous).anchor_next.set(Some(to)),
            None => {
                debug_assert_eq!(head.get(), Some(from));
                head.set(Some(to));
            }
        }
        if let Some(next) = target.anchor_next.get() {
            self.store.get(next).anchor_previous.set(Some(to));
        }
    }
}

/// The page that `address` lies in.
fn page_of(address: UserAddress) -> UserAddress {
    UserAddress(address.0 & !(PageSize::Small.bytes() - 1))
}

/// A paging error as a user sees it.
pub(crate) fn paging_reason(error: PagingError) -> Reason {
    match error {
        PagingError::MissingTable(_) => Reason::MissingTable,
        PagingError::Occupied => Reason::Occupied,
        PagingError::Unsupported => Reason::InvalidArgument,
    }
}
