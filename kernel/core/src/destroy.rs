//! How capabilities are taken away and objects die.
//!
//! Removing a slot first removes all that was derived from it, leaves first. When the original
//! capability of an object goes, nothing else refers to the object but its own parts: queued
//! processes, slots in a node or in a PCB, windows of an address space. It goes on the list of dying
//! objects, which is drained in steps. Destruction never recurses: a node that holds the last
//! capability of another node, or of itself, puts that on the same list.
//!
//! Whoever removes, revokes or converts drains the list before it answers, so memory is whole
//! when a revoke says so. If the caller dies on the way, timer interrupts go on with it. Memory of
//! a dying object is not reused: converting drains first.

use a9n_abi::Reason;
use a9n_abi::kernel::word;
use a9n_hal::{Context, Hal};
use a9n_store::{Capability, Dying, Internal, Node, Process, Ref, Slot, TableUse};

use crate::Kernel;
use crate::outcome::{Budget, Stop};
use crate::transfer::NO_BUFFER;

/// Slots looked at, and passed over if they are empty, at once.
const SLOTS_AT_ONCE: u64 = 8;

/// What things cost, in units of a [`Budget`].
mod cost {
    /// To walk down one derivation.
    pub(super) const LEVEL: u32 = 1;
    /// To empty a slot.
    pub(super) const SLOT: u32 = 20;
    /// To empty one in a PCB.
    pub(super) const INTERNAL: u32 = 28;
    /// To take a table out of an address space, to clear it, and to tell all CPUs.
    pub(super) const TABLE: u32 = 100;
    /// To take one out of an address space that nobody uses any more.
    pub(super) const CAST_OFF: u32 = 70;
    /// To empty a slot with a Window through which nothing is mapped.
    pub(super) const WINDOW: u32 = 27;
    /// To look for a filled slot among some, and to pass over them if there is none.
    pub(super) const LOOK: u32 = 13;
    pub(super) const PASS: u32 = 2;
    /// To stop a process and to part it from others.
    pub(super) const PROCESS: u32 = 75;
    /// To end a wait.
    pub(super) const WAITER: u32 = 60;
    /// To take one thing from a process.
    pub(super) const PART: u32 = 60;
    /// To end an address space with nothing left in it, on all CPUs.
    pub(super) const SPACE: u32 = 20;
    /// To find an object with nothing left.
    pub(super) const OBJECT: u32 = 3;
}

impl<H: Hal> Kernel<H> {
    /// Empties `slot` after everything derived from it.
    pub(crate) fn remove(&mut self, slot: Ref<Slot>) -> Result<(), Stop> {
        let mut budget = Budget::new();
        self.remove_within(slot, &mut budget)?;
        self.settle(&mut budget)
    }

    /// Empties everything derived from `slot`.
    pub(crate) fn revoke(&mut self, slot: Ref<Slot>) -> Result<(), Stop> {
        let mut budget = Budget::new();
        self.revoke_within(slot, &mut budget)?;
        self.settle(&mut budget)
    }

    /// Drains the list of dying objects at the end of an operation that is otherwise done.
    pub(crate) fn settle(&mut self, budget: &mut Budget) -> Result<(), Stop> {
        self.drain(budget).map_err(|stop| match stop {
            Stop::Restart => Stop::RestartAs(word::Settle),
            other => other,
        })
    }

    fn remove_within(&mut self, slot: Ref<Slot>, budget: &mut Budget) -> Result<(), Stop> {
        self.revoke_within(slot, budget)?;
        if !self.store.get(slot).is_empty() {
            self.let_go(slot, budget)?;
        }
        Ok(())
    }

    /// Walks down to a leaf, removes it and goes on at its parent: the walk is as long as the tree
    /// is deep, and each further step removes a slot.
    fn revoke_within(&mut self, slot: Ref<Slot>, budget: &mut Budget) -> Result<(), Stop> {
        let mut at = slot;
        loop {
            at = self.deepest(at, budget);
            if at == slot {
                return Ok(());
            }
            // A first child's predecessor is its parent.
            let parent = self.store.get(at).previous.get().unwrap_or(slot);
            self.let_go(at, budget)?;
            at = parent;
        }
    }

