//! User address spaces: the HAL's [`Paging`].
//!
//! A root's upper half is a copy of the kernel's root, whose entries are all made at boot and
//! never change, so every address space sees the same kernel. Nothing here ever touches an
//! entry of the upper half: an address beyond the user half is refused first.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::Release};

use a9n_hal::{Access, MemoryType, PageSize, Paging, PagingError, PhysicalAddress, UserAddress};
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

use crate::context::Context;
use crate::cpu::Cpu;
use crate::kernel_space::DIRECT_MAP;
use crate::page_entry::PageEntry;
use crate::tables::{ENTRIES, Tables, Walk};
use crate::{X86_64, shootdown};

/// First address past the user half (four-level paging).
pub const USER_END: u64 = 0x0000_8000_0000_0000;

/// The last page of the user half. It is never mapped, so that the address after a `syscall`
/// instruction is always one that `sysretq` can return to.
pub const NEVER_MAPPED: u64 = USER_END - PageSize::Small.bytes();

/// Root of the page tables that map the kernel alone.
pub(crate) static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);

/// Root of the page tables that map the kernel alone; 0 before it is built.
pub fn kernel_root() -> PhysicalAddress {
    PhysicalAddress(KERNEL_ROOT.load(Relaxed))
}

/// Says which tables map the kernel, once, when they are complete.
pub(crate) fn set_kernel_root(root: PhysicalAddress) {
    KERNEL_ROOT.store(root.0, Relaxed);
}

/// Loads the page tables of `next`, or the kernel's own, on `cpu`, which is the executing one and
/// holds the kernel lock.
#[inline(always)]
pub(crate) fn load(cpu: &Cpu, next: Option<&Context>) {
    let root = next.map_or(kernel_root().0, |next| next.root.get());
    if cpu.root.load(Relaxed) != root {
        cpu.root.store(root, Relaxed);
        write_root(root);
    }
}

/// Loads the kernel's own page tables on `cpu`, which is the executing one and need not hold the
/// kernel lock: it is asked to forget a little too much rather than too little.
pub(crate) fn leave_user_space(cpu: &Cpu) {
    write_root(kernel_root().0);
    cpu.root.store(kernel_root().0, Release);
}

/// Makes the executing CPU forget all translations but the kernel's.
pub(crate) fn forget_all() {
    tlb::flush_all();
}

/// Writes CR3.
fn write_root(root: u64) {
    let frame = PhysFrame::containing_address(PhysAddr::new_truncate(root));
    // SAFETY: a root that `Paging::prepare_root` made, or the kernel's own: it maps the kernel.
    unsafe { Cr3::write(frame, Cr3Flags::empty()) }
}

/// Whether the CPU has pages of 1 GiB.
static HUGE_PAGES: AtomicBool = AtomicBool::new(false);

/// Allows pages of 1 GiB.
pub(crate) fn allow_huge_pages() {
    HUGE_PAGES.store(true, Relaxed);
}

/// Page tables of user address spaces. Tests have them in their own memory.
// SAFETY: the direct map shows all memory. Roots and tables come from the portable kernel, whose
// side of the contract is that they are pages of its own, used as nothing else (see the crate's
// documentation).
const TABLES: Tables = unsafe { Tables::new(if cfg!(test) { 0 } else { DIRECT_MAP }) };

/// Whether `bytes` from `address` on may be mapped for users.
fn is_user(address: UserAddress, bytes: u64) -> bool {
    address.0 < NEVER_MAPPED && NEVER_MAPPED - address.0 >= bytes
}

impl Paging for X86_64 {
    const USER_END: UserAddress = UserAddress(USER_END);

    fn prepare_root(&self, root: PhysicalAddress) {
        TABLES.table(root).share_upper_half(TABLES.table(kernel_root()));
    }

    fn install_table(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        table: PhysicalAddress,
    ) -> Result<PageSize, PagingError> {
        if !is_user(address, 1) {
            return Err(PagingError::Unsupported);
        }
        match TABLES.walk(root, address.0, PageSize::Small) {
            Walk::Missing(slot, entries) => {
                slot.store(PageEntry::table(table, true).0, Relaxed);
                Ok(entries)
            }
            Walk::Entry(_) | Walk::Page(..) => Err(PagingError::Occupied),
        }
    }

    fn remove_table(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        entries: PageSize,
        table: PhysicalAddress,
    ) {
        if let Some(slot) = table_slot(root, address, entries)
            && PageEntry(slot.load(Relaxed)).address() == table
        {
            slot.store(0, Relaxed);
        }
        TABLES.table(table).clear();
    }

