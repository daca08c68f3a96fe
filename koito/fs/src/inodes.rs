//! Inodes in memory: read once, changed there, stored by the commit.

use koito_block::{BlockDevice, Use};

use crate::attributes::Node;
use crate::error::{Errno, Error, Result, corrupt};
use crate::filesystem::FileSystem;
use crate::inode::Inode;
use crate::journal::Seal;

/// Inodes that nobody holds, kept in memory, at most.
const MOST_IDLE: usize = 1024;

/// An inode in memory.
#[derive(Clone, Debug)]
pub struct Cached {
    /// Its contents.
    pub inode: Inode,
    /// How often it is held.
    pub holds: u32,
    /// Where a sequential reader would go on.
    pub next_read: u64,
    /// Blocks to read ahead of a sequential reader.
    pub window: u32,
}

impl<D: BlockDevice> FileSystem<D> {
    /// Where inode `number` lies: block, and offset within.
    fn place(&self, number: u32) -> Result<(u64, usize)> {
        if number == 0 || number > self.superblock.inodes() {
            return Err(corrupt("inode: number beyond the file system"));
        }
        let (group, at) = self.split_inode(number);
        let bytes = at as usize * self.superblock.inode_bytes;
        let block =
            self.groups.get(group).inode_table + (bytes / self.superblock.block_bytes) as u64;
        Ok((block, bytes % self.superblock.block_bytes))
    }

    /// The group of inode `number`, and its place in it.
    pub(crate) fn split_inode(&self, number: u32) -> (u32, u32) {
        let index = number - 1;
        (index / self.superblock.group_inodes, index % self.superblock.group_inodes)
    }

    /// Inode `number` in memory, whatever it holds.
    pub(crate) fn cached(&mut self, number: u32) -> Result<&mut Cached> {
        if !self.inodes.contains_key(&number) {
            let (block, at) = self.place(number)?;
            let raw = &self.cache.read(block)?[at..at + self.superblock.inode_bytes];
            if !Inode::is_intact(raw, number, &self.superblock) {
                return Err(corrupt("inode: wrong checksum"));
            }
            let inode = Inode::decode(raw);
            self.put(number, inode);
        }
        self.inodes.get_mut(&number).ok_or(corrupt("inode: it is not in memory"))
    }

    /// A copy of inode `number`, which is in use.
    pub(crate) fn inode(&mut self, number: u32) -> Result<Inode> {
        let held = self.inodes.get(&number).is_some_and(|cached| cached.holds > 0);
        let inode = &self.cached(number)?.inode;
        if inode.kind().is_none() || (inode.links() == 0 && !held) {
            return Err(Error::new(Errno::NoEntry, "node: it is not in use"));
        }
        Ok(inode.clone())
    }

    /// The inode of a node that a user named.
    pub(crate) fn node(&mut self, node: Node) -> Result<Inode> {
        let reserved = node.0 < self.superblock.first_inode() && node != crate::ROOT;
        if reserved || node.0 > self.superblock.inodes() {
            return Err(Error::new(Errno::NoEntry, "node: there is none of this number"));
        }
        self.inode(node.0)
    }

    /// Changes inode `number` to `inode`.
    pub(crate) fn keep(&mut self, number: u32, inode: Inode) {
        self.transaction.change_inode(number);
        self.put(number, inode);
    }

    fn put(&mut self, number: u32, inode: Inode) {
        match self.inodes.get_mut(&number) {
            Some(cached) => cached.inode = inode,
            None => {
                let cached = Cached { inode, holds: 0, next_read: 0, window: 0 };
                self.inodes.insert(number, cached);
            }
        }
    }

    /// Stores all changed inodes into their blocks.
    pub(crate) fn store_inodes(&mut self) -> Result<()> {
        for number in core::mem::take(&mut self.transaction.inodes) {
            let (block, at) = self.place(number)?;
            self.transaction.change(block, Seal::Plain);
            let raw = &mut self.cache.update(block, Use::Held)?[at..];
            if let Some(cached) = self.inodes.get(&number) {
                let raw = &mut raw[..self.superblock.inode_bytes];
                cached.inode.encode(raw, number, &self.superblock);
            }
        }
        Ok(())
    }

    /// Forgets inodes that nobody needs, when there are too many.
    pub(crate) fn trim_inodes(&mut self) {
        if self.inodes.len() > MOST_IDLE + self.transaction.inodes.len() {
            let changed = &self.transaction.inodes;
            self.inodes.retain(|number, cached| cached.holds > 0 || changed.contains(number));
        }
    }

    /// Says that `node` is in use: it outlives its last name until it is released as often.
    pub fn hold(&mut self, node: Node) -> Result<()> {
        self.node(node)?;
        let holds = &mut self.cached(node.0)?.holds;
        *holds = holds.checked_add(1).ok_or(Error::new(Errno::Busy, "node: held too often"))?;
        Ok(())
    }

    /// Takes back one [`hold`](Self::hold). A node without names that nobody holds any more is
    /// deleted.
    pub fn release(&mut self, node: Node) -> Result<()> {
        let cached = self.inodes.get_mut(&node.0).filter(|cached| cached.holds > 0);
        let cached = cached.ok_or(Error::new(Errno::Invalid, "node: it is not held"))?;
        cached.holds -= 1;
        if cached.holds == 0 && cached.inode.links() == 0 && cached.inode.kind().is_some() {
            let now = self.now;
            return self.changing(now, |this| this.reap(node.0));
        }
        self.trim_inodes();
        Ok(())
    }
}
