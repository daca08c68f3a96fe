//! Page tables, as user-given memory of one page each.
//!
//! The machine walks and edits tables; who owns a table, and where it may be mapped, is the
//! portable kernel's business. A table that is not installed anywhere is all zero: installing
//! demands it, removing restores it.

use core::ops::Range;

use crate::{Access, CpuSet, MemoryType, PhysicalAddress, UserAddress};

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

/// Consecutive small pages of an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First byte.
    pub address: UserAddress,
    /// How many, at least 1. All lie in the user half.
    pub pages: u64,
}

/// Pages to be mapped: where, what and how.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Where.
    pub stretch: Stretch,
    /// First byte of what is mapped there.
    pub page: PhysicalAddress,
    /// Not both write and execute.
    pub access: Access,
    /// How memory is accessed.
    pub memory: MemoryType,
}

/// How far an operation has come in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Small pages gone through, at least 1; perhaps past the end of what was asked for, when a
    /// large page or a missing table ends there.
    pub pages: u64,
    /// Entries gone through.
    pub entries: u64,
    /// Whether a page that was mapped has changed.
    pub changed: bool,
}

/// A machine's page tables.
pub trait Paging {
    /// First address past what can be mapped for users.
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

    /// Maps pages of `run` from its first on, with the largest pages that alignment and length
    /// allow, one after the other in one table, in at most `entries` of its entries (at least 1).
    /// It ends early where the table does or something is in the way; `Err` is why the first page
    /// cannot be mapped, and then nothing has changed.
    fn map(&self, root: PhysicalAddress, run: Run, entries: u64) -> Result<Passed, PagingError>;

    /// Takes away those pages of `stretch` that lie in `frame`, going through at most `entries`
    /// entries of one table; large pages are taken away as a whole. A missing table is passed over
    /// as one entry.
    fn unmap(
        &self,
        root: PhysicalAddress,
        stretch: Stretch,
        frame: Range<PhysicalAddress>,
        entries: u64,
    ) -> Passed;

    /// Changes what those pages of `stretch` that lie in `frame` allow. Otherwise as `unmap`.
    fn protect(
        &self,
        root: PhysicalAddress,
        stretch: Stretch,
        frame: Range<PhysicalAddress>,
        entries: u64,
        access: Access,
    ) -> Passed;

    /// What is mapped at `address`: physical address of the byte and what it allows.
    fn translate(
        &self,
        root: PhysicalAddress,
        address: UserAddress,
    ) -> Option<(PhysicalAddress, Access)>;

    /// Forgets cached translations of address space `root`: of `stretch`, or of all with `None`,
    /// cached tables included. `cpus` are those that may ever have had it loaded. An entry that was
    /// empty needs no flush when it is filled.
    fn flush(&self, root: PhysicalAddress, cpus: CpuSet, stretch: Option<Stretch>);

    /// Ends the address space `root`, in which no process runs any more: it is loaded nowhere and
    /// nothing of it is cached, on none of `cpus`, which are as for `flush`.
    fn retire(&self, root: PhysicalAddress, cpus: CpuSet);
}
