//! User address spaces: the HAL's [`Paging`].
//!
//! A root's upper half is a copy of the kernel's root, whose entries are all made at boot and
//! never change, so every address space sees the same kernel. What a CPU has cached is the business
//! of [`translations`]. Nothing here ever touches an
//! entry of the upper half: an address beyond the user half is refused first.

use core::ops::Range;
use core::slice;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use a9n_hal::{
    Access, CpuSet, PageSize, Paging, PagingError, Passed, PhysicalAddress, Run, Stretch,
    UserAddress,
};

use crate::cpu::{self, Cpu};
use crate::kernel_space::DIRECT_MAP;
use crate::page_entry::PageEntry;
use crate::tables::{ENTRIES, Tables, Walk};
use crate::translations::{RootWord, TAG_BITS};
use crate::virt::vmx::ept;
use crate::{X86_64, shootdown, translations, virt};

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

/// Logarithm of the bytes in a small page.
const PAGE_BITS: u32 = PageSize::Small.bits();

/// Whether something may be mapped at `address` for users.
#[inline(always)]
fn is_user(address: UserAddress) -> bool {
    address.0 < NEVER_MAPPED
}

impl Paging for X86_64 {
    const USER_END: UserAddress = UserAddress(NEVER_MAPPED);

    fn prepare_root(&self, root: PhysicalAddress) {
        TABLES.table(root).share_upper_half(TABLES.table(kernel_root()));
        let first = TABLES.root_entry(root, DIRECT_MAP);
        let entry = first.load(Relaxed) & !IGNORED;
        first.store(entry | translations::take_tag() << IGNORED_SHIFT, Relaxed);
    }

