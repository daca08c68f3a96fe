//! One entry of a page table (AMD64 Architecture Programmer's Manual, volume 2, section 5.3).

use core::ops::Range;

use a9n_hal::{Access, MemoryType, PageSize, PhysicalAddress};
use bitflags::bitflags;

use crate::virt::{self, vmx::ept};

bitflags! {
    /// Flag bits of an entry, the same on every level that we use.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u64 {
        /// The entry means something.
        const PRESENT = 1 << 0;
        /// Stores are allowed.
        const WRITABLE = 1 << 1;
        /// User mode is allowed.
        const USER = 1 << 2;
        /// Selects attribute 1 of the PAT, which `features` sets to write-combining; together
        /// with the next one attribute 3, uncached.
        const WRITE_THROUGH = 1 << 3;
        /// See there.
        const CACHE_DISABLE = 1 << 4;
        /// The entry maps a page although it stands above the lowest level.
        const LARGE = 1 << 7;
        /// The translation survives a change of CR3.
        const GLOBAL = 1 << 8;
        /// No instruction fetches.
        const NO_EXECUTE = 1 << 63;
    }
}

/// Bits of an entry that hold a physical address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// The content of one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageEntry(pub u64);

impl PageEntry {
    /// An entry that points to the next lower table. It restricts nothing: the lowest entry
    /// says what is allowed.
    pub const fn table(at: PhysicalAddress, user: bool) -> Self {
        let user = if user { Flags::USER.bits() } else { 0 };
        Self(at.0 | user | Flags::PRESENT.bits() | Flags::WRITABLE.bits())
    }

    /// An entry that maps a page of `size`.
    #[inline(always)]
    pub fn page(at: PhysicalAddress, size: PageSize, flags: Flags) -> Self {
        let large = match size {
            PageSize::Small => Flags::empty(),
            PageSize::Large | PageSize::Huge => Flags::LARGE,
        };
        Self(at.0 | (flags | large | Flags::PRESENT).bits())
    }

    /// Flags of a user page. Without any right it is present but closed to user mode.
    #[inline(always)]
    pub fn user_flags(access: Access, memory: MemoryType) -> Flags {
        access_flags(access) | memory_flags(memory)
    }

    /// The bits that are kept, and those that are set, in an entry of a user page that is to allow
    /// `access` instead of what it did.
    pub fn access_change(access: Access) -> (u64, u64) {
        let cleared = Flags::USER | Flags::WRITABLE | Flags::NO_EXECUTE;
        (!cleared.bits(), access_flags(access).bits())
    }

    /// Flags of a page of guest-physical memory. What a guest may write it may also execute: its own
    /// tables say more.
    pub fn guest_flags(access: Access, memory: MemoryType) -> Flags {
        if virt::is_vmx() {
            return Flags::from_bits_retain(ept::flags(access, memory));
        }
        let flags = Self::user_flags(access, memory);
        if access.contains(Access::WRITE) { flags - Flags::NO_EXECUTE } else { flags }
    }

    /// As [`access_change`](Self::access_change), of such a page.
    pub fn guest_access_change(access: Access) -> (u64, u64) {
        let (kept, _) = Self::access_change(access);
        (kept, Self::guest_flags(access, MemoryType::Normal).bits())
    }

    /// What was asked for when such a page was mapped.
    pub fn guest_access(self) -> Access {
        if virt::is_vmx() {
            return ept::access(self.0);
        }
        let access = self.access();
        if access.contains(Access::WRITE) { access - Access::EXECUTE } else { access }
    }

    /// Flags of a kernel page.
    pub fn kernel_flags(access: Access, memory: MemoryType) -> Flags {
        (Self::user_flags(access, memory) - Flags::USER) | Flags::GLOBAL
    }

    /// Its flags.
    #[inline(always)]
    pub const fn flags(self) -> Flags {
        Flags::from_bits_truncate(self.0)
    }

    /// Whether it means something.
    #[inline(always)]
    pub const fn is_present(self) -> bool {
        self.flags().contains(Flags::PRESENT)
    }

    /// Whether it maps a page, if it stands on a level whose pages have `size`.
    #[inline(always)]
    pub fn is_page(self, size: PageSize) -> bool {
        self.is_present() && (size == PageSize::Small || self.flags().contains(Flags::LARGE))
    }

