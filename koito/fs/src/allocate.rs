//! Which blocks and inodes are in use: the bitmaps.

use koito_block::BlockDevice;

use crate::attributes::Kind;
use crate::bitmap;
use crate::checksum::crc32c;
use crate::error::{Errno, Error, Result, corrupt};
use crate::filesystem::FileSystem;
use crate::groups::{BLOCKS_UNWRITTEN, INODES_UNWRITTEN};
use crate::inode::Inode;
use crate::journal::Seal;
use crate::superblock::Protection;

/// A free run of this many blocks is worth looking for further away.
const GOOD_RUN: u32 = 16;

/// What freed blocks held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Contents of a file.
    Data,
    /// Structure, of which the log may have copies.
    Structure,
}

impl<D: BlockDevice> FileSystem<D> {
    fn split_block(&self, block: u64) -> (u32, u32) {
        let index = block - self.superblock.first_block;
        let group_blocks = u64::from(self.superblock.group_blocks);
        ((index / group_blocks) as u32, (index % group_blocks) as u32)
    }

    /// Whether `count` blocks from `start` on can belong to a file.
    pub(crate) fn can_own(&self, start: u64, count: u64) -> bool {
        let end = start.checked_add(count);
        start > self.superblock.first_block
            && end.is_some_and(|end| end <= self.superblock.blocks)
            && !self.groups.holds_structure(start, count)
    }

    /// The block bitmap of `group`, made if it was never written.
    fn block_bitmap(&mut self, group: u32) -> Result<&[u8]> {
        let descriptor = self.groups.get(group);
        let (block, wanted) = (descriptor.block_bitmap, descriptor.block_checksum);
        if descriptor.flags & BLOCKS_UNWRITTEN != 0 {
            self.groups.change(group).flags &= !BLOCKS_UNWRITTEN;
            let start = self.superblock.group_start(group);
            let blocks = self.superblock.blocks_in(group);
            let bits = self.cache.block_bytes() as u32 * 8;
            self.transaction.change(block, Seal::Plain);
            let raw = self.cache.replace(block, koito_block::Use::Held)?;
            for (first, end) in self.groups.structure_in(start, start + u64::from(blocks)) {
                bitmap::set(raw, (first - start) as u32, (end - first) as u32);
            }
            bitmap::set(raw, blocks, bits - blocks);
        }
        let bytes = self.superblock.group_blocks as usize / 8;
        let check = self.bitmap_check(bytes, wanted);
        self.structure(block, check, "block bitmap: wrong checksum")
    }

    /// The inode bitmap of `group`, made if it was never written.
    fn inode_bitmap(&mut self, group: u32) -> Result<&[u8]> {
        let descriptor = self.groups.get(group);
        let (block, wanted) = (descriptor.inode_bitmap, descriptor.inode_checksum);
        if descriptor.flags & INODES_UNWRITTEN != 0 {
            self.groups.change(group).flags &= !INODES_UNWRITTEN;
            let inodes = self.superblock.group_inodes;
            let bits = self.cache.block_bytes() as u32 * 8;
            bitmap::set(self.fresh(block, Seal::Plain)?, inodes, bits - inodes);
        }
        let bytes = self.superblock.group_inodes as usize / 8;
        let check = self.bitmap_check(bytes, wanted);
        self.structure(block, check, "inode bitmap: wrong checksum")
    }

    fn bitmap_check(&self, bytes: usize, wanted: u32) -> impl FnOnce(&[u8]) -> bool + use<D> {
        let protected = self.superblock.protection == Protection::Everything;
        let mask = if self.superblock.descriptor_bytes >= 64 { u32::MAX } else { 0xffff };
        let seed = self.superblock.seed;
        move |bits| !protected || (crc32c(seed, &bits[..bytes]) ^ wanted) & mask == 0
    }

    /// Allocates up to `wanted` consecutive blocks, at or near `goal`: the first, and how many.
    pub(crate) fn allocate(&mut self, goal: u64, wanted: u32) -> Result<(u64, u32)> {
        let goal = if self.can_own(goal, 1) { goal } else { self.superblock.first_block + 1 };
        let (first_group, at) = self.split_block(goal);
        let groups = self.superblock.groups;
        for enough in [wanted.min(GOOD_RUN), 1] {
            for step in 0..=groups {
                let group = (first_group + step) % groups;
                let from = if step == 0 { at } else { 0 };
                if self.groups.get(group).free_blocks > 0
                    && let Some((start, count)) = self.find_run(group, from, wanted, enough)?
                {
                    return self.take_run(group, start, count);
                }
            }
        }
        Err(Error::new(Errno::NoSpace, "no block is left"))
    }

    /// A run of at least `enough` and at most `wanted` free blocks in `group`, from block `from` of
    /// it on. A run right there is taken however short, for it continues a file.
    fn find_run(
        &mut self,
        group: u32,
        from: u32,
        wanted: u32,
        enough: u32,
    ) -> Result<Option<(u32, u32)>> {
        let end = self.superblock.blocks_in(group);
        let base = self.superblock.group_start(group);
        self.block_bitmap(group)?;
        let block = self.groups.get(group).block_bitmap;
        let bits = self.cache.read(block)?;
        let mut at = from;
        while let Some(start) = bitmap::first_clear(bits, at, end) {
            let run = bitmap::clear_run(bits, start, end.min(start + wanted));
            match self.transaction.usable(base + u64::from(start), run.into()) {
                Ok(usable) if usable as u32 >= enough || (start == from && from > 0) => {
                    return Ok(Some((start, usable as u32)));
                }
                Ok(usable) => at = start + usable as u32,
                Err(behind) => at = (behind - base).min(end.into()) as u32,
            }
        }
        Ok(None)
    }

