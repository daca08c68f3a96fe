//! The kernel half of every address space, built once at boot.
//!
//! | from | what | access |
//! |---|---|---|
//! | [`DIRECT_MAP`] | all memory, at its physical address | read, write; the kernel's code and constants read only |
//! | `WINDOW` | ACPI tables and device registers, as they are asked for at boot | read; registers also write, uncached |
//! | the image's link address | the kernel | code read and execute, constants read, data read and write |
//!
//! Nothing is both writable and executable, at any address. The guard page of each kernel
//! stack is absent.

use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

use a9n_abi::boot::{MemoryKind, MemoryRegion};
use a9n_hal::{Access, MemoryType, PageSize, PhysicalAddress};

use crate::boot_error::BootError;
use crate::early::{self, EarlyPages};
use crate::page_entry::{Flags, PageEntry};
use crate::tables::{Tables, Walk};

/// Where physical address 0 is seen.
pub const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;

/// Physical memory beyond this is not used: it has no room in the direct map.
pub const DIRECT_MAP_BYTES: u64 = 1 << 46;

/// Where ACPI tables and device registers are seen.
const WINDOW: u64 = 0xffff_ff80_0000_0000;

const PAGE: u64 = PageSize::Small.bytes();
const READ_WRITE: Access = Access::READ.union(Access::WRITE);

/// The link addresses of the kernel image, page-aligned and ascending.
#[derive(Clone, Debug)]
pub struct ImageLayout {
    /// Code.
    pub text: Range<u64>,
    /// Constants.
    pub rodata: Range<u64>,
    /// Data, including what starts as zero.
    pub data: Range<u64>,
}

/// Page tables under construction.
pub struct KernelSpace {
    tables: Tables,
    root: PhysicalAddress,
    early: EarlyPages,
    huge_pages: bool,
    window_end: u64,
}

impl KernelSpace {
    /// Empty tables, made of pages of `early` that are seen through `tables`.
    pub fn new(tables: Tables, mut early: EarlyPages, huge: bool) -> Result<Self, BootError> {
        let root = zeroed(&tables, &mut early)?;
        Ok(Self { tables, root, early, huge_pages: huge, window_end: WINDOW })
    }

    /// Root of the tables.
    pub fn root(&self) -> PhysicalAddress {
        self.root
    }

    /// Says that the tables are seen through `tables` from now on.
    pub fn moved_to(&mut self, tables: Tables) {
        self.tables = tables;
    }

    /// Ends construction; what was not taken stays in `map`.
    pub fn finish(self, map: &mut [MemoryRegion]) {
        self.early.withdraw(map);
    }

    /// Takes room for `bytes` bytes, for good.
    pub fn take(&mut self, bytes: u64) -> Result<PhysicalAddress, BootError> {
        let mut first = Err(BootError::OutOfMemory);
        // Each page lies right below the one before.
        for _ in 0..bytes.div_ceil(PAGE) {
            first = self.early.take().ok_or(BootError::OutOfMemory);
        }
        first
    }

    /// Maps the kernel at its link address; its first byte lies at `physical`.
    pub fn map_image(
        &mut self,
        image: &ImageLayout,
        physical: PhysicalAddress,
        guards: impl Iterator<Item = u64>,
    ) -> Result<(), BootError> {
        for (range, access) in [
            (&image.text, Access::READ | Access::EXECUTE),
            (&image.rodata, Access::READ),
            (&image.data, READ_WRITE),
        ] {
            let flags = PageEntry::kernel_flags(access, MemoryType::Normal);
            for page in range.start / PAGE..range.end / PAGE {
                let address = page * PAGE;
                let at = physical.offset(address - image.text.start);
                self.map_page(address, at, PageSize::Small, flags)?;
            }
        }
        for guard in guards {
            if let Walk::Entries([slot, ..]) = self.tables.walk(self.root, guard, PageSize::Small) {
                slot.store(0, Relaxed);
            }
        }
        Ok(())
    }

    /// Maps all memory in `map` at [`DIRECT_MAP`], `constant` of it read only.
    pub fn map_memory(
        &mut self,
        map: &[MemoryRegion],
        constant: Range<u64>,
    ) -> Result<(), BootError> {
        let mut run = 0..0;
        for region in map.iter().filter(|region| is_memory(region)) {
            let end = early::end(region).min(DIRECT_MAP_BYTES);
            if region.start != run.end {
                self.map_run(&run, &constant)?;
                run.start = region.start;
            }
            run.end = end;
        }
        self.map_run(&run, &constant)
    }

    /// Maps `bytes` bytes from `physical` on into the window, and answers where.
    pub fn map_window(
        &mut self,
        physical: PhysicalAddress,
        bytes: u64,
        access: Access,
        memory: MemoryType,
    ) -> Result<u64, BootError> {
        let within = physical.0 % PAGE;
        let first = PhysicalAddress(physical.0 - within);
        let pages = within.saturating_add(bytes).div_ceil(PAGE).max(1);
        let address = self.window_end;
        let flags = PageEntry::kernel_flags(access, memory);
        for offset in (0..pages).map(|page| page * PAGE) {
            let at = first.offset(offset);
            self.map_page(address + offset, at, PageSize::Small, flags)?;
        }
        self.window_end += pages * PAGE;
        Ok(address + within)
    }