    /// Whether it maps a page in `frame`, if it is an entry for a page, or empty. One comparison.
    #[inline(always)]
    pub fn maps(self, frame: &Range<PhysicalAddress>) -> bool {
        let present = Flags::PRESENT.bits();
        let offset = (self.0 & (ADDRESS | present)).wrapping_sub(frame.start.0 | present);
        offset < frame.end.0.wrapping_sub(frame.start.0)
    }

    /// Physical address of the table or page.
    #[inline(always)]
    pub const fn address(self) -> PhysicalAddress {
        PhysicalAddress(self.0 & ADDRESS)
    }

    /// What it allows user mode to do.
    pub fn access(self) -> Access {
        let flags = self.flags();
        let mut access = Access::empty();
        if flags.contains(Flags::PRESENT | Flags::USER) {
            access |= Access::READ;
            access.set(Access::WRITE, flags.contains(Flags::WRITABLE));
            access.set(Access::EXECUTE, !flags.contains(Flags::NO_EXECUTE));
        }
        access
    }
}

/// What user mode may do.
#[inline(always)]
fn access_flags(access: Access) -> Flags {
    let mut flags = Flags::empty();
    flags.set(Flags::USER, !access.is_empty());
    flags.set(Flags::WRITABLE, access.contains(Access::WRITE));
    flags.set(Flags::NO_EXECUTE, !access.contains(Access::EXECUTE));
    flags
}

/// The PAT attribute for each kind of memory.
#[inline(always)]
fn memory_flags(memory: MemoryType) -> Flags {
    match memory {
        MemoryType::Normal => Flags::empty(),
        MemoryType::WriteCombining => Flags::WRITE_THROUGH,
        MemoryType::Device => Flags::WRITE_THROUGH | Flags::CACHE_DISABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: PhysicalAddress = PhysicalAddress(0x1234_5000);

    fn user(access: Access) -> PageEntry {
        let flags = PageEntry::user_flags(access, MemoryType::Normal);
        PageEntry::page(AT, PageSize::Small, flags)
    }

    #[test]
    fn access_comes_back() {
        for access in [
            Access::empty(),
            Access::READ,
            Access::READ | Access::WRITE,
            Access::READ | Access::EXECUTE,
        ] {
            assert_eq!(user(access).access(), access);
            assert_eq!(user(access).address(), AT);
        }
    }

    #[test]
    fn access_changes_and_nothing_else_does() {
        let flags = PageEntry::user_flags(Access::READ | Access::WRITE, MemoryType::Device);
        let before = PageEntry::page(AT, PageSize::Large, flags);
        let allowing = |entry: PageEntry, access| {
            let (kept, set) = PageEntry::access_change(access);
            PageEntry(entry.0 & kept | set)
        };
        let after = allowing(before, Access::READ | Access::EXECUTE);
        assert_eq!(after.access(), Access::READ | Access::EXECUTE);
        assert_eq!(allowing(after, Access::READ | Access::WRITE), before);
    }

    #[test]
    fn kernel_pages_are_closed_to_user_mode() {
        let all = Access::READ | Access::WRITE | Access::EXECUTE;
        let flags = PageEntry::kernel_flags(all, MemoryType::Normal);
        let entry = PageEntry::page(AT, PageSize::Huge, flags);
        assert_eq!(entry.access(), Access::empty());
        assert!(entry.is_page(PageSize::Huge) && entry.flags().contains(Flags::GLOBAL));
    }

    #[test]
    fn a_page_lies_in_a_frame_or_does_not() {
        let entry = user(Access::READ | Access::EXECUTE);
        let frame = |start, end| PhysicalAddress(start)..PhysicalAddress(end);
        assert!(entry.maps(&frame(AT.0, AT.0 + 0x1000)) && entry.maps(&frame(0, AT.0 + 1)));
        assert!(!entry.maps(&frame(0, AT.0)) && !entry.maps(&frame(AT.0 + 0x1000, 1 << 40)));
        assert!(!PageEntry::default().maps(&frame(0, 1 << 40)), "nothing is mapped");
    }

    #[test]
    fn a_table_is_no_page() {
        let table = PageEntry::table(AT, true);
        assert!(table.is_present() && !table.is_page(PageSize::Large));
        assert!(!PageEntry::default().is_present());
    }
}
