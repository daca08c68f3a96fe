//! Memory: what Generics gave away, what hangs on address spaces.

use std::collections::BTreeSet;

use a9n_hal::{Hal, PhysicalAddress};
use a9n_store::{AddressSpace, Capability, MemoryKind, Ref};

use super::{Census, Found, SpaceCensus, at};
use crate::Kernel;

impl<H: Hal> Kernel<H> {
    pub(super) fn take_census(&self, found: &Found) -> Census {
        let mut census = Census::default();
        let mut anchored = 0;
        for space in found.spaces.values() {
            let entry = self.check_anchors(*space);
            anchored += entry.windows.len() + entry.tables.len();
            census.spaces.push(entry);
        }
        for slot in found.slots.values() {
            match self.store.get(*slot).capability() {
                Some(
                    Capability::Window { space: Some(_), .. }
                    | Capability::PageTable { installed: Some(_), .. },
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

    /// The list of slots anchored in `space` is symmetric and holds what belongs there.
    fn check_anchors(&self, space: Ref<AddressSpace>) -> SpaceCensus {
        let root = self.store.root_table(space);
        let mut census =
            SpaceCensus { root, windows: Default::default(), tables: Default::default() };
        let mut seen = BTreeSet::new();
        let mut previous = None;
        let mut next = self.store.get(space).anchored.get();
        while let Some(slot) = next {
            assert!(seen.insert(at(slot)), "a list of anchors is a ring");
            let cells = self.store.get(slot);
            assert_eq!(cells.anchor_previous.get(), previous, "anchors are not symmetric");
            match cells.capability() {
                Some(Capability::Window { base, size_bits, address, space: Some(own), .. }) => {
                    assert_eq!(own, space);
                    let bytes = 1u64 << size_bits;
                    assert!(address.0 + bytes <= H::USER_END.0);
                    census.windows.push((address, base, bytes));
                }
                Some(Capability::PageTable { table, installed: Some(place) }) => {
                    assert_eq!(place.space, space);
                    census.tables.push(PhysicalAddress(table.0));
                }
                other => panic!("{other:?} is anchored"),
            }
            previous = Some(slot);
            next = cells.anchor_next.get();
        }
        census
    }
}
