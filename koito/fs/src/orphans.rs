//! Deleting: nodes without names, and the list that makes it survive a crash.
//!
//! A large file is freed piece by piece, in as many transactions as it takes. Until that is done,
//! and as long as somebody holds a node without names, its inode is in a list that starts in the
//! superblock; who mounts finishes what is on it.

use koito_block::BlockDevice;

use crate::allocate::Contents;
use crate::attributes::Kind;
use crate::error::{Result, corrupt};
use crate::extent::Progress;
use crate::filesystem::{CREDITS, FileSystem};
use crate::inode::{EXTENTS, Inode, Stamp};

/// Files of at most this many blocks are freed in one piece.
const SMALL: u64 = 1024;

impl<D: BlockDevice> FileSystem<D> {
    /// A node loses a name; with the last one it goes, unless somebody holds it. Comes last in an
    /// operation: it may commit.
    pub(crate) fn drop_name(&mut self, number: u32, mut inode: Inode) -> Result<()> {
        let left = if inode.kind() == Some(Kind::Directory) { 0 } else { inode.links() - 1 };
        inode.set_links(left);
        inode.set_time(Stamp::Change, self.now);
        self.keep(number, inode);
        if left > 0 {
            return Ok(());
        }
        if self.cached(number)?.holds > 0 {
            return self.enlist(number);
        }
        self.reap(number)
    }

    /// Frees a node that has no names and that nobody holds.
    pub(crate) fn reap(&mut self, number: u32) -> Result<()> {
        let inode = self.cached(number)?.inode.clone();
        if inode.kind().is_none() || inode.links() > 0 {
            return Err(corrupt("orphan: it is in use"));
        }
        self.cut(number, 0)?;
        let mut inode = self.cached(number)?.inode.clone();
        self.release_attributes(&mut inode)?;
        self.delist(number, &mut inode)?;
        self.free_inode(number, inode)
    }

    /// Frees all blocks of a file from `keep` on. If that takes more than one transaction, the
    /// file is in the list of orphans meanwhile.
    pub(crate) fn cut(&mut self, number: u32, keep: u32) -> Result<()> {
        let mut inode = self.cached(number)?.inode.clone();
        if inode.flags() & EXTENTS == 0 {
            return Ok(());
        }
        let contents = match inode.kind() {
            Some(Kind::Directory) => Contents::Structure,
            _ => Contents::Data,
        };
        let blocks = inode.sectors(&self.superblock) * 512 / self.superblock.block_bytes as u64;
        let small = blocks <= SMALL && crate::extent::is_shallow(&inode);
        if !small {
            self.enlist(number)?;
            inode = self.cached(number)?.inode.clone();
        }
        while self.cut_blocks(&mut inode, number, keep, contents)? == Progress::More {
            self.keep(number, inode.clone());
            if !small {
                self.begin(CREDITS)?;
            }
        }
        if !small && inode.links() > 0 {
            self.delist(number, &mut inode)?;
        }
        self.keep(number, inode);
        Ok(())
    }

    /// Puts an inode at the head of the list of orphans.
    fn enlist(&mut self, number: u32) -> Result<()> {
        if !self.orphans.contains(&number) {
            let mut inode = self.cached(number)?.inode.clone();
            inode.set_deletion(self.superblock.last_orphan());
            self.keep(number, inode);
            self.set_last_orphan(number);
            self.orphans.push(number);
        }
        Ok(())
    }

    /// Takes an inode out of the list of orphans, if it is there.
    fn delist(&mut self, number: u32, inode: &mut Inode) -> Result<()> {
        let Some(place) = self.orphans.iter().position(|orphan| *orphan == number) else {
            return Ok(());
        };
        let next = inode.deletion();
        inode.set_deletion(0);
        match self.orphans.get(place + 1).copied() {
            Some(before) => {
                let mut other = self.cached(before)?.inode.clone();
                other.set_deletion(next);
                self.keep(before, other);
            }
            None => self.set_last_orphan(next),
        }
        self.orphans.remove(place);
        Ok(())
    }

    fn set_last_orphan(&mut self, number: u32) {
        self.superblock.set_last_orphan(number);
        self.transaction.superblock = true;
        self.transaction.changes += 1;
    }

    /// Finishes what a crash interrupted: deletes nodes without names, shortens files to their
    /// size.
    pub(crate) fn finish_orphans(&mut self) -> Result<()> {
        for _ in 0..self.superblock.inodes() {
            let number = self.superblock.last_orphan();
            if number == 0 {
                return Ok(());
            }
            if number < self.superblock.first_inode() || number > self.superblock.inodes() {
                return Err(corrupt("orphan: impossible number"));
            }
            self.begin(CREDITS)?;
            self.orphans = alloc::vec![number];
            let mut inode = self.cached(number)?.inode.clone();
            if inode.links() == 0 {
                self.reap(number)?;
            } else {
                self.shorten(number)?;
                inode = self.cached(number)?.inode.clone();
                self.delist(number, &mut inode)?;
                self.keep(number, inode);
            }
        }
        Err(corrupt("orphan: the list has no end"))
    }
}
