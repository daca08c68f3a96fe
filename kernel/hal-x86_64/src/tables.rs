//! Walking page tables, wherever they are seen: through the boot loader's identity map, through
//! the kernel's direct map, or in a test's memory.

use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use a9n_hal::{PageSize, PagingError, PhysicalAddress};

use crate::page_entry::PageEntry;

/// Entries in one table.
pub const ENTRIES: usize = 512;

/// One page table. The CPU reads it, and sets bits in it, at any time: hence the atomics.
#[repr(C, align(4096))]
pub struct Table(pub [AtomicU64; ENTRIES]);

impl Table {
    /// The entry for `address`, on the level whose entries map pages of `1 << bits` bytes.
    fn entry(&self, address: u64, bits: u32) -> &AtomicU64 {
        let index = (address >> bits) as usize % ENTRIES;
        // The remainder is below the length, which the compiler sees.
        &self.0[index]
    }

    /// Copies the upper half of `other`, another table, which no longer changes there.
    pub fn share_upper_half(&self, other: &Self) {
        let half = ENTRIES / 2;
        // SAFETY: both are tables, and not the same one. Atomics may be written through a shared
        // reference, and nobody else uses this one yet; in the other one only the CPU sets a bit
        // now and then, which the copy may have or not.
        unsafe {
            let to = self.0.as_ptr().add(half).cast::<u64>().cast_mut();
            ptr::copy_nonoverlapping(other.0.as_ptr().add(half).cast::<u64>(), to, half);
        }
    }

    /// Empties it. It is not in use any more.
    pub fn clear(&self) {
        // SAFETY: the table is as large as that, and atomics may be written through a shared
        // reference.
        unsafe { ptr::from_ref(self).cast_mut().write_bytes(0, 1) }
    }
}

/// Where physical memory is seen.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    window: u64,
}

/// What the walk to an entry found.
pub enum Walk<'a> {
    /// The entry on the level asked for.
    Entry(&'a AtomicU64),
    /// An empty entry above it; a table for entries of this size would go there.
    Missing(&'a AtomicU64, PageSize),
    /// A page above it.
    Page(PageEntry, PageSize),
}

/// Bits of an address that the entries of the root, which never map pages, are chosen by.
const ROOT_BITS: u32 = 39;

impl Tables {
    /// Physical memory as seen at `window` + physical address.
    ///
    /// # Safety
    /// Every table reachable from a root that is passed to the methods, the root itself and
    /// every page passed to [`table`](Self::table) is seen there, is used as a table only, and
    /// stays so as long as the result is used.
    pub const unsafe fn new(window: u64) -> Self {
        Self { window }
    }

    /// The table at `at`.
    pub fn table(&self, at: PhysicalAddress) -> &Table {
        let address = (self.window + at.0) as usize;
        // SAFETY: promised to `new`. Any 4096 bytes are a `Table`, and all access is atomic.
        unsafe { &*ptr::with_exposed_provenance(address) }
    }

    /// The entry of `root` for `address`.
    pub fn root_entry(&self, root: PhysicalAddress, address: u64) -> &AtomicU64 {
        self.table(root).entry(address, ROOT_BITS)
    }

    /// Goes from `root` to the entry for `address` on the level that maps pages of `size`.
    pub fn walk(&self, root: PhysicalAddress, address: u64, size: PageSize) -> Walk<'_> {
        let mut slot = self.root_entry(root, address);
        for level in [PageSize::Huge, PageSize::Large, PageSize::Small] {
            let entry = PageEntry(slot.load(Relaxed));
            if !entry.is_present() {
                return Walk::Missing(slot, level);
            }
            let above = match level {
                PageSize::Huge => None,
                PageSize::Large => Some(PageSize::Huge),
                PageSize::Small => Some(PageSize::Large),
            };
            if let Some(above) = above.filter(|above| entry.is_page(*above)) {
                return Walk::Page(entry, above);
            }
            slot = self.table(entry.address()).entry(address, level.bits());
            if level == size {
                break;
            }
        }
        Walk::Entry(slot)
    }

    /// The entry that would map a page of `size` at `address`, if nothing is there yet.
    pub fn vacant(
        &self,
        root: PhysicalAddress,
        address: u64,
        size: PageSize,
    ) -> Result<&AtomicU64, PagingError> {
        match self.walk(root, address, size) {
            Walk::Entry(slot) if slot.load(Relaxed) == 0 => Ok(slot),
            Walk::Entry(_) | Walk::Page(..) => Err(PagingError::Occupied),
            Walk::Missing(_, entries) => Err(PagingError::MissingTable(entries)),
        }
    }

    /// The entry that maps `address`, and the size of its page.
    pub fn mapped(&self, root: PhysicalAddress, address: u64) -> Option<(PageEntry, PageSize)> {
        match self.walk(root, address, PageSize::Small) {
            Walk::Entry(slot) => {
                let entry = PageEntry(slot.load(Relaxed));
                entry.is_present().then_some((entry, PageSize::Small))
            }
            Walk::Page(entry, size) => Some((entry, size)),
            Walk::Missing(..) => None,
        }
    }
}

#[cfg(test)]
pub mod test_memory {
    //! Tables in the test's own memory, seen through a window at 0.

    use super::*;

    /// An empty table that is never freed.
    pub fn zeroed_table() -> PhysicalAddress {
        let table = Box::leak(Box::new(Table([const { AtomicU64::new(0) }; ENTRIES])));
        PhysicalAddress((&raw const *table).expose_provenance() as u64)
    }
}
