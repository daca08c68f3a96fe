//! The page tables that the kernel starts on (Intel SDM volume 3, section 4.5): four levels,
//! memory where virtual equals physical address, and the kernel at its link address.

use core::{arch::x86_64::__cpuid, ptr};

use a9n_abi::boot::{InitSegment, PAGE_BYTES};
use a9n_loader_core::hand_over::Mapping;
use uefi::boot::AllocateType;

use crate::machine;

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

const LARGE_BYTES: u64 = 2 << 20;
const HUGE_BYTES: u64 = 1 << 30;

/// Always mapped. Here large pages are used, as memory and devices lie side by side.
const LOW_BYTES: u64 = 4 << 30;

/// Levels at which an entry maps a page, and at which tables start.
const PAGE_LEVEL: u32 = 1;
const LARGE_LEVEL: u32 = 2;
const HUGE_LEVEL: u32 = 3;
const ROOT_LEVEL: u32 = 4;

/// Page tables under construction. Every table is a page of its own that the firmware gave and
/// that nothing else refers to.
pub struct PageTables {
    root: u64,
    no_execute: bool,
}

impl PageTables {
    /// Tables that map the first `identity_end` bytes, and at least 4 GiB, where virtual equals
    /// physical address; `None` if there is no memory for them.
    pub fn new(identity_end: u64) -> Option<Self> {
        let (no_execute, huge_pages) = features();
        let mut tables = Self { root: table()?, no_execute };
        let end = identity_end.max(LOW_BYTES).checked_next_multiple_of(HUGE_BYTES)?;
        let mut address = 0;
        while address < end {
            let (level, bytes) = match huge_pages && address >= LOW_BYTES {
                true => (HUGE_LEVEL, HUGE_BYTES),
                false => (LARGE_LEVEL, LARGE_BYTES),
            };
            tables.map(address, address | PRESENT | WRITABLE | LARGE, level)?;
            address = address.checked_add(bytes)?;
        }
        Some(tables)
    }

    /// Physical address of the root table.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Whether the tables use the no-execute bit.
    pub fn no_execute(&self) -> bool {
        self.no_execute
    }

    /// Maps pages of the kernel with their rights.
    pub fn map_kernel(&mut self, mapping: Mapping) -> Option<()> {
        let mut flags = PRESENT;
        if mapping.access & InitSegment::WRITE != 0 {
            flags |= WRITABLE;
        }
        if mapping.access & InitSegment::EXECUTE == 0 && self.no_execute {
            flags |= NO_EXECUTE;
        }
        for page in 0..mapping.pages {
            let offset = page.checked_mul(PAGE_BYTES)?;
            let physical_address = mapping.physical_address.checked_add(offset)?;
            let virtual_address = mapping.virtual_address.checked_add(offset)?;
            self.map(virtual_address, physical_address | flags, PAGE_LEVEL)?;
        }
        Some(())
    }

    /// Writes `entry` at `level`, with the tables above it.
    fn map(&mut self, virtual_address: u64, entry: u64, level: u32) -> Option<()> {
        let mut address = self.root;
        for level in (level + 1..=ROOT_LEVEL).rev() {
            let slot = slot(address, virtual_address, level);
            // SAFETY: `slot` points into one of our tables, which only `self` refers to.
            unsafe {
                if *slot & PRESENT == 0 {
                    *slot = table()? | PRESENT | WRITABLE;
                }
                address = *slot & ADDRESS;
            }
        }
        // SAFETY: as above.
        unsafe { *slot(address, virtual_address, level) = entry };
        Some(())
    }
}

/// The entry for `virtual_address` in the table at `table`, which is of `level`.
fn slot(table: u64, virtual_address: u64, level: u32) -> *mut u64 {
    let index = (virtual_address >> (12 + 9 * (level - 1))) & 0x1ff;
    ptr::with_exposed_provenance_mut::<u64>(table as usize).wrapping_add(index as usize)
}

/// A new, empty table.
fn table() -> Option<u64> {
    machine::allocate(1, AllocateType::AnyPages)
}

/// Whether the processor has the no-execute bit and pages of 1 GiB (CPUID 8000_0001h).
fn features() -> (bool, bool) {
    const EXTENDED: u32 = 0x8000_0000;
    if __cpuid(EXTENDED).eax <= EXTENDED {
        return (false, false);
    }
    let edx = __cpuid(EXTENDED + 1).edx;
    (edx & (1 << 20) != 0, edx & (1 << 26) != 0)
}
