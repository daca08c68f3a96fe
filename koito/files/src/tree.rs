//! From paths to nodes, and from the file system's errors to the service's.

use koito::services::{FileError, FileKind, FileSpace, FileStatus, ListedEntry, PIECE_BYTES};
use koito_fs::{Changes, Cookie, Errno, FileSystem, Kind, Maker, New, Node, ROOT, Result, Time};
use nun::service::Vec;

use crate::disk::RemoteDisk;

/// Permissions of new files and directories.
const FILE: u16 = 0o644;
const DIRECTORY: u16 = 0o755;

/// A mounted file system, by paths.
pub struct Tree(pub FileSystem<RemoteDisk>);

/// What a client is told of an error.
pub fn told(errno: Errno) -> FileError {
    match errno {
        Errno::NoEntry => FileError::NoEntry,
        Errno::Exists => FileError::Exists,
        Errno::NotDirectory => FileError::NotDirectory,
        Errno::IsDirectory => FileError::IsDirectory,
        Errno::NotEmpty => FileError::NotEmpty,
        Errno::NoSpace | Errno::FileTooLarge | Errno::TooManyLinks => FileError::NoSpace,
        Errno::NameTooLong => FileError::NameTooLong,
        Errno::ReadOnly => FileError::ReadOnly,
        Errno::Invalid | Errno::Busy => FileError::Invalid,
        Errno::Corrupt | Errno::Unsupported => FileError::Corrupt,
        Errno::Io => FileError::Disk,
    }
}

impl Tree {
    /// The node at `path`.
    pub fn node(&mut self, path: &str) -> Result<Node> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(ROOT, |node, name| self.0.lookup(node, name.as_bytes()))
    }

    /// The directory that `path` lies in, and its last name, which is empty for the root directory.
    fn parent<'p>(&mut self, path: &'p str) -> Result<(Node, &'p [u8])> {
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.node(parent)?, name.as_bytes()))
    }

    /// What is at `path`.
    pub fn status(&mut self, path: &str) -> Result<FileStatus> {
        let node = self.node(path)?;
        let attributes = self.0.attributes(node)?;
        Ok(FileStatus {
            kind: match attributes.kind {
                Kind::File => FileKind::File,
                Kind::Directory => FileKind::Directory,
                Kind::Link => FileKind::Link,
                _ => FileKind::Other,
            },
            size: attributes.size,
            links: attributes.links,
            modified: attributes.modified.seconds.max(0) as u64,
        })
    }

    /// The entry of a directory at `from`.
    pub fn list(&mut self, path: &str, from: u64) -> Result<Option<ListedEntry>> {
        let directory = self.node(path)?;
        let mut found = None;
        self.0.list(directory, Cookie(from), |entry| {
            if found.is_some() {
                return false;
            }
            // No name is longer than there is room for.
            let name = Vec::from_slice(entry.name).unwrap_or_default();
            found = Some(ListedEntry { name, next: entry.next.0 });
            true
        })?;
        Ok(found)
    }

    /// What a file has at `offset`.
    pub fn read(&mut self, path: &str, offset: u64) -> Result<Vec<u8, PIECE_BYTES>> {
        let file = self.node(path)?;
        let mut bytes = [0; PIECE_BYTES];
        let length = self.0.read(file, offset, &mut bytes)?;
        Ok(bytes.into_iter().take(length).collect())
    }

    /// Writes `bytes` at `offset`; answers whether there was room for all of them.
    pub fn write(&mut self, path: &str, offset: u64, bytes: &[u8], now: Time) -> Result<bool> {
        let file = self.node(path)?;
        Ok(self.0.write(file, offset, bytes, now)? == bytes.len())
    }

    /// Makes an empty file, or empties the one that is there.
    pub fn create(&mut self, path: &str, now: Time) -> Result<()> {
        let (directory, name) = self.parent(path)?;
        match self.0.lookup(directory, name) {
            Ok(file) => {
                let empty = Changes { size: Some(0), ..Changes::default() };
                self.0.set_attributes(file, &empty, now)
            }
            Err(error) if error.errno == Errno::NoEntry => self.make(path, New::File, FILE, now),
            Err(error) => Err(error),
        }
    }

    /// Makes a directory.
    pub fn make_directory(&mut self, path: &str, now: Time) -> Result<()> {
        self.make(path, New::Directory, DIRECTORY, now)
    }

    fn make(&mut self, path: &str, new: New<'_>, permissions: u16, now: Time) -> Result<()> {
        let (directory, name) = self.parent(path)?;
        let maker = Maker { permissions, now, ..Maker::default() };
        self.0.create(directory, name, new, maker).map(|_| ())
    }

    /// Removes a file or an empty directory.
    pub fn remove(&mut self, path: &str, now: Time) -> Result<()> {
        let (directory, name) = self.parent(path)?;
        let node = self.0.lookup(directory, name)?;
        match self.0.attributes(node)?.kind {
            Kind::Directory => self.0.remove_directory(directory, name, now),
            _ => self.0.unlink(directory, name, now),
        }
    }

    /// How much room there is.
    pub fn space(&self) -> FileSpace {
        let space = self.0.space();
        let bytes = space.block_bytes as u64;
        FileSpace { bytes: space.blocks * bytes, free: space.free_blocks * bytes }
    }
}
