//! Files whose pages programs map: pages of the VFS's cache.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::{Area, Arena, Backing, PAGE_BYTES, Page};
use koito_vfs::{FileId, InodeId, Object, Stop};

use crate::disk::Acting;
use crate::server::{Server, World};
use crate::space::{Refusal, Space};

/// A file, as areas name it. It is held for as long as an area may need it.
pub type FileKey = FileId;

/// The files that areas name.
#[derive(Default)]
pub struct MappedFiles {
    files: Vec<FileKey>,
    /// With so many it is looked which are still needed.
    limit: usize,
}

impl Server {
    /// Takes away what programs have mapped of files behind their ends, as far as those moved.
    pub fn settle_cuts(&mut self) {
        while let Some((inode, size)) = self.world.vfs.next_cut() {
            let is_it = |key: &FileKey| self.world.inode(*key) == Ok(inode);
            let keys: Vec<FileKey> =
                self.world.mapped.files.iter().copied().filter(is_it).collect();
            if keys.is_empty() {
                continue;
            }
            let kept = size.next_multiple_of(PAGE_BYTES);
            for (_, space) in self.spaces.iter_mut() {
                let behind = |(start, area): (u64, &Area<FileKey>)| match &area.backing {
                    Backing::File { file, offset } if keys.contains(file) => {
                        let from = start.saturating_add(kept.saturating_sub(*offset));
                        (from < area.end).then_some(from..area.end)
                    }
                    _ => None,
                };
                let cuts: Vec<_> = space.areas.iter().filter_map(behind).collect();
                for range in cuts {
                    space.drop_pages(&mut self.world, range);
                }
            }
        }
    }
}

impl World {
    fn inode(&self, file: FileKey) -> Result<InodeId, Errno> {
        match self.vfs.object(file) {
            Object::File(inode) => Ok(*inode),
            _ => Err(Errno::ENODEV),
        }
    }

    /// An open file, as areas name it; `ENODEV` if it is none that can be mapped.
    pub fn map_file(&mut self, file: FileId) -> Result<FileKey, Errno> {
        let inode = self.inode(file)?;
        let known = |key: &FileKey| self.inode(*key) == Ok(inode);
        if let Some(key) = self.mapped.files.iter().copied().find(known) {
            return Ok(key);
        }
        self.vfs.share(file);
        self.mapped.files.push(file);
        Ok(file)
    }

    /// Closes those files that no area names any more, when there are many. Nobody may be about to enter an
    /// area.
    pub fn forget_unmapped(&mut self, spaces: &Arena<Space>) {
        if self.mapped.files.len() >= self.mapped.limit {
            self.forget_all_unmapped(spaces);
        }
    }

    /// The same however few they are.
    pub fn forget_all_unmapped(&mut self, spaces: &Arena<Space>) {
        let mut needed: Vec<FileKey> = Vec::new();
        for (_, space) in spaces.iter() {
            for (_, area) in space.areas.within(0..u64::MAX) {
                if let Backing::File { file, .. } = &area.backing {
                    needed.push(*file);
                }
            }
        }
        for file in core::mem::take(&mut self.mapped.files) {
            if needed.contains(&file) {
                self.mapped.files.push(file);
            } else {
                self.vfs.close(file);
            }
        }
        self.mapped.limit = 2 * self.mapped.files.len() + 16;
    }

    /// Those of a file's pages from `offset` on that are in memory, `N` at most.
    pub fn cached_pages<const N: usize>(&self, file: FileKey, offset: u64) -> [Option<Page>; N] {
        let mut pages = [None; N];
        if let (Ok(inode), Ok(index)) = (self.inode(file), u32::try_from(offset / PAGE_BYTES)) {
            self.vfs.cached_pages(inode, index, &mut pages);
        }
        pages.map(|page| page.map(|page| Page(page.0)))
    }

    /// The page of a file at `offset`, a multiple of pages; to be written, if `writes`.
    pub fn file_page(&mut self, file: FileKey, offset: u64, writes: bool) -> Result<Page, Refusal> {
        let inode = self.inode(file).map_err(|_| Refusal::PastEnd)?;
        if offset >= self.vfs.file_status(file).attributes.size {
            return Err(Refusal::PastEnd);
        }
        let index = u32::try_from(offset / PAGE_BYTES).map_err(|_| Refusal::PastEnd)?;
        loop {
            let room = if writes { self.vfs.find_room_for_page(inode, index) } else { Ok(()) };
            match room.and_then(|()| self.vfs.page(inode, index)) {
                Ok(page) => {
                    if writes {
                        self.vfs.mark_dirty(inode, index);
                    }
                    return Ok(Page(page.0));
                }
                Err(Stop::Fetch(request)) => {
                    let Self { vfs, disk, acting, .. } = self;
                    disk.ask(vfs, request, acting).map_err(|_| Refusal::PastEnd)?;
                    if let Acting::Awaiting(ticket) = *acting {
                        return Err(Refusal::Awaited(ticket));
                    }
                }
                // Files in memory have a limit of their own: nobody's end would help.
                Err(Stop::Error(Errno::ENOSPC)) if self.vfs.pages.pool.free() == 0 => {
                    return Err(Refusal::NoMemory);
                }
                Err(Stop::Wait(_)) => self.disk.catch_up(&mut self.vfs),
                Err(_) => return Err(Refusal::PastEnd),
            }
        }
    }

    /// The page of a file at `offset` was written by a program that has it mapped.
    pub fn note_written(&mut self, file: FileKey, offset: u64) {
        if let (Ok(inode), Ok(index)) = (self.inode(file), u32::try_from(offset / PAGE_BYTES)) {
            self.vfs.mark_dirty(inode, index);
        }
    }

    /// Up to a page of a file from `offset` on, to be looked at.
    pub fn look(&mut self, file: FileKey, offset: u64, most: usize) -> Result<Vec<u8>, Errno> {
        let size = self.vfs.file_status(file).attributes.size;
        let in_page = (offset % PAGE_BYTES) as usize;
        let left = size.saturating_sub(offset).min(PAGE_BYTES - in_page as u64) as usize;
        if left == 0 {
            return Ok(Vec::new());
        }
        let page = self.file_page(file, offset - in_page as u64, false).map_err(|_| Errno::EIO)?;
        let mut bytes = alloc::vec![0; left.min(most)];
        self.vfs.pages.page(page).copy_to(in_page, &mut bytes);
        Ok(bytes)
    }
}