    fn install_table(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        table: PhysicalAddress,
    ) -> Result<PageSize, PagingError> {
        if !is_user(address) {
            return Err(PagingError::Unsupported);
        }
        match TABLES.walk(root, address.0, PageSize::Small) {
            Walk::Missing(slot, entries) => {
                slot.store(PageEntry::table(table, true).0, Relaxed);
                Ok(entries)
            }
            Walk::Entries(_) | Walk::Page(..) => Err(PagingError::Occupied),
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

    #[inline(always)]
    fn map(&self, root: PhysicalAddress, run: Run, entries: u64) -> Result<Passed, PagingError> {
        let Run { stretch: Stretch { address, pages }, page, access, memory } = run;
        if !is_user(address) {
            return Err(PagingError::Unsupported);
        }
        let pages = pages.min((NEVER_MAPPED - address.0) >> PAGE_BITS);
        let alignment = (address.0 | page.0).trailing_zeros();
        let fits = |size: PageSize| {
            pages >= small_pages(size)
                && alignment >= size.bits()
                && (size != PageSize::Huge || HUGE_PAGES.load(Relaxed))
        };
        let (slots, size) = TABLES.vacant(root, address.0, fits)?;
        let wanted = (pages >> (size.bits() - PAGE_BITS)).min(entries);
        let [first, others @ ..] = slots else { return Err(PagingError::Occupied) };
        let flags = if is_guest(root) {
            PageEntry::guest_flags(access, memory)
        } else {
            PageEntry::user_flags(access, memory)
        };
        let mut entry = PageEntry::page(page, size, flags).0;
        first.store(entry, Relaxed);
        let others = others.get(..wanted.wrapping_sub(1) as usize).unwrap_or(others);
        let next = |entry: u64| entry.wrapping_add(size.bytes());
        // Four at a time, then one by one to the end or to what is in the way.
        let (fours, _) = others.as_chunks();
        let mut left = others.len();
        for [a, b, c, d] in fours {
            if a.load(Relaxed) | b.load(Relaxed) | c.load(Relaxed) | d.load(Relaxed) != 0 {
                break;
            }
            let first = next(entry);
            let (second, third) = (next(first), next(next(first)));
            entry = next(third);
            a.store(first, Relaxed);
            b.store(second, Relaxed);
            c.store(third, Relaxed);
            d.store(entry, Relaxed);
            left -= 4;
        }
        for slot in others.get(others.len() - left..).unwrap_or_default() {
            if slot.load(Relaxed) != 0 {
                break;
            }
            entry = next(entry);
            slot.store(entry, Relaxed);
            left -= 1;
        }
        let entries = 1 + (others.len() - left) as u64;
        let pages = entries << (size.bits() - PAGE_BITS);
        Ok(Passed { pages, entries, changed: false })
    }

    #[inline]
    fn unmap(
        &self,
        root: PhysicalAddress,
        stretch: Stretch,
        frame: Range<PhysicalAddress>,
        entries: u64,
    ) -> Passed {
        change(root, stretch, frame, entries, |_| PageEntry::default())
    }

    #[inline]
    fn protect(
        &self,
        root: PhysicalAddress,
        stretch: Stretch,
        frame: Range<PhysicalAddress>,
        entries: u64,
        access: Access,
    ) -> Passed {
        if is_guest(root) && virt::is_vmx() {
            let new = |entry: PageEntry| PageEntry(ept::with_access(entry.0, access));
            return change(root, stretch, frame, entries, new);
        }
        let (kept, set) = if is_guest(root) {
            PageEntry::guest_access_change(access)
        } else {
            PageEntry::access_change(access)
        };
        change(root, stretch, frame, entries, |entry| PageEntry(entry.0 & kept | set))
    }

    fn translate(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
    ) -> Option<(PhysicalAddress, Access)> {
        if !is_user(address) {
            return None;
        }
        let (entry, size) = TABLES.mapped(root, address.0)?;
        let within = address.0 & (size.bytes() - 1);
        let access = if is_guest(root) { entry.guest_access() } else { entry.access() };
        Some((entry.address().offset(within), access))
    }

    fn flush(&self, root: PhysicalAddress, cpus: CpuSet, stretch: Option<Stretch>) {
        let (cpu, root) = (Cpu::here(), root_word(root));
        if root.is_known_to(cpu) {
            root.forget(stretch);
        }
        if cpu::are_several() {
            shootdown::ask_others(cpu, cpus, root, stretch);
        }
    }

    fn retire(&self, root: PhysicalAddress, cpus: CpuSet) {
        let (cpu, word) = (Cpu::here(), root_word(root));
        if cpu.root.load(Relaxed) == word.0 {
            translations::leave_user_space(cpu);
        }
        self.flush(root, cpus, None);
        translations::give_tag(word);
    }
}

/// Bits of an entry that the CPU ignores (52 to 62). Those of the first entry of a root's upper half
/// hold the tag of the address space.
const IGNORED_SHIFT: u32 = 52;
const IGNORED: u64 = ((1 << TAG_BITS) - 1) << IGNORED_SHIFT;

/// What stands in that entry of a root of guest-physical memory, which no processor takes for one.
const GUEST: u64 = 1 << 9;

/// Makes the zeroed page `root` empty guest-physical memory.
pub(crate) fn prepare_guest_root(root: PhysicalAddress) {
    TABLES.root_entry(root, DIRECT_MAP).store(GUEST, Relaxed);
}

/// Whether `root` is one of guest-physical memory.
#[inline(always)]
fn is_guest(root: PhysicalAddress) -> bool {
    TABLES.root_entry(root, DIRECT_MAP).load(Relaxed) == GUEST
}

/// What goes to CR3 to load the address space of `root`, or names it if it is a guest's.
pub(crate) fn root_word(root: PhysicalAddress) -> RootWord {
    if is_guest(root) {
        return RootWord::of_guest(root);
    }
    let entry = TABLES.root_entry(root, DIRECT_MAP).load(Relaxed);
    RootWord::new(root, (entry & IGNORED) >> IGNORED_SHIFT)
}

/// Small pages in one of `size`.
#[inline(always)]
const fn small_pages(size: PageSize) -> u64 {
    1 << (size.bits() - PAGE_BITS)
}

/// Small pages from `address` to the end of the aligned block of 2^`bits` bytes around it.
const fn rest_of_block(address: UserAddress, bits: u32) -> u64 {
    (1 << (bits - PAGE_BITS)) - (address.0 >> PAGE_BITS) % (1 << (bits - PAGE_BITS))
}

/// Replaces the entries of those pages of `stretch` that lie in `frame` by what `new` says, in one
/// table, of which it goes through at most `limit` entries.
#[inline]
fn change(
    root: PhysicalAddress,
    Stretch { address, pages }: Stretch,
    frame: Range<PhysicalAddress>,
    limit: u64,
    new: impl Fn(PageEntry) -> PageEntry,
) -> Passed {
    if !is_user(address) {
        return Passed { pages, entries: 1, changed: false };
    }
    let (slots, size) = match TABLES.walk(root, address.0, PageSize::Small) {
        Walk::Entries(slots) => (slots, PageSize::Small),
        Walk::Page(slot, size) => (slice::from_ref(slot), size),
        Walk::Missing(_, entries) => {
            let pages = rest_of_block(address, entries.bits() + ENTRIES.ilog2());
            return Passed { pages, entries: 1, changed: false };
        }
    };
    let slots = slots.get(..limit.min(pages) as usize).unwrap_or(slots);
    let mut changed = false;
    let (fours, rest) = slots.as_chunks();
    for [a, b, c, d] in fours {
        replace(a, &frame, &new, &mut changed);
        replace(b, &frame, &new, &mut changed);
        replace(c, &frame, &new, &mut changed);
        replace(d, &frame, &new, &mut changed);
    }
    for slot in rest {
        replace(slot, &frame, &new, &mut changed);
    }
    let entries = slots.len() as u64;
    let pages = match size {
        PageSize::Small => entries,
        larger => rest_of_block(address, larger.bits()),
    };
    Passed { pages, entries, changed }
}

/// Replaces what is in `slot`, if it maps a page in `frame`, and notes that in `changed`.
#[inline(always)]
fn replace(
    slot: &AtomicU64,
    frame: &Range<PhysicalAddress>,
    new: &impl Fn(PageEntry) -> PageEntry,
    changed: &mut bool,
) {
    let entry = PageEntry(slot.load(Relaxed));
    if entry.maps(frame) {
        slot.store(new(entry).0, Relaxed);
        *changed = true;
    }
}

/// The entry in which a table whose entries map `entries` is installed for `address`.
fn table_slot(
    root: PhysicalAddress,
    address: UserAddress,
    entries: PageSize,
) -> Option<&'static AtomicU64> {
    if !is_user(address) {
        return None;
    }
    let above = match entries {
        PageSize::Huge => return Some(TABLES.root_entry(root, address.0)),
        PageSize::Large => PageSize::Huge,
        PageSize::Small => PageSize::Large,
    };
    match TABLES.walk(root, address.0, above) {
        Walk::Entries([slot, ..]) => {
            let entry = PageEntry(slot.load(Relaxed));
            (entry.is_present() && !entry.is_page(above)).then_some(slot)
        }
        Walk::Entries([]) | Walk::Missing(..) | Walk::Page(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use a9n_hal::MemoryType;

    use super::*;
    use crate::tables::test_memory::zeroed_table;

    const READ_WRITE: Access = Access::READ.union(Access::WRITE);
    const AT: UserAddress = UserAddress(0x40_0000_0000);
    const FRAME: PhysicalAddress = PhysicalAddress(0x8000_0000);

    fn stretch(address: UserAddress, pages: u64) -> Stretch {
        Stretch { address, pages }
    }

    /// Maps `pages` pages of `FRAME`, with as many entries as it takes.
    fn map(on: &X86_64, root: PhysicalAddress, pages: u64) -> Result<Passed, PagingError> {
        on.map(root, run(AT, pages), u64::MAX)
    }

    fn run(address: UserAddress, pages: u64) -> Run {
        let stretch = stretch(address, pages);
        Run { stretch, page: FRAME, access: READ_WRITE, memory: MemoryType::Normal }
    }

    /// So many entries of pages of `size`.
    fn mapped(entries: u64, size: PageSize) -> Result<Passed, PagingError> {
        Ok(Passed { pages: entries * small_pages(size), entries, changed: false })
    }

    #[test]
    fn tables_are_asked_for_from_the_top() {
        let (on, root) = (X86_64, zeroed_table());
        for size in [PageSize::Huge, PageSize::Large, PageSize::Small] {
            assert_eq!(map(&on, root, 1), Err(PagingError::MissingTable(size)));
            assert_eq!(on.install_table(root, AT, zeroed_table()), Ok(size));
        }
        assert_eq!(on.install_table(root, AT, zeroed_table()), Err(PagingError::Occupied));
        assert_eq!(map(&on, root, 1), mapped(1, PageSize::Small));
        assert_eq!(map(&on, root, 1), Err(PagingError::Occupied));
        assert_eq!(map(&on, root, 512), Err(PagingError::Occupied));
    }

    #[test]
    fn a_run_ends_where_the_table_does_or_something_is_in_the_way() {
        let (on, root) = (X86_64, zeroed_table());
        while on.install_table(root, AT, zeroed_table()) != Ok(PageSize::Small) {}
        let at = |page: u64| AT.offset(page << PAGE_BITS);
        assert_eq!(on.map(root, run(at(510), 9), u64::MAX), mapped(2, PageSize::Small));
        assert_eq!(on.map(root, run(at(500), 20), u64::MAX), mapped(10, PageSize::Small));
        assert_eq!(on.map(root, run(at(1), 20), 3), mapped(3, PageSize::Small));
        let third = FRAME.offset(2 << PAGE_BITS);
        assert_eq!(on.translate(root, at(3)), Some((third, READ_WRITE)));
        assert_eq!(on.translate(root, at(4)), None);
        // Pages of another frame, and none at all, are gone through and left alone.
        let all = stretch(at(0), 600);
        let passed = on.unmap(root, all, third..third.offset(1), 5);
        assert_eq!(passed, Passed { pages: 5, entries: 5, changed: true });
        assert_eq!(on.translate(root, at(3)), None);
        assert_eq!(on.translate(root, at(2)).map(|(page, _)| page), Some(FRAME.offset(0x1000)));
        let passed = on.unmap(root, stretch(at(5), 600), FRAME..PhysicalAddress(!0), u64::MAX);
        assert_eq!(passed, Passed { pages: 507, entries: 507, changed: true });
        assert_eq!(on.translate(root, at(511)), None);
        // Where a table is missing, the block that it would map is passed at once.
        let passed = on.unmap(root, stretch(at(515), 5), FRAME..third, u64::MAX);
        assert_eq!(passed, Passed { pages: 509, entries: 1, changed: false });
    }

    #[test]
    fn what_was_mapped_is_translated_and_unmapped() {
        for size in [PageSize::Huge, PageSize::Large, PageSize::Small] {
            let (on, root) = (X86_64, zeroed_table());
            allow_huge_pages();
            while on.install_table(root, AT, zeroed_table()) != Ok(size) {}
            assert_eq!(map(&on, root, small_pages(size)), mapped(1, size));
            let (inner, bytes) = (AT.offset(0x123), size.bytes());
            let found = Some((FRAME.offset(0x123), READ_WRITE));
            assert_eq!(on.translate(root, inner), found);
            assert_eq!(on.translate(root, AT.offset(bytes)), None);
            let (end, one) = (FRAME.offset(bytes), stretch(AT, 1));
            let passed = |changed| Passed { pages: small_pages(size), entries: 1, changed };
            let other = || end..end.offset(bytes);
            assert_eq!(on.unmap(root, one, other(), 9), passed(false));
            assert_eq!(on.protect(root, one, other(), 9, Access::READ), passed(false));
            assert_eq!(on.translate(root, inner), found);
            assert_eq!(on.protect(root, one, FRAME..end, 9, Access::READ), passed(true));
            assert_eq!(on.translate(root, inner), Some((FRAME.offset(0x123), Access::READ)));
            assert_eq!(on.unmap(root, one, FRAME..end, 9), passed(true));
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
        assert_eq!(map(&on, root, 1), mapped(1, PageSize::Small));
        on.remove_table(root, AT, PageSize::Small, tables[2]);
        assert_eq!(map(&on, root, 1), Err(PagingError::MissingTable(PageSize::Small)));
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
            let passed = on.unmap(root, stretch(address, 1), FRAME..PhysicalAddress(!0), 1);
            assert!(!passed.changed);
        }
        let last = UserAddress(USER_END - PageSize::Large.bytes());
        while on.install_table(root, last, zeroed_table()) != Ok(PageSize::Small) {}
        assert_eq!(on.map(root, run(last, 512), u64::MAX), mapped(511, PageSize::Small));
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
        assert_eq!(root_word(root), RootWord(root.0), "no tag is allowed");
        TABLES.root_entry(root, DIRECT_MAP).store(256 | 99 << IGNORED_SHIFT, Relaxed);
        assert_eq!(root_word(root), RootWord::new(root, 99));
    }
}