    /// Maps the page at `at`, which lies below 512 GiB, at its physical address: readable and
    /// executable until [`unmap_identity`](Self::unmap_identity).
    pub fn map_identity(&mut self, at: PhysicalAddress) -> Result<(), BootError> {
        let access = Access::READ | Access::EXECUTE;
        let flags = PageEntry::kernel_flags(access, MemoryType::Normal) - Flags::GLOBAL;
        self.map_page(at.0, at, PageSize::Small, flags)
    }

    /// Undoes [`map_identity`](Self::map_identity), for CPUs that load the root from now on.
    pub fn unmap_identity(&mut self) {
        self.tables.root_entry(self.root, 0).store(0, Relaxed);
    }

    /// Maps one run of the direct map.
    fn map_run(&mut self, run: &Range<u64>, constant: &Range<u64>) -> Result<(), BootError> {
        for (part, access) in cut(run, constant) {
            let flags = PageEntry::kernel_flags(access, MemoryType::Normal);
            let mut at = part.start;
            while at < part.end {
                let size = self.largest_page(at, part.end - at);
                self.map_page(DIRECT_MAP + at, PhysicalAddress(at), size, flags)?;
                at += size.bytes();
            }
        }
        Ok(())
    }

    /// The largest page that may start at `at` and has at most `bytes`.
    fn largest_page(&self, at: u64, bytes: u64) -> PageSize {
        let fits = |size: &PageSize| at & (size.bytes() - 1) == 0 && size.bytes() <= bytes;
        let huge = self.huge_pages.then_some(PageSize::Huge);
        huge.filter(fits).or(Some(PageSize::Large).filter(fits)).unwrap_or(PageSize::Small)
    }

    fn map_page(
        &mut self,
        address: u64,
        at: PhysicalAddress,
        size: PageSize,
        flags: Flags,
    ) -> Result<(), BootError> {
        let Self { tables, root, early, .. } = self;
        loop {
            match tables.walk(*root, address, size) {
                Walk::Missing(slot, _) => {
                    let table = PageEntry::table(zeroed(tables, early)?, false);
                    slot.store(table.0, Relaxed);
                }
                Walk::Entries([slot, ..]) if slot.load(Relaxed) == 0 => {
                    slot.store(PageEntry::page(at, size, flags).0, Relaxed);
                    return Ok(());
                }
                Walk::Entries(_) | Walk::Page(..) => return Err(BootError::MemoryMapOverlaps),
            }
        }
    }
}

/// A cleared page from `early`.
fn zeroed(tables: &Tables, early: &mut EarlyPages) -> Result<PhysicalAddress, BootError> {
    let page = early.take().ok_or(BootError::OutOfMemory)?;
    tables.table(page).clear();
    Ok(page)
}

/// Whether the kernel may have to look into a region.
fn is_memory(region: &MemoryRegion) -> bool {
    let is_memory = match MemoryKind::from_number(region.kind) {
        Some(
            MemoryKind::Usable
            | MemoryKind::Loader
            | MemoryKind::Kernel
            | MemoryKind::Init
            | MemoryKind::Module,
        ) => true,
        Some(
            MemoryKind::AcpiTables
            | MemoryKind::AcpiNonVolatile
            | MemoryKind::Reserved
            | MemoryKind::Device,
        )
        | None => false,
    };
    is_memory && region.start < DIRECT_MAP_BYTES
}

