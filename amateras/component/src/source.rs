//! Where the guest's kernel and initial file system come from: boot modules, or files on KOITO's disk. Those are read
//! again whenever the guest begins.

use core::fmt;

use amateras_vmm::{File, Unreadable};
use koito::Environment;
use koito::services::{FileError, FileKind, FilesClient, NodeStretch, Path};
use nun::mapped::Mapped;
use nun::service::Failure;

/// What the file server is called.
const SERVICE: &str = "files";

/// A kernel or an initial file system.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap, and there are two of them")]
pub enum Source {
    /// A boot module.
    Module(&'static [u8]),
    /// A file on the disk.
    Disk(DiskFile),
}

impl Source {
    fn file(&self) -> &dyn File {
        match self {
            Self::Module(bytes) => bytes,
            Self::Disk(file) => file,
        }
    }
}

impl File for Source {
    fn bytes(&self) -> u64 {
        self.file().bytes()
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        self.file().read(offset, to)
    }
}

/// A file on KOITO's disk.
pub struct DiskFile {
    files: FilesClient,
    path: Path,
    bytes: u64,
    /// The memory that is shared with the file server.
    shared: Mapped,
}

/// Why there is no such file.
pub enum NoFile<'a> {
    /// The manifest entry gives no file server, or this system has none.
    NoServer(&'a str),
    /// It is none, or cannot be had.
    Failed(&'a str, Failure<FileError>),
}

impl fmt::Display for NoFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer(path) => write!(f, "{path}: there is no file server for guests"),
            Self::Failed(path, why) => write!(f, "{path}: {why}"),
        }
    }
}

impl DiskFile {
    /// The regular file at `path`.
    pub fn open<'p>(environment: &Environment, path: &'p str) -> Result<Self, NoFile<'p>> {
        let missing = |_| NoFile::NoServer(path);
        let files = FilesClient::new(environment.service(SERVICE).map_err(missing)?);
        let shared = environment.bulk(|channel| channel.to.as_deref() == Some(SERVICE));
        let shared = shared.map_err(missing)?;
        let failed = |why| NoFile::Failed(path, why);
        let too_long = |_| failed(Failure::Method(FileError::NameTooLong));
        let name = Path::try_from(path).map_err(too_long)?;
        let status = files.status(name.clone()).map_err(failed)?;
        match status.kind {
            FileKind::File => Ok(Self { files, path: name, bytes: status.size, shared }),
            FileKind::Directory => Err(failed(Failure::Method(FileError::IsDirectory))),
            FileKind::Link | FileKind::Other => Err(failed(Failure::Method(FileError::NotFile))),
        }
    }
}

impl fmt::Debug for DiskFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DiskFile({})", self.path)
    }
}

impl File for DiskFile {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        let into = NodeStretch { place: 0, bytes: to.len() as u64 };
        match self.files.read_into(self.path.clone(), offset, into) {
            Ok(length) if length == to.len() as u64 => {
                self.shared.copy_to(0, to);
                Ok(())
            }
            _ => Err(Unreadable),
        }
    }
}
