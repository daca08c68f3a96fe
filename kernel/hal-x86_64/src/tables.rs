//! Walking page tables, wherever they are seen: through the boot loader's identity map, through
//! the kernel's direct map, or in a test's memory.

use core::arch::asm;
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
    #[inline(always)]
    fn entry(&self, address: u64, bits: u32) -> &AtomicU64 {
        let index = (address >> bits) as usize % ENTRIES;
        // The remainder is below the length, which the compiler sees.
        &self.0[index]
    }

    /// The entries from that for `address` on.
    #[inline(always)]
    fn entries_from(&self, address: u64, size: PageSize) -> &[AtomicU64] {
        let index = (address >> size.bits()) as usize % ENTRIES;
        &self.0[index..]
    }

    /// Copies the upper half of `other`, another table, which no longer changes there.
    pub fn share_upper_half(&self, other: &Self) {
        let half = ENTRIES / 2;
        // SAFETY: both are tables, and not the same one. Atomics may be written through a shared
        // reference, and nobody else uses this one yet; in the other one only the CPU sets a bit
        // now and then, which the copy may have or not. The compiler's own copy goes byte by byte
        // where it optimises for size.
        unsafe {
            asm!(
                "rep movsq",
                inout("rcx") half => _,
                inout("rsi") other.0.as_ptr().add(half) => _,
                inout("rdi") self.0.as_ptr().add(half) => _,
                options(nostack, preserves_flags)
            );
        }
    }

    /// Empties it. It is not in use any more.
    pub fn clear(&self) {
        // SAFETY: the table is as large as that, and atomics may be written through a shared
        // reference.
        unsafe {
            asm!(
                "rep stosq",
                inout("rcx") ENTRIES => _,
                inout("rdi") self.0.as_ptr() => _,
                in("rax") 0u64,
                options(nostack, preserves_flags)
            );
        }
    }
}

/// Where physical memory is seen.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    window: u64,
}

/// What the walk to an entry found.
pub enum Walk<'a> {
    /// The entries of the table on the level asked for, from that of the address on: never none.
    Entries(&'a [AtomicU64]),
    /// An empty entry above it; a table for entries of this size would go there.
    Missing(&'a AtomicU64, PageSize),
    /// A page above it, with its entry.
    Page(&'a AtomicU64, PageSize),
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
    #[inline(always)]
    pub fn table(&self, at: PhysicalAddress) -> &Table {
        let address = (self.window + at.0) as usize;
        // SAFETY: promised to `new`. Any 4096 bytes are a `Table`, and all access is atomic.
        unsafe { &*ptr::with_exposed_provenance(address) }
    }

    /// The entry of `root` for `address`.
    #[inline(always)]
    pub fn root_entry(&self, root: PhysicalAddress, address: u64) -> &AtomicU64 {
        self.table(root).entry(address, ROOT_BITS)
    }

    /// Goes from `root` to the entry for `address` on the level that maps pages of `size`.
    #[inline]
    pub fn walk(&self, root: PhysicalAddress, address: u64, size: PageSize) -> Walk<'_> {
        let mut slot = self.root_entry(root, address);
        let mut above = None;
        for level in [PageSize::Huge, PageSize::Large, PageSize::Small] {
            let entry = PageEntry(slot.load(Relaxed));
            if !entry.is_present() {
                return Walk::Missing(slot, level);
            }
            if let Some(above) = above.filter(|above| entry.is_page(*above)) {
                return Walk::Page(slot, above);
            }
            let table = self.table(entry.address());
            if level == size {
                return Walk::Entries(table.entries_from(address, level));
            }
            slot = table.entry(address, level.bits());
            above = Some(level);
        }
        Walk::Missing(slot, size)
    }

    /// The empty entries with which to map `pages` pages at `address`, on the highest level that
    /// `fits` and is free there.
    #[inline(always)]
    pub fn vacant(
        &self,
        root: PhysicalAddress,
        address: u64,
        fits: impl Fn(PageSize) -> bool,
    ) -> Result<(&[AtomicU64], PageSize), PagingError> {
        let mut entry = PageEntry(self.root_entry(root, address).load(Relaxed));
        for level in [PageSize::Huge, PageSize::Large, PageSize::Small] {
            if !entry.is_present() {
                return Err(PagingError::MissingTable(level));
            }
            let table = self.table(entry.address());
            entry = PageEntry(table.entry(address, level.bits()).load(Relaxed));
            if entry == PageEntry::default() && fits(level) {
                return Ok((table.entries_from(address, level), level));
            }
            if entry.is_page(level) {
                break;
            }
        }
        Err(PagingError::Occupied)
    }

    /// The entry that maps `address`, and the size of its page.
    pub fn mapped(&self, root: PhysicalAddress, address: u64) -> Option<(PageEntry, PageSize)> {
        let (slot, size) = match self.walk(root, address, PageSize::Small) {
            Walk::Entries(entries) => (entries.first()?, PageSize::Small),
            Walk::Page(slot, size) => (slot, size),
            Walk::Missing(..) => return None,
        };
        let entry = PageEntry(slot.load(Relaxed));
        entry.is_present().then_some((entry, size))
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
