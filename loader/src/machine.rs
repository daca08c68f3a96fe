//! Memory from the firmware, and the mappings that the kernel starts on.

use alloc::vec::Vec;
use core::{fmt, ptr, slice};

use a9n_abi::boot::{MemoryKind, PAGE_BYTES};
use a9n_loader_core::{
    PhysicalRange,
    hand_over::{Machine, Mapping},
    memory_map::Descriptor,
};
use uefi::boot::{self, AllocateType, MemoryType};

use crate::{console::say, x86_64::page_tables::PageTables};

/// Allocates from the firmware and remembers what it was given.
pub struct UefiMachine {
    given: Vec<PhysicalRange>,
    tables: PageTables,
}

impl UefiMachine {
    /// A machine that will enter the kernel on `tables`.
    pub fn new(tables: PageTables) -> Self {
        Self { given: Vec::new(), tables }
    }

    /// The page tables with all that was mapped.
    pub fn tables(&self) -> &PageTables {
        &self.tables
    }

    /// Physical address past the end of a new stack.
    pub fn stack(&mut self, pages: u64) -> Option<u64> {
        self.allocate(pages, None)?.checked_add(pages.checked_mul(PAGE_BYTES)?)
    }
}

/// Zeroed pages of the firmware's, of type `LOADER_DATA`.
pub fn allocate(pages: u64, kind: AllocateType) -> Option<u64> {
    let count = usize::try_from(pages).ok()?;
    let bytes = count.checked_mul(PAGE_BYTES as usize)?;
    let place = boot::allocate_pages(kind, MemoryType::LOADER_DATA, count).ok()?;
    // SAFETY: the firmware just gave us these pages, and maps all memory that it gives.
    unsafe { ptr::write_bytes(place.as_ptr(), 0, bytes) };
    Some(place.as_ptr() as u64)
}

/// End of the memory to map where virtual equals physical address: all but reserved ranges,
/// which may lie absurdly high, and the framebuffer.
pub fn identity_end(memory: impl Iterator<Item = Descriptor>, framebuffer: PhysicalRange) -> u64 {
    memory
        .filter(|it| !matches!(it.kind, MemoryKind::Reserved | MemoryKind::Device))
        .map(|it| it.range.end())
        .fold(framebuffer.end(), u64::max)
}

impl Machine for UefiMachine {
    fn allocate(&mut self, pages: u64, preferred: Option<u64>) -> Option<u64> {
        self.given.try_reserve(1).ok()?;
        let start = preferred
            .and_then(|address| allocate(pages, AllocateType::Address(address)))
            .or_else(|| allocate(pages, AllocateType::AnyPages))?;
        self.given.push(PhysicalRange { start, bytes: pages.checked_mul(PAGE_BYTES)? });
        Some(start)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let range = PhysicalRange { start: address, bytes: bytes.len() as u64 };
        self.given.iter().find(|given| given.contains(range))?;
        let place = ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: the pages were given to us, nobody else refers to them, they are mapped where
        // virtual equals physical address, and the bytes lie in them.
        unsafe { slice::from_raw_parts_mut(place, bytes.len()) }.copy_from_slice(bytes);
        Some(())
    }

    fn map_kernel(&mut self, mapping: Mapping) -> Option<()> {
        self.tables.map_kernel(mapping)
    }

    fn progress(&mut self, text: fmt::Arguments<'_>) {
        say!("loading {text}");
    }
}
