//! What can go wrong, as POSIX names it, with what exactly it was.

use core::fmt;

use koito_block::DeviceError;

/// An error number, with the value that Linux gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Errno {
    /// `ENOENT`: the name, or the node, does not exist.
    NoEntry = 2,
    /// `EIO`: the device failed, or a failed commit has stopped all changes.
    Io = 5,
    /// `EBUSY`: what should be given back is in use.
    Busy = 16,
    /// `EEXIST`: the name exists.
    Exists = 17,
    /// `ENOTDIR`: a directory is needed.
    NotDirectory = 20,
    /// `EISDIR`: a directory is not allowed.
    IsDirectory = 21,
    /// `EINVAL`: the argument makes no sense here.
    Invalid = 22,
    /// `EFBIG`: the file would be larger than the file system can describe.
    FileTooLarge = 27,
    /// `ENOSPC`: no blocks or no inodes are left.
    NoSpace = 28,
    /// `EROFS`: the file system was mounted to be read.
    ReadOnly = 30,
    /// `EMLINK`: the node has as many names as it can have.
    TooManyLinks = 31,
    /// `ENAMETOOLONG`: a name is longer than 255 bytes, or a link than a block.
    NameTooLong = 36,
    /// `ENOTEMPTY`: the directory has entries.
    NotEmpty = 39,
    /// `EOPNOTSUPP`: the image uses a feature that is not known here.
    Unsupported = 95,
    /// `EUCLEAN`: the image contradicts itself and needs `e2fsck`.
    Corrupt = 117,
}

/// An error: its number, and a sentence for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What a program is told.
    pub errno: Errno,
    /// Which argument or which part of the image, and why.
    pub reason: &'static str,
    /// What the device said, if it was the device.
    pub device: Option<DeviceError>,
}

/// The result of an operation of the file system.
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    pub(crate) const fn new(errno: Errno, reason: &'static str) -> Self {
        Self { errno, reason, device: None }
    }
}

/// The image contradicts itself.
pub(crate) const fn corrupt(reason: &'static str) -> Error {
    Error::new(Errno::Corrupt, reason)
}

impl From<DeviceError> for Error {
    fn from(error: DeviceError) -> Self {
        Self { errno: Errno::Io, reason: "the device failed", device: Some(error) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason)?;
        self.device.map_or(Ok(()), |device| write!(formatter, ": {device}"))
    }
}

impl core::error::Error for Error {}