/// `run` in up to three parts: before, in and after `constant`, the middle one read only.
fn cut(run: &Range<u64>, constant: &Range<u64>) -> [(Range<u64>, Access); 3] {
    let from = constant.start.max(run.start).min(run.end);
    let to = constant.end.max(from).min(run.end);
    [(run.start..from, READ_WRITE), (from..to, Access::READ), (to..run.end, READ_WRITE)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::test_memory::zeroed_table;

    fn region(start: u64, pages: u64, kind: MemoryKind) -> MemoryRegion {
        MemoryRegion { start, pages, kind: kind as u32, reserved: 0 }
    }

    /// A space whose tables lie at `offset` below their physical address, so that the early
    /// pages look as if they were below 4 GiB.
    fn space(huge: bool) -> KernelSpace {
        let memory = zeroed_tables(64);
        let map = [region(PAGE, 64, MemoryKind::Usable)];
        let early = EarlyPages::from_map(&map).unwrap();
        // SAFETY: the early pages are those of `memory`, which is never freed.
        let tables = unsafe { Tables::new(memory.0 - PAGE) };
        KernelSpace::new(tables, early, huge).unwrap()
    }

    /// Tables one after the other, never freed.
    fn zeroed_tables(count: usize) -> PhysicalAddress {
        let memory: Vec<[u64; 512]> = vec![[0; 512]; count + 1];
        let start = Box::leak(memory.into_boxed_slice()).as_mut_ptr();
        PhysicalAddress((start.expose_provenance() as u64).next_multiple_of(PAGE))
    }

    /// What the kernel may do at `address`, and the size of the page.
    fn look(space: &KernelSpace, address: u64) -> Option<(u64, Access, PageSize)> {
        let (entry, size) = space.tables.mapped(space.root, address)?;
        let flags = entry.flags();
        assert!(flags.contains(Flags::GLOBAL) && !flags.contains(Flags::USER));
        let mut access = Access::READ;
        access.set(Access::WRITE, flags.contains(Flags::WRITABLE));
        access.set(Access::EXECUTE, !flags.contains(Flags::NO_EXECUTE));
        Some((entry.address().0, access, size))
    }

    #[test]
    fn memory_is_mapped_with_the_largest_pages_and_constants_read_only() {
        let map = [
            region(0x1000, 0x9f, MemoryKind::Usable),
            region(0x10_0000, 0x100, MemoryKind::Usable),
            region(0x20_0000, 4, MemoryKind::Kernel),
            region(0x20_4000, 0x8_0000 - 0x204, MemoryKind::Usable),
            region(0x8000_0000, 0x10, MemoryKind::Reserved),
        ];
        for (huge, size) in [(true, PageSize::Huge), (false, PageSize::Large)] {
            let mut space = space(huge);
            space.map_memory(&map, 0x20_1000..0x20_3000).unwrap();
            let at = |physical| look(&space, DIRECT_MAP + physical);
            let small = |physical, access| Some((physical, access, PageSize::Small));
            assert_eq!(at(0), None);
            assert_eq!(at(0x1000), small(0x1000, READ_WRITE));
            assert_eq!(at(0xa_0000), None);
            assert_eq!(at(0x20_0000), small(0x20_0000, READ_WRITE));
            assert_eq!(at(0x20_1000), small(0x20_1000, Access::READ));
            assert_eq!(at(0x20_2000), small(0x20_2000, Access::READ));
            assert_eq!(at(0x20_3000), small(0x20_3000, READ_WRITE));
            let large = Some((0x40_0000, READ_WRITE, PageSize::Large));
            assert_eq!(at(0x40_0000), large);
            assert_eq!(at(0x4000_0000), Some((0x4000_0000, READ_WRITE, size)));
            assert_eq!(at(0x8000_0000), None);
        }
    }

    #[test]
    fn the_image_is_never_writable_and_executable() {
        const BASE: u64 = 0xffff_ffff_8020_0000;
        let image = ImageLayout {
            text: BASE..BASE + 0x2000,
            rodata: BASE + 0x2000..BASE + 0x3000,
            data: BASE + 0x3000..BASE + 0x6000,
        };
        let mut space = space(true);
        let guards = [BASE + 0x4000].into_iter();
        let at = PhysicalAddress(0x50_0000);
        space.map_image(&image, at, guards).unwrap();
        let small = |physical, access| Some((physical, access, PageSize::Small));
        let read_execute = Access::READ | Access::EXECUTE;
        assert_eq!(look(&space, BASE + 0x1000), small(0x50_1000, read_execute));
        assert_eq!(look(&space, BASE + 0x2000), small(0x50_2000, Access::READ));
        assert_eq!(look(&space, BASE + 0x3000), small(0x50_3000, READ_WRITE));
        assert_eq!(look(&space, BASE + 0x4000), None);
        assert_eq!(look(&space, BASE + 0x6000), None);
    }

    #[test]
    fn the_window_keeps_offsets_and_never_overlaps() {
        let mut space = space(true);
        let mut map = |physical, bytes| {
            let at = PhysicalAddress(physical);
            space.map_window(at, bytes, Access::READ, MemoryType::Normal).unwrap()
        };
        let first = map(0xfed0_0ff8, 16);
        let second = map(0xe_0010, 36);
        assert_eq!(first, WINDOW + 0xff8);
        assert_eq!(second, WINDOW + 0x2010);
        let page = look(&space, first + 8).map(|(physical, ..)| physical);
        assert_eq!(page, Some(0xfed0_1000));
    }

    #[test]
    fn overlapping_regions_are_refused() {
        let map =
            [region(0x10_0000, 16, MemoryKind::Usable), region(0x10_1000, 16, MemoryKind::Loader)];
        let result = space(true).map_memory(&map, 0..0);
        assert!(matches!(result, Err(BootError::MemoryMapOverlaps)));
    }

    #[test]
    fn running_out_of_pages_is_an_error() {
        let early = EarlyPages::from_map(&[region(0, 1, MemoryKind::Usable)]).unwrap();
        let at = zeroed_table();
        // SAFETY: no page is ever taken.
        let tables = unsafe { Tables::new(at.0) };
        let result = KernelSpace::new(tables, early, true);
        assert!(matches!(result, Err(BootError::OutOfMemory)));
    }
}
