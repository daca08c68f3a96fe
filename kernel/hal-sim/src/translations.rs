//! What the CPUs of the simulated machine have cached of address spaces, at worst: everything that
//! was ever mapped in one while it was loaded, under a tag of its own, until it is told to forget.

use std::collections::{BTreeMap, BTreeSet};

use a9n_hal::{Access, CpuNumber, CpuSet, PhysicalAddress, Stretch, UserAddress};

use crate::Mappings;

/// A page as it was looked up: where, what, how many bytes, and how.
type Page = (UserAddress, PhysicalAddress, u64, Access);

/// What one CPU has cached of one address space.
#[derive(Clone, Debug, Default, Hash)]
struct Cached {
    tables: BTreeSet<PhysicalAddress>,
    pages: Vec<Page>,
}

/// All translation caches, by CPU and root.
#[derive(Clone, Debug, Default, Hash)]
pub struct Translations(BTreeMap<(CpuNumber, PhysicalAddress), Cached>);

impl Translations {
    /// `cpu` runs in the address space `root` and looks up everything in it.
    pub fn look_up(&mut self, cpu: CpuNumber, root: PhysicalAddress, mappings: &Mappings) {
        let cached = self.0.entry((cpu, root)).or_default();
        cached.tables.extend(&mappings.tables);
        let new = mappings.pages.iter().filter(|page| !cached.pages.contains(page));
        let new: Vec<_> = new.copied().collect();
        cached.pages.extend(new);
    }

    /// `cpus` forget `stretch` of `root`, or all with `None`.
    pub fn forget(&mut self, cpus: CpuSet, root: PhysicalAddress, stretch: Option<Stretch>) {
        let Some(Stretch { address, pages }) = stretch else {
            self.0.retain(|(cpu, of), _| *of != root || !cpus.contains(*cpu));
            return;
        };
        for ((cpu, of), cached) in &mut self.0 {
            if *of == root && cpus.contains(*cpu) {
                let end = address.offset(pages << 12);
                cached.pages.retain(|(at, _, bytes, _)| at.offset(*bytes) <= address || *at >= end);
            }
        }
    }

    /// Panics if some CPU has something cached that is not in the tables any more; `mappings` says
    /// what is, `None` for an address space that is gone. Those in `dying` are passed over.
    pub fn check(
        &self,
        dying: &[PhysicalAddress],
        mappings: impl Fn(PhysicalAddress) -> Option<Mappings>,
    ) {
        for ((cpu, root), cached) in self.0.iter().filter(|((_, root), _)| !dying.contains(root)) {
            let current = mappings(*root).unwrap_or_default();
            for page in &cached.pages {
                assert!(current.pages.contains(page), "CPU {cpu} still has {page:x?} of {root:x?}");
            }
            for table in &cached.tables {
                assert!(current.tables.contains(table), "CPU {cpu} still walks {table:x?}");
            }
        }
    }
}
