//! Why the machine could not be brought up.

use core::fmt;

use crate::features::Missing;

/// Why the machine could not be brought up; its text says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// What the loader passed is no boot information.
    NotBootInformation,
    /// Its layout has another version.
    Version(u32),
    /// It was built with another version of the kernel interface.
    AbiHash(u64),
    /// The CPU lacks something.
    Missing(Missing),
    /// The firmware uses five-level paging.
    FiveLevelPaging,
    /// No usable memory below 4 GiB, or not enough.
    OutOfMemory,
    /// Regions of the memory map overlap.
    MemoryMapOverlaps,
    /// Nothing to measure time with works.
    NoClock,
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBootInformation => {
                f.write_str("the loader passed no boot information: use A9N's own loader")
            }
            Self::Version(version) => {
                write!(f, "boot information of version {version}: build loader and kernel together")
            }
            Self::AbiHash(hash) => write!(
                f,
                "the loader has kernel interface {hash:016x}: build loader and kernel together"
            ),
            Self::Missing(missing) => write!(f, "this CPU lacks {missing}"),
            Self::FiveLevelPaging => {
                f.write_str("five-level paging is on: switch it off in the firmware")
            }
            Self::OutOfMemory => f.write_str("too little memory below 4 GiB: add memory"),
            Self::MemoryMapOverlaps => {
                f.write_str("the memory map overlaps itself: update the firmware")
            }
            Self::NoClock => {
                f.write_str("no timer works: neither ACPI PM timer, HPET nor legacy timer counts")
            }
        }
    }
}

impl From<Missing> for BootError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}
