//! Slots: the tree of derivations, and who owns what.

use std::collections::BTreeMap;
use std::vec::Vec;

use a9n_hal::{Hal, PhysicalAddress};
use a9n_store::{Capability, Internal, Node, Object, Port, Process, Ref, Slot, Store};

use super::{Found, at};
use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// Every slot stands in one well-formed list, below what it may be derived from.
    pub(super) fn check_slots(&self, found: &Found) {
        let filled = || found.slots.values().copied();
        filled().for_each(|slot| self.check_links(slot));
        let heads = filled().filter(|slot| self.store.get(*slot).previous.get().is_none());
        let walked: usize = heads.map(|head| self.check_list(head)).sum();
        assert_eq!(walked, found.slots.len(), "a list of derivations is a ring");
        for process in found.processes.values() {
            for internal in Internal::ALL {
                let slot = self.store.internal_slot(*process, internal);
                if !self.store.get(slot).is_empty() {
                    assert_eq!(self.store.internal_owner(slot), Some((*process, internal)));
                    assert!(self.first_child(slot).is_none(), "an internal slot has children");
                }
            }
        }
        for slot in filled().filter(|slot| self.store.get(*slot).is_internal()) {
            let (process, internal) = self.store.internal_owner(slot).expect("it has an owner");
            assert!(found.processes.contains_key(&at(process)));
            assert_eq!(self.store.internal_slot(process, internal), slot);
        }
    }

    fn check_links(&self, slot: Ref<Slot>) {
        let cells = self.store.get(slot);
        assert!(cells.capability().is_some(), "a slot holds something unknown");
        if let Some(next) = cells.next.get() {
            assert_eq!(self.store.get(next).previous.get(), Some(slot));
            assert!(!self.store.get(next).is_empty());
        }
        if let Some(previous) = cells.previous.get() {
            assert_eq!(self.store.get(previous).next.get(), Some(slot));
            assert!(!self.store.get(previous).is_empty());
        }
    }

    /// Walks the list that starts at `head`; answers its length.
    fn check_list(&self, head: Ref<Slot>) -> usize {
        assert_eq!(self.store.get(head).depth(), 0, "the first of a list is a root");
        // From the root to the slot before.
        let mut path: Vec<Ref<Slot>> = std::vec![head];
        let mut length = 1;
        let mut at = head;
        while let Some(next) = self.store.get(at).next.get() {
            let depth = usize::from(self.store.get(next).depth());
            assert!(depth >= 1 && depth <= path.len(), "depths jump");
            path.truncate(depth);
            self.check_derivation(path[depth - 1], next);
            path.push(next);
            at = next;
            length += 1;
        }
        length
    }

    /// `child` is something that can be derived from `parent`.
    fn check_derivation(&self, parent: Ref<Slot>, child: Ref<Slot>) {
        use Capability as C;
        let (above, below) = (self.store.get(parent), self.store.get(child));
        let original = below.is_original();
        let (source, derived) =
            (above.capability().expect("filled"), below.capability().expect("filled"));
        let same = |one: u64, other: u64| one == 0 || one == other;
        let fits = match (source, derived) {
            (C::Generic { base, size_bits, used, .. }, derived) => {
                let (start, bytes) = self.memory_of(derived).expect("objects have memory");
                original
                    && start >= base.0
                    && bytes <= used
                    && start + bytes <= base.0 + used
                    && used <= 1 << size_bits
                    && start % bytes == 0
            }
            (C::InterruptRegion, C::InterruptPort { .. }) => original,
            (
                C::Frame { base, size_bits, kind },
                C::Window { base: b, size_bits: s, kind: k, .. },
            ) => !original && (base, size_bits, kind) == (b, s, k),
            (C::IoPort { first, last }, C::IoPort { first: f, last: l }) => {
                !original && first <= f && l <= last
            }
            (C::IpcPort { port, identifier }, C::IpcPort { port: p, identifier: i }) => {
                !original && port == p && same(identifier, i)
            }
            (
                C::Notification { notification, identifier },
                C::Notification { notification: n, identifier: i },
            ) => !original && notification == n && same(identifier, i),
            (C::Pcb { process, .. }, C::Pcb { process: p, .. }) => !original && process == p,
            (C::Window { .. } | C::PageTable { .. } | C::Reply { .. }, _) => false,
            (source, derived) => !original && source == derived,
        };
        assert!(fits, "{derived:?} (original: {original}) is derived from {source:?}");
        assert!(
            !below.is_internal() || !original,
            "an object's life hangs on a slot in a PCB: {derived:?}"
        );
    }

    /// Physical address and length of the memory that an original capability stands for.
    pub(super) fn memory_of(&self, capability: Capability) -> Option<(u64, u64)> {
        use Capability as C;
        fn physical<H: Hal, T>(hal: &H, reference: Ref<T>) -> PhysicalAddress {
            hal.physical_address(reference.address())
        }
        let (start, bits) = match capability {
            C::Generic { base, size_bits, .. } | C::Frame { base, size_bits, .. } => {
                (base, u32::from(size_bits))
            }
            C::Node(node) => {
                let bits = Store::<H>::node_bits(self.store.get(node).radix());
                (physical(self.hal(), node), bits)
            }
            C::Pcb { process, .. } => {
                (physical(self.hal(), process), <Process as Object<H>>::SIZE_BITS)
            }
            C::VectorState { state } => (state, self.hal().vector_state_bits()),
            C::AddressSpace(space) | C::VirtualAddressSpace(space) => {
                (physical(self.hal(), space), 13)
            }
            C::VirtualCpu { guest } => (guest, self.hal().guest_bits()?),
            C::PageTable { table, .. } => (table, 12),
            C::IpcPort { port, .. } => (physical(self.hal(), port), <Port as Object<H>>::SIZE_BITS),
            C::Notification { notification, .. } => (physical(self.hal(), notification), 6),
            _ => return None,
        };
        Some((start.0, 1 << bits))
    }

    /// Each object has one original capability, or is dying and has none at all; no two originals
    /// from one Generic overlap.
    pub(super) fn check_originals(&self, found: &Found) {
        let mut owned: BTreeMap<u64, Ref<Slot>> = BTreeMap::new();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for slot in found.slots.values().copied() {
            let Some(capability) = self.store.get(slot).capability() else { continue };
            let object = object_of(capability);
            if let Some(object) = object {
                assert!(!found.dying.contains(&object), "a dying object has {capability:?}");
            }
            if self.store.get(slot).is_original() {
                if let Some(object) = object {
                    assert!(owned.insert(object, slot).is_none(), "two originals: {capability:?}");
                }
                let is_generic = matches!(capability, Capability::Generic { .. });
                if let Some((start, bytes)) = self.memory_of(capability).filter(|_| !is_generic) {
                    ranges.push((start, start + bytes));
                }
            }
        }
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "objects overlap: {pair:x?}");
        }
        let bindings = self.bindings.get().map(at::<Node>);
        let objects = (found.nodes.keys())
            .chain(found.processes.keys())
            .chain(found.ports.keys())
            .chain(found.notifications.keys())
            .chain(found.spaces.keys());
        for object in objects.filter(|object| Some(**object) != bindings) {
            let owners =
                usize::from(owned.contains_key(object)) + usize::from(found.dying.contains(object));
            assert_eq!(owners, 1, "the object at {object:#x} has no owner");
        }
    }
}

/// Address of the object in the store that `capability` names.
fn object_of(capability: Capability) -> Option<u64> {
    use Capability as C;
    Some(match capability {
        C::Node(node) => at(node),
        C::Pcb { process, .. } => at(process),
        C::AddressSpace(space) | C::VirtualAddressSpace(space) => at(space),
        C::IpcPort { port, .. } => at(port),
        C::Notification { notification, .. } => at(notification),
        _ => return None,
    })
}
