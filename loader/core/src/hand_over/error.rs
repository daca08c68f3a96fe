//! Why a boot ends before the kernel runs.

use core::fmt;

use crate::{Path, archive::ArchiveError, config::ConfigError, elf::ElfError};

/// Why a boot ends before the kernel runs; its text names the file and says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file that it is about; [`Path::NONE`] if it is about the machine.
    pub file: Path,
    /// What happened.
    pub cause: Cause,
}

/// What can stop a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The file could not be read.
    Volume(VolumeError),
    /// The configuration is wrong.
    Config(ConfigError),
    /// The program is refused.
    Elf(ElfError),
    /// The file was longer or shorter when it was read than before.
    Changed,
    /// No free memory of this length in one piece.
    OutOfMemory {
        /// Length in bytes.
        bytes: u64,
    },
    /// The machine refused to write or map memory that it had given.
    Machine,
    /// The memory map got longer than foreseen.
    MemoryMapGrew,
    /// No free memory is left for the kernel.
    NoUsableMemory,
}

/// Why a file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeError {
    /// There is no such file.
    NotFound,
    /// It is a folder, or its name cannot be expressed on this volume.
    NotAFile,
    /// The device or file system failed.
    Device,
    /// There is not enough memory to read it.
    TooLong,
    /// The boot archive is damaged.
    Archive(ArchiveError),
}

impl fmt::Display for VolumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "not found: put it on the boot volume"),
            Self::NotAFile => write!(f, "not a readable file: replace it by a plain file"),
            Self::Device => write!(f, "read error: check the boot medium and write it anew"),
            Self::TooLong => write!(f, "too long for the memory of this machine"),
            Self::Archive(error) => write!(f, "boot archive: {error}"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Volume(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Elf(error) => error.fmt(f),
            Self::Changed => write!(f, "changed while it was read: write the boot medium anew"),
            Self::OutOfMemory { bytes } => write!(
                f,
                "no {bytes} bytes of free memory in one piece: give the machine more memory \
                 or load less"
            ),
            Self::Machine => write!(f, "the firmware's memory map contradicts itself"),
            Self::MemoryMapGrew => write!(f, "the firmware's memory map grew: boot again"),
            Self::NoUsableMemory => {
                write!(f, "no free memory left: give the machine more memory or load less")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file {
            Path::NONE => self.cause.fmt(f),
            file => write!(f, "{file}: {}", self.cause),
        }
    }
}

impl core::error::Error for Error {}