    /// From child to first child, down to a slot without any.
    fn deepest(&self, slot: Ref<Slot>, budget: &mut Budget) -> Ref<Slot> {
        let top = self.store.get(slot).depth();
        let (mut at, mut depth) = (slot, top);
        while let Some(next) = self.store.get(at).next.get()
            && self.store.get(next).depth() > depth
        {
            at = next;
            depth = self.store.get(next).depth();
        }
        budget.charge(u32::from(depth.wrapping_sub(top)) * cost::LEVEL);
        at
    }

    /// Empties the filled slot `slot`, which has no descendants, and ends what hangs on it.
    fn let_go(&mut self, slot: Ref<Slot>, budget: &mut Budget) -> Result<(), Stop> {
        let Some(capability) = self.store.get(slot).capability() else { return Ok(()) };
        let original = self.store.get(slot).is_original();
        let owner = self.store.internal_owner(slot);
        if let Capability::Window { .. } = capability {
            self.clear_window(slot, budget)?;
        }
        budget.spend(match (capability, owner) {
            (Capability::PageTable { usage: TableUse::Installed(_), .. }, _) => cost::TABLE,
            (Capability::Window { .. }, _) => cost::WINDOW,
            (Capability::Pcb { .. }, _) if original => cost::PROCESS,
            (_, Some(_)) => cost::INTERNAL,
            _ => cost::SLOT,
        })?;
        match (capability, owner) {
            (Capability::Pcb { process, .. }, _) if original => self.quiesce(process)?,
            (
                _,
                Some((
                    process,
                    Internal::AddressSpace | Internal::VectorState | Internal::VirtualCpu,
                )),
            ) => self.quiesce(process)?,
            _ => {}
        }
        self.withdraw_mappings(slot, capability);

        self.unlink_derivation(slot);
        self.store.get(slot).clear();
        if let Some((process, internal)) = owner {
            self.detach(process, internal, capability);
        }
        match capability {
            Capability::Reply { caller } => self.abandon(caller),
            Capability::Pcb { process, .. } if original => {
                self.stop_for_good(process);
                self.put_dying(Dying::Process(process));
            }
            Capability::InterruptPort { interrupt } if original => {
                self.release_interrupt(interrupt)?;
            }
            Capability::Node(node) if original => self.put_dying(Dying::Node(node)),
            Capability::AddressSpace(space) | Capability::VirtualAddressSpace(space)
                if original =>
            {
                self.put_dying(Dying::AddressSpace(space));
            }
            Capability::IpcPort { port, .. } if original => self.put_dying(Dying::Port(port)),
            Capability::Notification { notification, .. } if original => {
                self.put_dying(Dying::Notification(notification));
            }
            _ => {}
        }
        Ok(())
    }

    /// Empties a slot that never has descendants, in a PCB or a binding, so that it can be filled
    /// anew.
    pub(crate) fn empty_leaf(&mut self, slot: Ref<Slot>, budget: &mut Budget) -> Result<(), Stop> {
        self.let_go(slot, budget)
    }

    #[inline(never)]
    fn put_dying(&self, object: Dying) {
        self.store.dying_next(object).set(self.dying.get());
        self.dying.set(Some(object));
    }

    /// Takes `object`, the first of the list, off it.
    fn drop_dying(&self, object: Dying) {
        self.dying.set(self.store.dying_next(object).get());
    }

    /// Whether there are dying objects.
    pub(crate) fn is_draining(&self) -> bool {
        self.dying.get().is_some()
    }

