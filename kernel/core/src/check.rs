//! Invariants of a kernel's whole state, for tests. A broken one panics and says which.
//!
//! The state is found as the kernel would find it: from a root node, the CPUs and the list of dying
//! objects, through slots, objects and links. What the machine knows of and nobody reaches is a
//! leak; what is reached and the machine does not know of is dangling, and the machine panics.

mod memory;
mod processes;
mod state;
mod tree;

pub use state::Saved;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

use a9n_hal::{Hal, PhysicalAddress, UserAddress};
use a9n_store::{
    AddressSpace, Capability, Dying, Internal, Node, Notification, Object, Port, Process, Ref,
    Slot, TableUse,
};

use crate::Kernel;
use crate::cpu::Cpu;

/// What a test knows and the kernel does not.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Init's root node, from which everything was given away. It may be gone.
    pub root: Ref<Node>,
    /// Who runs, by number of the CPU.
    pub running: &'a [Option<Ref<Process>>],
    /// Objects that the machine knows of: address and length of each.
    pub objects: &'a [(u64, u64)],
    /// Whether the memory of so many bytes at an address holds nothing but zero.
    pub is_zero: &'a dyn Fn(u64, u64) -> bool,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("root", &self.root).finish_non_exhaustive()
    }
}

/// Slots of a node that are passed over together if they were never used.
const BLOCK: u64 = 32;

/// What a test can compare with the machine's memory.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Address spaces that live.
    pub spaces: Vec<SpaceCensus>,
    /// Physical ranges that Generics hold to be zero.
    pub zeroed: Vec<(u64, u64)>,
}

/// One address space.
#[derive(Clone, Debug)]
pub struct SpaceCensus {
    /// Root of its page tables.
    pub root: PhysicalAddress,
    /// Whether it is on the list of dying objects: nobody runs in it any more, and what is cached of
    /// it is forgotten when it is gone.
    pub dying: bool,
    /// Its windows: first address and bytes of the range, first byte and bytes of the frame.
    pub windows: Vec<(UserAddress, u64, (PhysicalAddress, u64))>,
    /// Page Tables installed in it, also those whose place another one took.
    pub tables: Vec<PhysicalAddress>,
    /// Page Tables in its pool.
    pub pool: usize,
}

/// Everything that can be reached.
#[derive(Debug, Default)]
struct Found {
    /// Slots that hold something.
    slots: BTreeMap<u64, Ref<Slot>>,
    nodes: BTreeMap<u64, Ref<Node>>,
    processes: BTreeMap<u64, Ref<Process>>,
    ports: BTreeMap<u64, Ref<Port>>,
    notifications: BTreeMap<u64, Ref<Notification>>,
    spaces: BTreeMap<u64, Ref<AddressSpace>>,
    /// Addresses of dying objects.
    dying: BTreeSet<u64>,
}

/// One thing to look at.
enum Item {
    Slot(Ref<Slot>),
    Node(Ref<Node>),
    Process(Ref<Process>),
    Port(Ref<Port>),
    Notification(Ref<Notification>),
    Space(Ref<AddressSpace>),
}

/// The address that `reference` names.
fn at<T>(reference: Ref<T>) -> u64 {
    reference.address().0.get()
}

