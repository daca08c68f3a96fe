//! Listing directories so that a listing can stop and go on while names come and go.
//!
//! Directories with an index, and those of one block that may get one, are listed in the order of
//! their names' hashes: blocks that split do not disturb that. Others, whose entries never move, in
//! the order of their blocks.

use alloc::vec::Vec;

use koito_block::BlockDevice;

use super::{Directory, block, index};
use crate::attributes::{Cookie, Entry, Kind, Node};
use crate::error::Result;
use crate::filesystem::FileSystem;

/// Cookies below this are for `.` and `..` in hash order.
const FIRST_NAME: u64 = 2;

/// An entry in hash order: cookie, name, inode, type.
type Sorted = (u64, Vec<u8>, u32, u8);

impl<D: BlockDevice> FileSystem<D> {
    /// Lists `directory` from `from` on. `take` gets one entry after the other and answers whether
    /// it wants more; one that it does not take comes again from the cookie before it. What exists
    /// all the time is listed once.
    pub fn list(
        &mut self,
        directory: Node,
        from: Cookie,
        mut take: impl FnMut(&Entry<'_>) -> bool,
    ) -> Result<()> {
        self.node(directory)?;
        let directory = self.directory(directory.0)?;
        let one_block = self.directory_blocks(&directory) == 1;
        if self.is_indexed(&directory) || (one_block && self.superblock.has_hashed_directories()) {
            self.list_by_hash(&directory, from.0, &mut take)
        } else {
            self.list_by_place(&directory, from.0, &mut take)
        }
    }

    fn list_by_place(
        &mut self,
        directory: &Directory,
        from: u64,
        take: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<()> {
        let bytes = self.superblock.block_bytes as u64;
        let first = u32::try_from(from / bytes).unwrap_or(u32::MAX);
        for logical in first..self.directory_blocks(directory) {
            let start = u64::from(logical) * bytes;
            let block = self.directory_block(directory, logical)?;
            for slot in block::slots(self.cache.read(block)?, 0) {
                let slot = slot?;
                let next = Cookie(start + (slot.at + slot.length) as u64);
                if slot.is_used()
                    && start + slot.at as u64 >= from
                    && !take(&entry(slot.name, slot.inode, slot.kind, next))
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn list_by_hash(
        &mut self,
        directory: &Directory,
        from: u64,
        take: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<()> {
        let parent = self.parent(directory)?.inode;
        let kind = Kind::Directory.entry_type();
        let dots: [(&[u8], u32); 2] = [(b".", directory.number), (b"..", parent)];
        for (cookie, (name, inode)) in (0..FIRST_NAME).zip(dots) {
            if from <= cookie && !take(&entry(name, inode, kind, Cookie(cookie + 1))) {
                return Ok(());
            }
        }
        if !self.is_indexed(directory) {
            self.list_leaf(directory, 0, self.superblock.hash_version(), from, take)?;
            return Ok(());
        }
        let root = self.directory_block(directory, 0)?;
        let version = index::info(self.cache.read(root)?)?.version;
        let mut way = self.way_to(directory, (from >> 32) as u32 & !1)?;
        for _ in 0..self.directory_blocks(directory) {
            if !self.list_leaf(directory, way.leaf, version, from, take)?
                || self.next_leaf(directory, &mut way)?.is_none()
            {
                break;
            }
        }
        Ok(())
    }

    /// Lists one block in hash order, and answers whether more is wanted.
    fn list_leaf(
        &mut self,
        directory: &Directory,
        logical: u32,
        version: u8,
        from: u64,
        take: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<bool> {
        let hasher = self.hasher(version.min(2));
        let block = self.directory_block(directory, logical)?;
        let mut sorted: Vec<Sorted> = Vec::new();
        for slot in block::slots(self.cache.read(block)?, 0) {
            let slot = slot?;
            if slot.is_used() && slot.name != b"." && slot.name != b".." {
                let hash = hasher.hash(slot.name);
                let cookie = u64::from(hash.major) << 32 | u64::from(hash.minor);
                let cookie = cookie.max(FIRST_NAME);
                if cookie >= from {
                    sorted.push((cookie, slot.name.to_vec(), slot.inode, slot.kind));
                }
            }
        }
        sorted.sort();
        Ok(sorted.iter().all(|(cookie, name, inode, kind)| {
            take(&entry(name, *inode, *kind, Cookie(cookie + 1)))
        }))
    }
}

fn entry(name: &[u8], inode: u32, kind: u8, next: Cookie) -> Entry<'_> {
    Entry { name, node: Node(inode), kind: Kind::from_entry_type(kind), next }
}
