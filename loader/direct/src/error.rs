//! Why a direct boot fails.

use core::fmt;

use a9n_loader_core::{PhysicalRange, hand_over};

/// Why a direct boot fails; its text says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not a PVH start info of version 1 or later.
    StartInfo,
    /// A damaged multiboot2 information block.
    Multiboot2,
    /// No module, that is no boot archive.
    NoModule,
    /// No memory map.
    NoMemoryMap,
    /// The boot loader put something where it cannot be reached.
    Unreachable(PhysicalRange),
    /// No free memory above the kernel.
    NoMemory,
    /// What is in the archive cannot be booted.
    Boot(hand_over::Error),
}

impl From<hand_over::Error> for Error {
    fn from(error: hand_over::Error) -> Self {
        Self::Boot(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartInfo => write!(f, "no PVH start info: boot with QEMU's `-kernel`"),
            Self::Multiboot2 => write!(f, "damaged multiboot2 information: boot with GRUB 2"),
            Self::NoModule => write!(
                f,
                "no boot archive: pass a ustar file with `-initrd` (QEMU) or `module2` (GRUB)"
            ),
            Self::NoMemoryMap => write!(f, "no memory map from the boot loader: use another"),
            Self::Unreachable(range) => write!(
                f,
                "boot loader data at {:#x} ({} bytes) must lie below 4 GiB: give the machine \
                 less memory",
                range.start, range.bytes
            ),
            Self::NoMemory => write!(f, "no free memory above the kernel: add memory"),
            Self::Boot(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}
