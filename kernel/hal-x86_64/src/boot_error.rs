//! Why the machine could not be brought up.

use a9n_hal::Text;

use crate::features::Missing;

/// What to do about versions that do not match.
const TOGETHER: &str = ": build loader and kernel together";

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

impl BootError {
    /// Says it.
    pub fn say(self, text: &mut Text<'_>) {
        match self {
            Self::NotBootInformation => {
                text.text("the loader passed no boot information: use A9N's own loader");
            }
            Self::Version(version) => {
                text.text("boot information of version ").number(version.into()).text(TOGETHER);
            }
            Self::AbiHash(hash) => {
                text.text("the loader has kernel interface ").digits(hash, 16).text(TOGETHER);
            }
            Self::Missing(missing) => _ = text.text("this CPU lacks ").text(missing.name()),
            Self::FiveLevelPaging => {
                text.text("five-level paging is on: switch it off in the firmware");
            }
            Self::OutOfMemory => _ = text.text("too little memory below 4 GiB: add memory"),
            Self::MemoryMapOverlaps => {
                text.text("the memory map overlaps itself: update the firmware");
            }
            Self::NoClock => {
                text.text("no timer works: neither ACPI PM timer, HPET nor legacy timer counts");
            }
        }
    }
}

impl From<Missing> for BootError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}
