//! Why a program is refused, in words that a user can act on.

use core::{fmt, ops::RangeInclusive};

use a9n_abi::ABI_HASH;

/// Why a program is refused. Segments are numbered as their program headers, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// No ELF file at all.
    NotElf,
    /// ELF, but not 64 bits wide or not little-endian.
    NotElf64,
    /// A header does not fit in the file or contradicts itself.
    Header,
    /// Made for another machine.
    Architecture {
        /// Its `e_machine`.
        found: u16,
        /// Name of the architecture that it should be for.
        wanted: &'static str,
    },
    /// Position-independent, or it wants a dynamic linker.
    NotStatic,
    /// Nothing to load.
    NoSegments,
    /// More segments than the loader has room for.
    TooManySegments {
        /// Most segments that are allowed.
        most: u64,
    },
    /// The segment reaches past the end of the file.
    PastEnd {
        /// The segment.
        index: usize,
    },
    /// The segment is longer in the file than in memory.
    Sizes {
        /// The segment.
        index: usize,
    },
    /// The segment's alignment is no power of two, or its address breaks it.
    Alignment {
        /// The segment.
        index: usize,
    },
    /// Physical and virtual address differ by more than whole pages.
    PhysicalAlignment {
        /// The segment.
        index: usize,
    },
    /// The segment reaches past the end of the address space.
    Wraps {
        /// The segment.
        index: usize,
    },
    /// The segment is unreadable, or both writable and executable.
    Access {
        /// The segment.
        index: usize,
    },
    /// The segment lies where such a program may not.
    Outside {
        /// The segment.
        index: usize,
        /// Its address.
        address: u64,
        /// Where it may lie.
        allowed: RangeInclusive<u64>,
    },
    /// Segments are not in ascending order.
    Order {
        /// The later segment.
        index: usize,
        /// The earlier one, which has the greater address.
        other: usize,
    },
    /// Segments share a page.
    Overlap {
        /// The later segment.
        index: usize,
        /// The earlier one.
        other: usize,
        /// First shared page.
        address: u64,
    },
    /// Kernel segments at different distances from physical memory.
    PhysicalDistance {
        /// The segment.
        index: usize,
        /// The first segment.
        first: usize,
    },
    /// The entry point lies in no executable segment.
    Entry {
        /// The entry point.
        entry: u64,
    },
    /// No note with the ABI hash.
    NoAbiNote,
    /// Built for another version of the kernel interface.
    AbiHash {
        /// The program's hash.
        found: u64,
    },
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => write!(f, "not an ELF file: put the linked program there"),
            Self::NotElf64 => write!(f, "not a 64-bit little-endian ELF file: rebuild it"),
            Self::Header => write!(f, "damaged ELF header: the file is cut off; copy it again"),
            Self::Architecture { found, wanted } => {
                write!(f, "made for machine {found}, not for {wanted}: rebuild it for {wanted}")
            }
            Self::NotStatic => write!(
                f,
                "position-independent or dynamically linked: relink with \
                 `-C relocation-model=static`"
            ),
            Self::NoSegments => write!(f, "no loadable segment: relink it"),
            Self::TooManySegments { most } => {
                write!(f, "more than {most} segments: merge sections in the linker script")
            }
            Self::PastEnd { index } => write!(
                f,
                "segment {index} reaches past the end of the file: the file is cut off; \
                 copy it again"
            ),
            Self::Sizes { index } => {
                write!(f, "segment {index} is longer in the file than in memory: relink it")
            }
            Self::Alignment { index } => {
                write!(f, "segment {index} breaks its own alignment: relink it")
            }
            Self::PhysicalAlignment { index } => write!(
                f,
                "physical and virtual address of segment {index} differ within a page: \
                 correct the linker script"
            ),
            Self::Wraps { index } => {
                write!(f, "segment {index} reaches past the end of the address space: relink it")
            }
            Self::Access { index } => write!(
                f,
                "segment {index} is unreadable, or both writable and executable: \
                 split it in the linker script"
            ),
            Self::Outside { index, address, allowed } => write!(
                f,
                "segment {index} at {address:#x} must lie within {:#x} to {:#x}: \
                 relink it to another address",
                allowed.start(),
                allowed.end()
            ),
            Self::Order { index, other } => write!(
                f,
                "segment {index} lies below segment {other}: relink with segments in \
                 ascending order"
            ),
            Self::Overlap { index, other, address } => write!(
                f,
                "segment {index} overlaps segment {other} in the page at {address:#x}: \
                 relink with segments on pages of their own"
            ),
            Self::PhysicalDistance { index, first } => write!(
                f,
                "segments {index} and {first} are at different distances from physical \
                 memory: correct the linker script"
            ),
            Self::Entry { entry } => {
                write!(f, "entry point {entry:#x} lies in no executable segment: relink it")
            }
            Self::NoAbiNote => write!(
                f,
                "no A9N note: invoke `a9n_abi::abi_note!()` in the program and keep \
                 section .note.a9n when linking"
            ),
            Self::AbiHash { found } => write!(
                f,
                "built for interface {found:016x}, but this loader is for {ABI_HASH:016x}: \
                 rebuild both from the same sources"
            ),
        }
    }
}
