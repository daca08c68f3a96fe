//! Room on the file server's disk for what is written back later. It is promised when something is written: whoever was
//! told that it is written must not find it lost because others were faster.

use core::ops::Range;

use koito_linux::Errno;

use crate::inode::{Inode, InodeId};
use crate::page::{PAGE_BYTES, Pages};
use crate::remote::{Ask, Reported};
use crate::stop::{Result, Stop, fail};
use crate::vfs::Vfs;

/// Pages that stay free for what the file server needs beside contents, and which part of what is promised comes on top.
const SPARE: u64 = 64;
const SPARE_PART: u64 = 32;
/// What a new name takes, at most.
const NAME: u64 = 2;

/// What is known of the room on the file server's disk, in pages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    /// So much is free at least, promised or not.
    free: u64,
    /// The file server has just told of it, and nobody was refused anything yet.
    is_fresh: bool,
    /// Promised to pages that are only here.
    pub promised: u64,
    /// On their way to the file server.
    under_way: u64,
}

impl Room {
    const fn has(&self, needed: u64) -> bool {
        let taken = self.promised + needed;
        taken + taken / SPARE_PART + SPARE <= self.free
    }

    /// Pages are sent to the file server; so many of them had only a promise.
    pub const fn take(&mut self, bytes: usize, promised: u64) {
        self.promised -= promised;
        self.free = self.free.saturating_sub(promised);
        self.under_way += pages(bytes);
    }
}

/// Pages of so many bytes.
const fn pages(bytes: usize) -> u64 {
    bytes.div_ceil(PAGE_BYTES) as u64
}

impl Inode {
    /// Whether a page has its place on the disk, or a promise of one.
    fn has_place(&self, index: u32) -> bool {
        let cached = self.content().ok().and_then(|content| content.pages.get(&index));
        let is_dense = || self.remote.as_ref().is_some_and(|it| index < it.dense);
        cached.map_or_else(is_dense, |it| it.placed || it.dirty)
    }
}

impl<P: Pages> Vfs<P> {
    /// Sees to it that there is room for what is to be written to these pages of a file of the server's; `ENOSPC` if
    /// there is none.
    pub(crate) fn find_room(&mut self, inode: InodeId, pages: Range<u32>) -> Result<()> {
        if self.room.has(u64::from(pages.end - pages.start)) {
            return Ok(());
        }
        let it = &self.inodes[inode];
        let needed = pages.filter(|index| !it.has_place(*index)).count();
        self.find_free(inode, needed as u64)
    }

    /// The same for a page of any file, which is mapped and about to be written.
    pub fn find_room_for_page(&mut self, inode: InodeId, index: u32) -> Result<()> {
        match self.inodes[inode].remote {
            Some(_) => self.find_room(inode, index..index + 1),
            None => Ok(()),
        }
    }

    /// The same for a new name in a directory of the server's.
    pub(crate) fn find_room_for_name(&mut self, directory: InodeId) -> Result<()> {
        self.find_free(directory, NAME)
    }

    fn find_free(&mut self, inode: InodeId, needed: u64) -> Result<()> {
        if needed == 0 || self.room.has(needed) {
            return Ok(());
        }
        // What was known may be old by now.
        if !core::mem::take(&mut self.room.is_fresh) {
            return Err(Stop::Fetch(self.request_of(inode, Ask::Space)));
        }
        // More may be promised than is needed.
        match self.room.promised + self.room.under_way {
            0 => fail(Errno::ENOSPC),
            _ => self.wait_for_room(),
        }
    }

    /// The file server told how much room there is, but for what it was not sent then.
    pub(crate) fn room_told(&mut self, space: &Reported) {
        let free = space.blocks.1.saturating_mul(space.block_bytes) / PAGE_BYTES as u64;
        self.room.free = free.saturating_sub(self.room.under_way);
        self.room.is_fresh = true;
    }

    /// The file server has answered to pages from `first` on; they have no place if it had none.
    pub(crate) fn room_answered(
        &mut self,
        inode: InodeId,
        (first, bytes): (u32, usize),
        placed: bool,
    ) {
        self.room.under_way -= pages(bytes);
        if placed {
            return;
        }
        let it = &mut self.inodes[inode];
        if let Some(remote) = &mut it.remote {
            remote.dense = remote.dense.min(first);
        }
        let mut lost = 0;
        if let Ok(content) = it.content_mut() {
            for (_, cached) in content.pages.range_mut(first..first + pages(bytes) as u32) {
                lost += u64::from(cached.dirty && cached.placed);
                cached.placed = false;
            }
        }
        self.room.promised += lost;
    }
}