    fn map(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        page: PhysicalAddress,
        size: PageSize,
        access: Access,
        memory: MemoryType,
    ) -> Result<(), PagingError> {
        if !is_user(address, size.bytes()) || (size == PageSize::Huge && !HUGE_PAGES.load(Relaxed))
        {
            return Err(PagingError::Unsupported);
        }
        let slot = TABLES.vacant(root, address.0, size)?;
        let entry = PageEntry::page(page, size, PageEntry::user_flags(access, memory));
        slot.store(entry.0, Relaxed);
        Ok(())
    }

    fn unmap(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        start: PhysicalAddress,
        end: PhysicalAddress,
    ) -> Result<PageSize, u32> {
        let (slot, _, size) = mapped_in(root, address, start..end)?;
        slot.store(0, Relaxed);
        Ok(size)
    }

    fn protect(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        start: PhysicalAddress,
        end: PhysicalAddress,
        access: Access,
    ) -> Result<PageSize, u32> {
        let (slot, entry, size) = mapped_in(root, address, start..end)?;
        slot.store(entry.with_access(access).0, Relaxed);
        Ok(size)
    }

    fn translate(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
    ) -> Option<(PhysicalAddress, Access)> {
        if !is_user(address, 1) {
            return None;
        }
        let (entry, size) = TABLES.mapped(root, address.0)?;
        let within = address.0 & (size.bytes() - 1);
        Some((entry.address().offset(within), entry.access()))
    }

    /// There are no address space identifiers, so only a loaded root has translations cached.
    fn flush(&self, root: PhysicalAddress, page: Option<UserAddress>) {
        let cpu = Cpu::here();
        if cpu.root.load(Relaxed) == root.0 {
            match page {
                Some(page) => tlb::flush(VirtAddr::new_truncate(page.0)),
                None => forget_all(),
            }
        }
        shootdown::ask_others(cpu, root);
    }
}

/// Where the page that `address` lies in is mapped, with what, and its size; unless it lies in
/// `range`, the logarithm of the size of the block around `address` without such a page.
fn mapped_in(
    root: PhysicalAddress,
    address: UserAddress,
    range: Range<PhysicalAddress>,
) -> Result<(&'static AtomicU64, PageEntry, PageSize), u32> {
    if !is_user(address, 1) {
        return Err(PageSize::Small.bits());
    }
    let (slot, entry, size) = match TABLES.walk(root, address.0, PageSize::Small) {
        Walk::Entry(slot) => (slot, PageEntry(slot.load(Relaxed)), PageSize::Small),
        Walk::Page(entry, size) => match TABLES.walk(root, address.0, size) {
            Walk::Entry(slot) => (slot, entry, size),
            Walk::Missing(..) | Walk::Page(..) => return Err(size.bits()),
        },
        Walk::Missing(_, entries) => return Err(entries.bits() + ENTRIES.ilog2()),
    };
    if entry.is_present() && range.contains(&entry.address()) {
        Ok((slot, entry, size))
    } else {
        Err(size.bits())
    }
}