impl<H: Hal> Kernel<H> {
    /// Checks every invariant.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn check(&self, surroundings: &Surroundings<'_>) -> Census {
        let found = self.find(surroundings);
        self.check_claims(&found, surroundings.objects);
        self.check_slots(&found);
        self.check_originals(&found);
        self.check_processes(&found, surroundings.running);
        self.take_census(&found)
    }

    /// Root node of `process`.
    pub fn root_node(&self, process: Ref<Process>) -> Option<Ref<Node>> {
        self.store.get(process).node.get()
    }

    /// Page of the IPC buffer of `process`.
    pub fn buffer_page(&self, process: Ref<Process>) -> Option<PhysicalAddress> {
        self.buffer(process)
    }

    /// Processes that are ready to run.
    pub fn ready(&self) -> Vec<Ref<Process>> {
        let queues = self.running_cpus().iter().flat_map(Cpu::queues);
        queues.flat_map(|queue| self.members(queue)).collect()
    }

    fn find(&self, surroundings: &Surroundings<'_>) -> Found {
        let mut found = Found::default();
        let mut items: Vec<Item> = self.bindings.get().map(Item::Node).into_iter().collect();
        if surroundings.objects.iter().any(|(address, _)| *address == at(surroundings.root)) {
            items.push(Item::Node(surroundings.root));
        }
        items.extend(surroundings.running.iter().flatten().copied().map(Item::Process));
        for cpu in self.running_cpus() {
            for queue in cpu.queues() {
                items.extend(self.members(queue).into_iter().map(Item::Process));
            }
        }
        let mut dying = self.dying.get();
        while let Some(object) = dying {
            let (address, item) = match object {
                Dying::Node(node) => (at(node), Item::Node(node)),
                Dying::Port(port) => (at(port), Item::Port(port)),
                Dying::Notification(notification) => {
                    (at(notification), Item::Notification(notification))
                }
                Dying::AddressSpace(space) => (at(space), Item::Space(space)),
                Dying::Process(process) => (at(process), Item::Process(process)),
            };
            assert!(found.dying.insert(address), "an object is twice on the list of dying ones");
            items.push(item);
            dying = self.store.dying_next(object).get();
        }
        while let Some(item) = items.pop() {
            self.visit(item, surroundings, &mut found, &mut items);
        }
        found
    }

    fn visit(
        &self,
        item: Item,
        surroundings: &Surroundings<'_>,
        found: &mut Found,
        items: &mut Vec<Item>,
    ) {
        match item {
            Item::Slot(slot) => {
                assert!(!self.store.get(slot).is_empty(), "a link leads to an empty slot");
                if found.slots.insert(at(slot), slot).is_none() {
                    self.visit_slot(slot, items);
                }
            }
            Item::Node(node) => {
                if found.nodes.insert(at(node), node).is_none() {
                    let slots = 1u64 << self.store.get(node).radix();
                    let bytes = 1 << <Slot as Object<H>>::SIZE_BITS;
                    let used = |first: &u64| {
                        let count = BLOCK.min(slots - first);
                        !(surroundings.is_zero)(at(node) + first * bytes, count * bytes)
                    };
                    let blocks = (0..slots).step_by(BLOCK as usize).filter(used);
                    let slots = blocks
                        .flat_map(|first| first..first + BLOCK)
                        .filter_map(|index| self.store.slot(node, index));
                    items.extend(slots.filter(|slot| self.is_filled(*slot)).map(Item::Slot));
                }
            }
            Item::Process(process) => {
                if found.processes.insert(at(process), process).is_none() {
                    let slot = |internal| self.store.internal_slot(process, internal);
                    let slots = Internal::ALL.map(slot).into_iter();
                    items.extend(slots.filter(|slot| self.is_filled(*slot)).map(Item::Slot));
                    let pcb = self.store.get(process);
                    let linked = [pcb.caller.get(), pcb.donor.get()];
                    items.extend(linked.into_iter().flatten().map(Item::Process));
                }
            }
            Item::Port(port) => {
                if found.ports.insert(at(port), port).is_none() {
                    let port = self.store.get(port);
                    for queue in [&port.receivers, &port.senders] {
                        items.extend(self.members(queue).into_iter().map(Item::Process));
                    }
                }
            }
            Item::Notification(notification) => {
                if found.notifications.insert(at(notification), notification).is_none() {
                    let cells = self.store.get(notification);
                    items.extend(self.members(&cells.waiters).into_iter().map(Item::Process));
                    items.extend(cells.bound.get().map(Item::Process));
                }
            }
            Item::Space(space) => {
                if found.spaces.insert(at(space), space).is_none() {
                    let cells = self.store.get(space);
                    items.extend(cells.anchored.get().map(Item::Slot));
                    items.extend(cells.pool.get().map(Item::Slot));
                }
            }
        }
    }

    /// Whether `slot` holds something. An empty one is linked to nothing.
    fn is_filled(&self, slot: Ref<Slot>) -> bool {
        let cells = self.store.get(slot);
        let links = [&cells.next, &cells.previous, &cells.anchor_next, &cells.anchor_previous];
        let linked = links.iter().any(|link| link.get().is_some());
        assert!(!(cells.is_empty() && linked), "an empty slot is linked");
        !cells.is_empty()
    }

    fn visit_slot(&self, slot: Ref<Slot>, items: &mut Vec<Item>) {
        let cells = self.store.get(slot);
        let links = [&cells.next, &cells.previous, &cells.anchor_next, &cells.anchor_previous];
        items.extend(links.into_iter().filter_map(|link| link.get()).map(Item::Slot));
        let item = match cells.capability() {
            Some(Capability::Node(node)) => Item::Node(node),
            Some(Capability::Pcb { process, .. }) => Item::Process(process),
            Some(Capability::AddressSpace(space) | Capability::VirtualAddressSpace(space)) => {
                Item::Space(space)
            }
            Some(Capability::Window { space: Some(space), .. }) => Item::Space(space),
            Some(Capability::PageTable { usage: TableUse::Installed(place), .. }) => {
                Item::Space(place.space)
            }
            Some(Capability::PageTable { usage: TableUse::Pooled(space), .. }) => {
                Item::Space(space)
            }
            Some(Capability::IpcPort { port, .. }) => Item::Port(port),
            Some(Capability::Reply { caller }) => Item::Process(caller),
            Some(Capability::Notification { notification, .. }) => Item::Notification(notification),
            _ => return,
        };
        items.push(item);
    }

    /// The machine's map of objects is what was found, no more and no less.
    fn check_claims(&self, found: &Found, objects: &[(u64, u64)]) {
        let size = |bits: u32| 1u64 << bits;
        let mut expected = BTreeMap::new();
        let mut expect = |address: u64, bytes: u64| {
            let before = expected.insert(address, bytes);
            assert_eq!(before, None, "two objects at {address:#x}");
        };
        for (address, node) in &found.nodes {
            expect(*address, 64);
            expect(*address + 64, (size(self.store.get(*node).radix()) - 1) * 64);
        }
        found.processes.keys().for_each(|at| expect(*at, size(<Process as Object<H>>::SIZE_BITS)));
        found.ports.keys().for_each(|at| expect(*at, 64));
        found.notifications.keys().for_each(|at| expect(*at, 64));
        found.spaces.keys().for_each(|at| expect(*at, 8192));
        let known: BTreeMap<u64, u64> = objects.iter().copied().collect();
        for (address, bytes) in &known {
            let found = expected.get(address);
            assert_eq!(found, Some(bytes), "the object at {address:#x} is reached by nobody");
        }
        assert_eq!(expected.len(), known.len(), "something reached is no object");
    }
}