    /// Lets go of the parts of all dying objects. That may take away any slot and any process, the
    /// caller included: nothing found before holds afterwards.
    pub(crate) fn drain(&mut self, budget: &mut Budget) -> Result<(), Stop> {
        while let Some(object) = self.dying.get() {
            match object {
                Dying::Node(node) => self.drain_node(node, budget)?,
                Dying::Port(port) => {
                    let port_cells = self.store.get(port);
                    let waiting = port_cells.receivers.first().or(port_cells.senders.first());
                    match waiting {
                        Some(process) => self.fail_waiting(process, budget)?,
                        None => {
                            budget.spend(cost::OBJECT)?;
                            self.drop_dying(object);
                            self.store.destroy(port);
                        }
                    }
                }
                Dying::Notification(notification) => {
                    match self.store.get(notification).waiters.first() {
                        Some(process) => self.fail_waiting(process, budget)?,
                        None => {
                            budget.spend(cost::OBJECT)?;
                            self.drop_dying(object);
                            self.store.destroy(notification);
                        }
                    }
                }
                Dying::AddressSpace(space) => {
                    let cells = self.store.get(space);
                    match cells.anchored.get().or(cells.pool.get()) {
                        Some(slot) => {
                            budget.spend(cost::CAST_OFF)?;
                            self.cast_off(space, slot);
                        }
                        None => {
                            budget.spend(cost::SPACE)?;
                            self.drop_dying(object);
                            self.hal().retire(self.store.root_table(space), cells.cpus.get());
                            self.store.destroy(space);
                        }
                    }
                }
                Dying::Process(process) => self.drain_process(process, budget)?,
            }
        }
        Ok(())
    }

    /// Empties some slots of a dying node.
    fn drain_node(&mut self, node: Ref<Node>, budget: &mut Budget) -> Result<(), Stop> {
        budget.charge(cost::LOOK);
        let first = self.store.get(node).emptied.get();
        let end = first.saturating_add(SLOTS_AT_ONCE);
        for index in first..end {
            let Some(slot) = self.store.slot(node, index) else {
                self.drop_dying(Dying::Node(node));
                self.store.destroy_node(node);
                return Ok(());
            };
            if !self.store.get(slot).is_empty() {
                self.store.get(node).emptied.set(index);
                // What is removed may put another object in front of this one.
                return self.remove_within(slot, budget);
            }
        }
        budget.spend(cost::PASS)?;
        self.store.get(node).emptied.set(end);
        Ok(())
    }

    /// Takes one thing from a dying process.
    fn drain_process(&mut self, process: Ref<Process>, budget: &mut Budget) -> Result<(), Stop> {
        budget.spend(cost::PART)?;
        for internal in Internal::ALL {
            let slot = self.store.internal_slot(process, internal);
            if let Some(capability) = self.store.get(slot).capability() {
                self.unlink_derivation(slot);
                self.store.get(slot).clear();
                self.detach(process, internal, capability);
                return Ok(());
            }
        }
        self.drop_dying(Dying::Process(process));
        self.store.destroy(process);
        Ok(())
    }

    /// `process` loses what one of its internal slots held.
    fn detach(&self, process: Ref<Process>, internal: Internal, capability: Capability) {
        match internal {
            Internal::AddressSpace => {
                self.halt(process);
                self.context(process).set_address_space(None);
            }
            Internal::Node => self.store.get(process).node.set(None),
            Internal::Notification => {
                if let Capability::Notification { notification, .. } = capability {
                    self.store.get(notification).bound.set(None);
                }
            }
            Internal::VirtualCpu => {
                self.halt(process);
                let pcb = self.store.get(process);
                pcb.context.set_guest(None);
                pcb.state.set(pcb.state.get().with_guest(false));
            }
            Internal::VectorState => {
                if self.guest(process).is_some() {
                    self.halt(process);
                }
                if let Capability::VectorState { state } = capability {
                    self.hal().release_vector_state(state);
                }
                let pcb = self.store.get(process);
                pcb.context.set_vector_state(None);
                pcb.state.set(pcb.state.get().with_vector(false));
            }
            Internal::Buffer => self.store.get(process).buffer.set(NO_BUFFER),
            Internal::Resolver => {}
        }
        self.refresh_fast_mask(process);
    }

    /// `process` waits at something that dies.
    fn fail_waiting(&self, process: Ref<Process>, budget: &mut Budget) -> Result<(), Stop> {
        budget.spend(cost::WAITER)?;
        self.fail_blocked(process, Reason::PartnerDied);
        Ok(())
    }
}