/// The entry in which a table whose entries map `entries` is installed for `address`.
fn table_slot(
    root: PhysicalAddress,
    address: UserAddress,
    entries: PageSize,
) -> Option<&'static AtomicU64> {
    if !is_user(address, 1) {
        return None;
    }
    let above = match entries {
        PageSize::Huge => return Some(TABLES.root_entry(root, address.0)),
        PageSize::Large => PageSize::Huge,
        PageSize::Small => PageSize::Large,
    };
    match TABLES.walk(root, address.0, above) {
        Walk::Entry(slot) => {
            let entry = PageEntry(slot.load(Relaxed));
            (entry.is_present() && !entry.is_page(above)).then_some(slot)
        }
        Walk::Missing(..) | Walk::Page(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::test_memory::zeroed_table;

    const READ_WRITE: Access = Access::READ.union(Access::WRITE);
    const AT: UserAddress = UserAddress(0x40_0000_0000);
    const FRAME: PhysicalAddress = PhysicalAddress(0x8000_0000);

    fn map(on: &X86_64, root: PhysicalAddress, size: PageSize) -> Result<(), PagingError> {
        on.map(root, AT, FRAME, size, READ_WRITE, MemoryType::Normal)
    }

    #[test]
    fn tables_are_asked_for_from_the_top() {
        let (on, root) = (X86_64, zeroed_table());
        for size in [PageSize::Huge, PageSize::Large, PageSize::Small] {
            assert_eq!(map(&on, root, PageSize::Small), Err(PagingError::MissingTable(size)));
            assert_eq!(on.install_table(root, AT, zeroed_table()), Ok(size));
        }
        assert_eq!(on.install_table(root, AT, zeroed_table()), Err(PagingError::Occupied));
        assert_eq!(map(&on, root, PageSize::Small), Ok(()));
        assert_eq!(map(&on, root, PageSize::Small), Err(PagingError::Occupied));
        assert_eq!(map(&on, root, PageSize::Large), Err(PagingError::Occupied));
    }

    #[test]
    fn what_was_mapped_is_translated_and_unmapped() {
        for size in [PageSize::Huge, PageSize::Large, PageSize::Small] {
            let (on, root) = (X86_64, zeroed_table());
            allow_huge_pages();
            while on.install_table(root, AT, zeroed_table()) != Ok(size) {}
            assert_eq!(map(&on, root, size), Ok(()));
            let (inner, bytes) = (AT.offset(0x123), size.bytes());
            let found = Some((FRAME.offset(0x123), READ_WRITE));
            assert_eq!(on.translate(root, inner), found);
            assert_eq!(on.translate(root, AT.offset(bytes)), None);
            let end = FRAME.offset(bytes);
            assert_eq!(on.unmap(root, inner, end, end.offset(bytes)), Err(size.bits()));
            assert_eq!(
                on.protect(root, inner, end, end.offset(bytes), Access::READ),
                Err(size.bits())
            );
            assert_eq!(on.translate(root, inner), found);
            assert_eq!(on.protect(root, inner, FRAME, end, Access::READ), Ok(size));
            assert_eq!(on.translate(root, inner), Some((FRAME.offset(0x123), Access::READ)));
            assert_eq!(on.unmap(root, inner, FRAME, end), Ok(size));
            assert_eq!(on.translate(root, inner), None);
        }
    }

    #[test]
    fn a_table_is_removed_only_where_it_stands() {
        let (on, root) = (X86_64, zeroed_table());
        let tables = [zeroed_table(), zeroed_table(), zeroed_table()];
        for table in tables {
            on.install_table(root, AT, table).unwrap();
        }
        on.remove_table(root, AT, PageSize::Small, zeroed_table());
        assert_eq!(map(&on, root, PageSize::Small), Ok(()));
        on.remove_table(root, AT, PageSize::Small, tables[2]);
        assert_eq!(
            map(&on, root, PageSize::Small),
            Err(PagingError::MissingTable(PageSize::Small))
        );
        on.remove_table(root, AT, PageSize::Large, tables[1]);
        on.remove_table(root, AT, PageSize::Huge, tables[0]);
        let all_zero = |at| {
            let entries = &TABLES.table(at).0;
            entries.iter().all(|entry| entry.load(Relaxed) == 0)
        };
        assert!(all_zero(root) && tables.into_iter().all(all_zero));
    }

    #[test]
    fn the_kernel_half_is_out_of_reach() {
        let (on, root) = (X86_64, zeroed_table());
        for address in [NEVER_MAPPED, USER_END, 0xffff_8000_0000_0000, !0xfff] {
            let address = UserAddress(address);
            assert_eq!(
                on.install_table(root, address, zeroed_table()),
                Err(PagingError::Unsupported)
            );
            assert_eq!(on.translate(root, address), None);
            assert!(on.unmap(root, address, FRAME, PhysicalAddress(!0)).is_err());
        }
        let last = UserAddress(USER_END - PageSize::Large.bytes());
        assert_eq!(
            on.map(root, last, FRAME, PageSize::Large, READ_WRITE, MemoryType::Normal),
            Err(PagingError::Unsupported)
        );
    }

    #[test]
    fn a_root_shares_the_kernel_half_and_nothing_else() {
        let (on, root, kernel) = (X86_64, zeroed_table(), zeroed_table());
        for (number, entry) in TABLES.table(kernel).0.iter().enumerate() {
            entry.store(number as u64, Relaxed);
        }
        set_kernel_root(kernel);
        on.prepare_root(root);
        for (number, entry) in TABLES.table(root).0.iter().enumerate() {
            let shared = if number < ENTRIES / 2 { 0 } else { number as u64 };
            assert_eq!(entry.load(Relaxed), shared);
        }
    }
}