    fn take_run(&mut self, group: u32, start: u32, count: u32) -> Result<(u64, u32)> {
        let descriptor = self.groups.change(group);
        descriptor.free_blocks = descriptor
            .free_blocks
            .checked_sub(count)
            .ok_or(corrupt("group descriptor: fewer blocks free than the bitmap says"))?;
        let block = descriptor.block_bitmap;
        bitmap::set(self.change(block, Seal::Plain)?, start, count);
        Ok((self.superblock.group_start(group) + u64::from(start), count))
    }

    /// Frees `count` blocks from `start` on. They are used again only after the next commit.
    pub(crate) fn free(&mut self, start: u64, count: u64, contents: Contents) -> Result<()> {
        if !self.can_own(start, count) {
            return Err(corrupt("a file owns blocks that are not for files"));
        }
        self.cache.forget(start, count);
        for block in start..start + count {
            self.transaction.changed.remove(&block);
            if contents == Contents::Structure {
                self.transaction.revoked.insert(block);
            }
        }
        self.transaction.free(start, count);
        let mut first = start;
        while first < start + count {
            let (group, at) = self.split_block(first);
            let here = (start + count - first).min((self.superblock.blocks_in(group) - at).into());
            self.block_bitmap(group)?;
            let descriptor = self.groups.change(group);
            descriptor.free_blocks += here as u32;
            let bitmap = descriptor.block_bitmap;
            if !bitmap::clear(self.change(bitmap, Seal::Plain)?, at, here as u32) {
                return Err(corrupt("block bitmap: a block in use is marked free"));
            }
            first += here;
        }
        Ok(())
    }

    /// Allocates an inode for a node of this kind in a directory, which is inode `parent`.
    pub(crate) fn allocate_inode(&mut self, parent: u32, kind: Kind) -> Result<u32> {
        let first_group = self.split_inode(parent).0;
        let groups = self.superblock.groups;
        // Directories spread, so that what is in them can stay near.
        let (inodes, blocks) = match kind {
            Kind::Directory => (
                self.groups.free_inodes() / groups,
                (self.groups.free_blocks() / u64::from(groups)) as u32,
            ),
            _ => (1, 1),
        };
        for (inodes, blocks) in [(inodes.max(1), blocks), (1, 0)] {
            for step in 0..groups {
                let group = (first_group + step) % groups;
                let descriptor = self.groups.get(group);
                if descriptor.free_inodes >= inodes
                    && descriptor.free_blocks >= blocks
                    && let Some(at) = self.find_inode(group)?
                {
                    return self.take_inode(group, at, kind);
                }
            }
        }
        Err(Error::new(Errno::NoSpace, "no inode is left"))
    }

    fn find_inode(&mut self, group: u32) -> Result<Option<u32>> {
        let inodes = self.superblock.group_inodes;
        let first = if group == 0 { self.superblock.first_inode() - 1 } else { 0 };
        Ok(bitmap::first_clear(self.inode_bitmap(group)?, first, inodes))
    }

    fn take_inode(&mut self, group: u32, at: u32, kind: Kind) -> Result<u32> {
        // A group with inodes in use must not have an unwritten block bitmap.
        self.block_bitmap(group)?;
        let inodes = self.superblock.group_inodes;
        let descriptor = self.groups.change(group);
        descriptor.free_inodes = descriptor
            .free_inodes
            .checked_sub(1)
            .ok_or(corrupt("group descriptor: fewer inodes free than the bitmap says"))?;
        descriptor.unused_inodes = descriptor.unused_inodes.min(inodes - at - 1);
        descriptor.directories += u32::from(kind == Kind::Directory);
        let bitmap = descriptor.inode_bitmap;
        bitmap::set(self.change(bitmap, Seal::Plain)?, at, 1);
        Ok(group * inodes + at + 1)
    }

    /// Frees inode `number`, which has neither names nor blocks.
    pub(crate) fn free_inode(&mut self, number: u32, mut inode: Inode) -> Result<()> {
        let (group, at) = self.split_inode(number);
        self.inode_bitmap(group)?;
        let is_directory = inode.kind() == Some(Kind::Directory);
        let descriptor = self.groups.change(group);
        descriptor.free_inodes += 1;
        descriptor.directories = descriptor.directories.saturating_sub(is_directory.into());
        let bitmap = descriptor.inode_bitmap;
        if !bitmap::clear(self.change(bitmap, Seal::Plain)?, at, 1) {
            return Err(corrupt("inode bitmap: an inode in use is marked free"));
        }
        inode.set_links(0);
        inode.set_size(0);
        // A smaller number would look like the next in a list of orphans.
        inode.set_deletion((self.now.seconds as u32).max(self.superblock.inodes() + 1));
        self.keep(number, inode);
        Ok(())
    }
}
