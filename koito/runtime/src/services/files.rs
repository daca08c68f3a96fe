//! Files by path, with their contents in the messages.

use core::fmt;

use nun::service::{CallError, Failure, String, Vec, Wire};

/// Longest path, in bytes.
pub const PATH_BYTES: usize = 200;
/// Longest name of an entry, in bytes.
pub const ENTRY_BYTES: usize = 255;
/// Most bytes that one call moves.
pub const PIECE_BYTES: usize = 512;

/// A path from the root directory on: names between slashes.
pub type Path = String<PATH_BYTES>;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum FileKind {
    /// A regular file.
    File = 1,
    /// A directory.
    Directory = 2,
    /// A symbolic link. Paths do not follow it.
    Link = 3,
    /// Something else.
    Other = 4,
}

/// What is known of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct FileStatus {
    /// What it is.
    pub kind: FileKind,
    /// Length in bytes.
    pub size: u64,
    /// Number of names.
    pub links: u16,
    /// When its contents changed, in seconds since 1970.
    pub modified: u64,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct ListedEntry {
    /// Its name.
    pub name: Vec<u8, ENTRY_BYTES>,
    /// Where to go on after it.
    pub next: u64,
}

/// Space in the file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct FileSpace {
    /// All of it.
    pub bytes: u64,
    /// What is free.
    pub free: u64,
}

/// Why something was not done. Nothing of it happened, but for what a write had written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum FileError {
    /// The name, or one on the way to it, does not exist.
    NoEntry = 1,
    /// The name exists already.
    Exists = 2,
    /// It is no directory.
    NotDirectory = 3,
    /// It is a directory.
    IsDirectory = 4,
    /// The directory has entries.
    NotEmpty = 5,
    /// The disk is full.
    NoSpace = 6,
    /// The name is too long.
    NameTooLong = 7,
    /// The file system is to be read only.
    ReadOnly = 8,
    /// The path or the argument makes no sense.
    Invalid = 9,
    /// The file system contradicts itself, or has features that are not known.
    Corrupt = 10,
    /// There is no disk, or it failed.
    Disk = 11,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoEntry => "there is no such file or directory",
            Self::Exists => "it exists already",
            Self::NotDirectory => "it is no directory",
            Self::IsDirectory => "it is a directory",
            Self::NotEmpty => "the directory has entries",
            Self::NoSpace => "the disk is full",
            Self::NameTooLong => "the name is too long",
            Self::ReadOnly => "the file system cannot be written",
            Self::Invalid => "the path makes no sense",
            Self::Corrupt => "the file system is damaged, or not known",
            Self::Disk => "there is no disk, or it failed",
        })
    }
}

/// Stores files. What was done survives the server as soon as [`sync`](Files::sync) has answered;
/// before, the last changes may be undone by its death or a loss of power, the latest first.
#[nun::service(version = 1)]
pub trait Files {
    /// What is at `path`.
    #[method(ordinal = 1, retry = idempotent)]
    fn status(&self, path: Path) -> Result<FileStatus, FileError>;
    /// The entry of a directory at `from`, 0 for the first; `None` behind the last.
    #[method(ordinal = 2, retry = idempotent)]
    fn list(&self, path: Path, from: u64) -> Result<Option<ListedEntry>, FileError>;
    /// What a file has at `offset`; nothing at its end.
    #[method(ordinal = 3, retry = idempotent)]
    fn read(&self, path: Path, offset: u64) -> Result<Vec<u8, PIECE_BYTES>, FileError>;
    /// Writes to a file that exists, at `offset`.
    #[method(ordinal = 4, retry = idempotent)]
    fn write(&self, path: Path, offset: u64, bytes: Vec<u8, PIECE_BYTES>) -> Result<(), FileError>;
    /// Makes an empty file, or empties the one that is there.
    #[method(ordinal = 5, retry = idempotent)]
    fn create(&self, path: Path) -> Result<(), FileError>;
    /// Makes a directory.
    #[method(ordinal = 6, retry = at_most_once)]
    fn make_directory(&self, path: Path) -> Result<(), FileError>;
    /// Removes a file, or a directory without entries.
    #[method(ordinal = 7, retry = at_most_once)]
    fn remove(&self, path: Path) -> Result<(), FileError>;
    /// Has all that was done before survive a loss of power.
    #[method(ordinal = 8, retry = idempotent)]
    fn sync(&self) -> Result<(), FileError>;
    /// How much room there is.
    #[method(ordinal = 9, retry = idempotent)]
    fn space(&self) -> Result<FileSpace, FileError>;
    /// Writes everything and marks the disk as left in order. The next call of another method uses
    /// it again.
    #[method(ordinal = 10, retry = idempotent)]
    fn leave(&self) -> Result<(), FileError>;
}

/// How often work is done anew that the server died with.
const ATTEMPTS: usize = 16;

/// Does `work` and has it last. A server that dies takes along what it had not promised, so `work` is done
/// anew until one instance has done all of it and had it last: it has to start from the beginning each
/// time.
pub fn lasting(
    files: &FilesClient,
    work: impl Fn() -> Result<(), Failure<FileError>>,
) -> Result<(), Failure<FileError>> {
    for _ in 0..ATTEMPTS {
        // This opens the session with whoever is there now.
        files.sync()?;
        let epoch = files.session().epoch();
        let done = work().and_then(|()| files.sync());
        if files.session().epoch() == epoch {
            return done;
        }
    }
    Err(Failure::Call(CallError::SessionLost))
}
