//! Why a kernel is not booted.

use core::fmt;

use crate::Unreadable;

/// A file is no kernel that can be booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbootable {
    /// It ends before the code that its header promises.
    TooShort,
    /// It cannot be read.
    Unreadable,
    /// It is a program: the kernel as it was linked, perhaps, which only comes out of what is booted.
    Elf,
    /// It does not have the marks of a Linux kernel for PCs.
    NotLinux,
    /// It speaks this version of the boot protocol; 2.12 is needed.
    TooOld(u16),
    /// It is a kernel for 32-bit processors, or one that cannot be loaded high.
    Not64Bit,
}

impl fmt::Display for Unbootable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("the kernel's file ends too early"),
            Self::Unreadable => f.write_str("the kernel's file cannot be read"),
            Self::Elf => {
                f.write_str("the file is an ELF program (vmlinux?); what boots is the bzImage")
            }
            Self::NotLinux => f.write_str("the file is no Linux kernel (no bzImage for x86)"),
            Self::TooOld(version) => {
                let [minor, major] = version.to_le_bytes();
                write!(f, "the kernel speaks boot protocol {major}.{minor}; 2.12 is needed")
            }
            Self::Not64Bit => f.write_str("the kernel is none for 64-bit processors"),
        }
    }
}

/// A machine is none that the kernel could be booted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its memory is too small.
    Memory {
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that there are.
        given: u64,
    },
    /// The command line is too long.
    CommandLine {
        /// Most bytes of one.
        most: usize,
    },
    /// The kernel, or its initial file system, could be read no more.
    Unreadable,
    /// The initial file system is none.
    NotArchive,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { needed, given } => {
                let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
                let (needed, given) = (mebibytes(*needed), mebibytes(*given));
                write!(f, "kernel and initial file system need {needed} MiB, the guest has {given}")
            }
            Self::CommandLine { most } => write!(f, "the command line has more than {most} bytes"),
            Self::Unreadable => f.write_str("kernel or initial file system cannot be read"),
            Self::NotArchive => {
                f.write_str("the initial file system is no archive of cpio, compressed or not")
            }
        }
    }
}

impl From<Unreadable> for Unbootable {
    fn from(_: Unreadable) -> Self {
        Self::Unreadable
    }
}

impl From<Unreadable> for Refused {
    fn from(_: Unreadable) -> Self {
        Self::Unreadable
    }
}
