//! Page tables, as user-given memory of one page each.
//!
//! The machine walks and edits tables; who owns a table, and where it may be mapped, is the
//! portable kernel's business. A table that is not installed anywhere is all zero: installing
//! demands it, removing restores it.

use crate::{Access, MemoryType, PhysicalAddress, UserAddress};

/// Size of one mapped page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageSize {
    /// The smallest, 4 KiB.
    Small,
    /// One entry of the second-lowest level, 2 MiB.
    Large,
    /// One entry of the third-lowest level, 1 GiB.
    Huge,
}

impl PageSize {
    /// Logarithm of its bytes.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Small => 12,
            Self::Large => 21,
            Self::Huge => 30,
        }
    }

    /// Its bytes.
    pub const fn bytes(self) -> u64 {
        1 << self.bits()
    }
}

/// Why an address could not be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingError {
    /// A page table is missing; a table for entries of this size would be installed next.
    MissingTable(PageSize),
    /// Something is already mapped there.
    Occupied,
    /// The machine has no pages of that size.
    Unsupported,
}

/// A machine's page tables.
pub trait Paging {
    /// First address past the user half. The page below it is never mapped either.
    const USER_END: UserAddress;

    /// Makes the zeroed page `root` an address space: empty below, the kernel above.
    fn prepare_root(&self, root: PhysicalAddress);

    /// Installs the zeroed page `table` at the highest level still missing on the way to
    /// `address`. Answers the size of what its entries map. `Err(Occupied)` if no level is
    /// missing.
    fn install_table(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        table: PhysicalAddress,
    ) -> Result<PageSize, PagingError>;

    /// Takes `table`, installed at `address` to hold entries of size `entries`, out again and
    /// zeroes it. Nothing happens but the zeroing if another table stands there by now.
    fn remove_table(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        entries: PageSize,
        table: PhysicalAddress,
    );

    /// Maps one page. `address` and `page` are aligned to `size`, `access` is not both write and
    /// execute.
    fn map(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        page: PhysicalAddress,
        size: PageSize,
        access: Access,
        memory: MemoryType,
    ) -> Result<(), PagingError>;

    /// Takes away the page mapped at `address` if it lies in physical `[start, end)`, and answers
    /// its size. Otherwise nothing changes, and `Err` is the logarithm of the size of
    /// the aligned block around `address` that holds no such page: a missing table is passed over
    /// in one step.
    fn unmap(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        start: PhysicalAddress,
        end: PhysicalAddress,
    ) -> Result<PageSize, u32>;

    /// Changes what the page mapped at `address` allows, if it lies in physical `[start, end)`.
    /// Answers as `unmap` does.
    fn protect(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
        start: PhysicalAddress,
        end: PhysicalAddress,
        access: Access,
    ) -> Result<PageSize, u32>;

    /// What is mapped at `address`: physical address of the byte and what it allows.
    fn translate(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
    ) -> Option<(PhysicalAddress, Access)>;

    /// Forgets cached translations of address space `root`: of one page, or of all with `None`.
    fn flush(&self, root: PhysicalAddress, page: Option<UserAddress>);
}
