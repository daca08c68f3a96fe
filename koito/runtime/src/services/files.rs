//! Files by path, with their contents in the messages.

use core::fmt;

use nun::service::{CallError, Failure, String, Vec, Wire};

use super::{
    ErrorNumber, FileTime, FoundNode, Moving, NameIn, NewExtended, NewNode, NodeChanges, NodeSpace,
    NodeStretch,
};

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
    /// The file system is to be read only, by everybody or by this client.
    ReadOnly = 8,
    /// The path or the argument makes no sense.
    Invalid = 9,
    /// The file system contradicts itself, or has features that are not known.
    Corrupt = 10,
    /// There is no disk, or it failed.
    Disk = 11,
    /// It is no regular file.
    NotFile = 12,
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
            Self::NotFile => "it is no regular file",
            Self::Disk => "there is no disk, or it failed",
        })
    }
}

/// Stores files. What was done survives the server as soon as [`sync`](Files::sync) has answered;
/// before, the last changes may be undone by its death or a loss of power, the latest first.
#[nun::service(version = 3)]
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

    /// Puts what a file has at `offset` into the memory of the client's channel, and answers how much: fewer bytes than
    /// `into` has room for only at its end.
    #[method(ordinal = 28, retry = idempotent)]
    fn read_into(&self, path: Path, offset: u64, into: NodeStretch) -> Result<u64, FileError>;

    // By node, for clients with a channel. What a method says of stretches lies in its memory.

    /// The root. What the client held before is released: it begins anew.
    #[method(ordinal = 11, retry = idempotent)]
    fn begin(&self) -> Result<FoundNode, ErrorNumber>;
    /// Holds a node that an earlier instance of the server had given out.
    #[method(ordinal = 12, retry = idempotent)]
    fn hold_again(&self, node: u32, count: u32) -> Result<(), ErrorNumber>;
    /// Gives back `count` holds of a node.
    #[method(ordinal = 13, retry = at_most_once)]
    fn release(&self, node: u32, count: u32) -> Result<(), ErrorNumber>;
    /// What a name leads to.
    #[method(ordinal = 14, retry = idempotent)]
    fn look_up(&self, name: NameIn) -> Result<FoundNode, ErrorNumber>;
    /// The target of a link, and its length.
    #[method(ordinal = 15, retry = idempotent)]
    fn link_target(&self, link: u32, into: NodeStretch) -> Result<u64, ErrorNumber>;
    /// Entries of a directory from `cookie` on, as many as `into` has room for, and their length.
    #[method(ordinal = 16, retry = idempotent)]
    fn entries(&self, directory: u32, cookie: u64, into: NodeStretch) -> Result<u64, ErrorNumber>;
    /// What a file has at `offset`, and how much: fewer bytes than `into` has room for only at its end.
    #[method(ordinal = 17, retry = idempotent)]
    fn read_node(&self, file: u32, offset: u64, into: NodeStretch) -> Result<u64, ErrorNumber>;
    /// Writes to a file at `offset`; answers how many bytes, fewer only if the disk is full.
    #[method(ordinal = 18, retry = idempotent)]
    fn write_node(
        &self,
        file: u32,
        offset: u64,
        from: NodeStretch,
        now: FileTime,
    ) -> Result<u64, ErrorNumber>;
    /// Sets attributes.
    #[method(ordinal = 19, retry = idempotent)]
    fn change_node(
        &self,
        node: u32,
        changes: NodeChanges,
        now: FileTime,
    ) -> Result<(), ErrorNumber>;
    /// Makes a node.
    #[method(ordinal = 20, retry = at_most_once)]
    fn make_node(&self, at: NameIn, new: NewNode, now: FileTime) -> Result<FoundNode, ErrorNumber>;
    /// Gives a node a further name.
    #[method(ordinal = 21, retry = at_most_once)]
    fn link_node(&self, node: u32, at: NameIn, now: FileTime) -> Result<(), ErrorNumber>;
    /// Removes a name, of a directory or of anything else.
    #[method(ordinal = 22, retry = at_most_once)]
    fn remove_name(&self, at: NameIn, directory: bool, now: FileTime) -> Result<(), ErrorNumber>;
    /// Renames.
    #[method(ordinal = 23, retry = at_most_once)]
    fn move_name(
        &self,
        from: NameIn,
        to: NameIn,
        how: Moving,
        now: FileTime,
    ) -> Result<(), ErrorNumber>;
    /// How much room there is.
    #[method(ordinal = 24, retry = idempotent)]
    fn node_space(&self) -> Result<NodeSpace, ErrorNumber>;
    /// Has all that was done before survive a loss of power, if it was done by this instance of the server, whose
    /// epoch the client knows: `EIO` else.
    #[method(ordinal = 25, retry = idempotent)]
    fn sync_since(&self, epoch: u16) -> Result<(), ErrorNumber>;
    /// The extended attributes of a node, and their length.
    #[method(ordinal = 26, retry = idempotent)]
    fn extended(&self, node: u32, into: NodeStretch) -> Result<u64, ErrorNumber>;
    /// Sets an extended attribute: the name of a node's, where both lie.
    #[method(ordinal = 27, retry = idempotent)]
    fn set_extended(
        &self,
        name: NameIn,
        new: NewExtended,
        value: NodeStretch,
        now: FileTime,
    ) -> Result<(), ErrorNumber>;
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
