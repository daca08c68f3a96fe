//! Memory: what Generics gave away, what hangs on address spaces.

use core::cell::Cell;
use std::vec::Vec;

use a9n_hal::Hal;
use a9n_store::{AddressSpace, Capability, MemoryKind, Ref, Slot, TableUse};

use super::{Census, Found, SpaceCensus, at};
use crate::Kernel;

impl<H: Hal> Kernel<H> {
    pub(super) fn take_census(&self, found: &Found) -> Census {
        let mut census = Census::default();
        let mut anchored = 0;
        for space in found.spaces.values() {
            let dying = found.dying.contains(&at(*space));
            let entry = self.check_anchors(*space, dying);
            anchored += entry.windows.len() + entry.tables.len() + entry.pool;
            census.spaces.push(entry);
        }
        for slot in found.slots.values() {
            match self.store.get(*slot).capability() {
                Some(
                    Capability::Window { space: Some(_), .. }
                    | Capability::PageTable {
                        usage: TableUse::Installed(_) | TableUse::Pooled(_),
                        ..
                    },
                ) => anchored = anchored.checked_sub(1).expect("a slot is anchored nowhere"),
                Some(Capability::Generic { base, size_bits, used, zeroed, kind }) => {
                    assert!(used <= 1 << size_bits && zeroed <= 1 << size_bits);
                    // Without children it is whole again, and nothing is known of its content.
                    let counts = used == 0 || self.first_child(*slot).is_some();
                    if counts && used < zeroed && kind == MemoryKind::Ordinary {
                        census.zeroed.push((base.0 + used, base.0 + zeroed));
                    }
                }
                _ => {}
            }
        }
        assert_eq!(anchored, 0, "something is anchored twice");
        census
    }

    /// The lists of slots that `space` knows are symmetric and hold what belongs there.
    fn check_anchors(&self, space: Ref<AddressSpace>, dying: bool) -> SpaceCensus {
        let root = self.store.root_table(space);
        let mut census =
            SpaceCensus { root, dying, windows: Vec::new(), tables: Vec::new(), pool: 0 };
        for slot in self.anchored(&self.store.get(space).anchored) {
            match self.store.get(slot).capability() {
                Some(Capability::Window {
                    base,
                    size_bits,
                    address,
                    range_bits,
                    space: own,
                    ..
                }) => {
                    assert_eq!(own, Some(space));
                    assert!(address < H::USER_END);
                    let frame = (base, 1u64 << size_bits);
                    census.windows.push((address, 1u64 << range_bits, frame));
                }
                Some(Capability::PageTable { table, usage: TableUse::Installed(place) }) => {
                    assert_eq!(place.space, space);
                    census.tables.push(table);
                }
                other => panic!("{other:?} is anchored"),
            }
        }
        for slot in self.anchored(&self.store.get(space).pool) {
            let pooled = self.store.get(slot).capability();
            assert!(
                matches!(pooled, Some(Capability::PageTable { usage: TableUse::Pooled(own), .. })
                    if own == space),
                "{pooled:?} is in a pool"
            );
            census.pool += 1;
        }
        census
    }

    /// The slots in the list that begins at `head`.
    pub(super) fn anchored(&self, head: &Cell<Option<Ref<Slot>>>) -> Vec<Ref<Slot>> {
        let mut list: Vec<Ref<Slot>> = Vec::new();
        let mut next = head.get();
        while let Some(slot) = next {
            assert!(list.len() < 10_000, "a list of anchors is a ring");
            let cells = self.store.get(slot);
            assert_eq!(
                cells.anchor_previous.get(),
                list.last().copied(),
                "an anchor is not symmetric"
            );
            list.push(slot);
            next = cells.anchor_next.get();
        }
        list
    }
}
