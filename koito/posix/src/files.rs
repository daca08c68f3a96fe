//! Files whose pages programs map: a cache of the file server's files, by the page.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use koito::services::{FileError, FilesClient, PIECE_BYTES, Path};
use koito_linux::Errno;
use koito_posix_core::{Arena, Key, PAGE_BYTES, Page};
use nun::service::Failure;

use crate::machine::Memory;
use crate::space::Refusal;

/// A file of which pages may be cached.
#[derive(Debug)]
pub struct CachedFile {
    path: Path,
    bytes: u64,
    /// By offset.
    pages: BTreeMap<u64, Page>,
}

/// A file, as areas name it.
pub type FileKey = Key<CachedFile>;

/// All files that were ever mapped.
pub struct Files {
    server: FilesClient,
    known: Arena<CachedFile>,
}

impl Files {
    /// None yet.
    pub const fn new(server: FilesClient) -> Self {
        Self { server, known: Arena::new() }
    }

    /// The file at `path`.
    pub fn open(&mut self, path: &[u8]) -> Result<FileKey, Errno> {
        let text = core::str::from_utf8(path).map_err(|_| Errno::ENOENT)?;
        let path = Path::try_from(text).map_err(|_| Errno::ENAMETOOLONG)?;
        let status = self.server.status(path.clone()).map_err(errno)?;
        let same = |file: &CachedFile| file.path == path && file.bytes == status.size;
        if let Some((key, _)) = self.known.iter().find(|(_, file)| same(file)) {
            return Ok(key);
        }
        Ok(self.known.add(CachedFile { path, bytes: status.size, pages: BTreeMap::new() }))
    }

    /// The page of a file at `offset`, if it is in memory.
    pub fn cached(&self, file: FileKey, offset: u64) -> Option<Page> {
        self.known.get(file)?.pages.get(&offset).copied()
    }

    /// The page of a file at `offset`, a multiple of pages.
    pub fn page(
        &mut self,
        memory: &mut Memory,
        file: FileKey,
        offset: u64,
    ) -> Result<Page, Refusal> {
        let file = self.known.get_mut(file).ok_or(Refusal::PastEnd)?;
        if let Some(page) = file.pages.get(&offset) {
            return Ok(*page);
        }
        if offset >= file.bytes {
            return Err(Refusal::PastEnd);
        }
        let page = memory.take_zero().ok_or(Refusal::NoMemory)?;
        let mapped = memory.page(page);
        for at in (0..PAGE_BYTES).step_by(PIECE_BYTES) {
            match self.server.read(file.path.clone(), offset + at) {
                Ok(bytes) if bytes.is_empty() => break,
                Ok(bytes) => mapped.copy_from(at as usize, &bytes),
                Err(_) => {
                    memory.pool.release(page);
                    return Err(Refusal::PastEnd);
                }
            }
        }
        file.pages.insert(offset, page);
        Ok(page)
    }

    /// Up to a page of a file from `offset` on, to be looked at.
    pub fn read(
        &mut self,
        memory: &mut Memory,
        key: FileKey,
        offset: u64,
        most: usize,
    ) -> Result<Vec<u8>, Errno> {
        let size = self.known.get(key).map_or(0, |file| file.bytes);
        let in_page = (offset % PAGE_BYTES) as usize;
        let left = size.saturating_sub(offset).min(PAGE_BYTES - in_page as u64) as usize;
        if left == 0 {
            return Ok(Vec::new());
        }
        let page = self.page(memory, key, offset - in_page as u64).map_err(|_| Errno::EIO)?;
        let mut bytes = alloc::vec![0; left.min(most)];
        memory.page(page).copy_to(in_page, &mut bytes);
        Ok(bytes)
    }
}

fn errno(failure: Failure<FileError>) -> Errno {
    match failure {
        Failure::Method(FileError::NoEntry) => Errno::ENOENT,
        Failure::Method(FileError::NotDirectory) => Errno::ENOTDIR,
        Failure::Method(FileError::IsDirectory) => Errno::EISDIR,
        Failure::Method(FileError::NameTooLong) => Errno::ENAMETOOLONG,
        _ => Errno::EIO,
    }
}
