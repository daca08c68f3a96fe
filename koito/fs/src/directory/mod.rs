//! Directories: names, and the nodes that they stand for.
//!
//! A directory is a file of blocks of entries. One that outgrows its first block gets an index by
//! the hash of names, so that finding a name takes two or three blocks however many there are.

mod block;
mod grow;
mod hash;
mod index;
mod list;

use koito_block::BlockDevice;

use crate::attributes::Kind;
use crate::error::{Errno, Error, Result, corrupt};
use crate::extent::Mapping;
use crate::filesystem::FileSystem;
use crate::inode::{INDEXED, Inode};
use crate::journal::Seal;
use crate::superblock::Protection;

pub use block::{LONGEST_NAME, seal as seal_entries};
use hash::Hasher;
pub use index::seal as seal_index;

/// A directory that an operation works on.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Its inode's number.
    pub number: u32,
    /// Its inode.
    pub inode: Inode,
}

/// An entry that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The block that it is in.
    block: u64,
    /// Where in the block.
    at: usize,
    /// Which block of the directory that is.
    logical: u32,
    /// The inode that it names.
    pub inode: u32,
}

/// The way through an index to a leaf.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Block, position and number of entries of the root and of the node below, if there is one.
    steps: [(u64, usize, usize); 2],
    /// Which step is the lowest.
    last: usize,
    /// Which block of the directory the leaf is.
    leaf: u32,
}

impl<D: BlockDevice> FileSystem<D> {
    /// Inode `number` as a directory.
    pub(crate) fn directory(&mut self, number: u32) -> Result<Directory> {
        let inode = self.inode(number)?;
        if inode.kind() != Some(Kind::Directory) {
            return Err(Error::new(Errno::NotDirectory, "directory: the node is none"));
        }
        let blocks = inode.size() / self.superblock.block_bytes as u64;
        if blocks == 0 || blocks > self.superblock.blocks {
            return Err(corrupt("directory: impossible size"));
        }
        Ok(Directory { number, inode })
    }

    fn protected(&self) -> bool {
        self.superblock.protection == Protection::Everything
    }

    /// Bytes of a block that entries may use.
    fn entries_end(&self) -> usize {
        self.superblock.block_bytes - if self.protected() { block::TAIL } else { 0 }
    }

    fn directory_blocks(&self, directory: &Directory) -> u32 {
        (directory.inode.size() / self.superblock.block_bytes as u64) as u32
    }

    fn is_indexed(&self, directory: &Directory) -> bool {
        directory.inode.flags() & INDEXED != 0 && self.superblock.has_hashed_directories()
    }

    fn hasher(&self, version: u8) -> Hasher {
        let unsigned = self.superblock.hashes_unsigned();
        Hasher { version, unsigned, seed: self.superblock.hash_seed() }
    }

    /// Where block `logical` of a directory lies; its contents are in memory and were checked.
    fn directory_block(&mut self, directory: &Directory, logical: u32) -> Result<u64> {
        let mapping = self.map(&directory.inode, directory.number, logical)?;
        let Mapping::Run { physical, unwritten: false, .. } = mapping else {
            return Err(corrupt("directory: it has a hole"));
        };
        let is_root = logical == 0 && self.is_indexed(directory);
        let protected = self.protected();
        let seed = directory.inode.seed(directory.number, &self.superblock);
        let check = |raw: &[u8]| {
            let is_node = raw[..4] == [0; 4] && crate::bytes::half(raw, 4) as usize == raw.len();
            !protected
                || if is_root || is_node {
                    index::is_intact(raw, seed)
                } else {
                    block::is_intact(raw, seed)
                }
        };
        self.structure(physical, check, "directory: wrong checksum of a block")?;
        Ok(physical)
    }

    /// How block `logical` of a directory is sealed.
    fn directory_seal(&self, directory: &Directory, logical: u32) -> Seal {
        let seed = directory.inode.seed(directory.number, &self.superblock);
        if logical == 0 && self.is_indexed(directory) {
            Seal::Index(seed)
        } else {
            Seal::Entries(seed)
        }
    }

    /// The entry called `name`.
    pub(crate) fn find_entry(
        &mut self,
        directory: &Directory,
        name: &[u8],
    ) -> Result<Option<Found>> {
        if !self.is_indexed(directory) || name == b"." || name == b".." {
            for logical in 0..self.directory_blocks(directory) {
                let found = self.find_in_block(directory, logical, name)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            return Ok(None);
        }
        let (mut way, hash) = self.find_leaf(directory, name)?;
        for _ in 0..self.directory_blocks(directory) {
            let found = self.find_in_block(directory, way.leaf, name)?;
            if found.is_some() {
                return Ok(found);
            }
            match self.next_leaf(directory, &mut way)? {
                Some(key) if key == hash | 1 => {}
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn find_in_block(
        &mut self,
        directory: &Directory,
        logical: u32,
        name: &[u8],
    ) -> Result<Option<Found>> {
        let block = self.directory_block(directory, logical)?;
        let found = block::find(self.cache.read(block)?, name)?;
        Ok(found.map(|slot| Found { block, at: slot.at, logical, inode: slot.inode }))
    }

    /// The way to the leaf that has, or would get, `name`; and the name's hash.
    fn find_leaf(&mut self, directory: &Directory, name: &[u8]) -> Result<(Way, u32)> {
        let root = self.directory_block(directory, 0)?;
        let info = index::info(self.cache.read(root)?)?;
        let hash = self.hasher(info.version).hash(name).major;
        Ok((self.way_to(directory, hash)?, hash))
    }

    /// The way to the first leaf that has names with `hash`.
    fn way_to(&mut self, directory: &Directory, hash: u32) -> Result<Way> {
        let protected = self.protected();
        let mut block = self.directory_block(directory, 0)?;
        let last = usize::from(index::info(self.cache.read(block)?)?.levels);
        let mut way = Way { steps: [(0, 0, 0); 2], last, leaf: 0 };
        for level in 0..=last {
            let raw = self.cache.read(block)?;
            let count = index::check(raw, protected)?;
            let position = index::find(raw, count, hash);
            way.leaf = index::child(raw, position);
            way.steps[level] = (block, position, count);
            if way.leaf == 0 || way.leaf >= self.directory_blocks(directory) {
                return Err(corrupt("directory index: it leads nowhere"));
            }
            if level < last {
                block = self.directory_block(directory, way.leaf)?;
            }
        }
        Ok(way)
    }

    /// Goes on to the next leaf, and answers the key that leads there.
    fn next_leaf(&mut self, directory: &Directory, way: &mut Way) -> Result<Option<u32>> {
        let protected = self.protected();
        let Some(level) = (0..=way.last).rev().find(|level| {
            let (_, position, count) = way.steps[*level];
            position + 1 < count
        }) else {
            return Ok(None);
        };
        way.steps[level].1 += 1;
        let (block, position, _) = way.steps[level];
        let raw = self.cache.read(block)?;
        let key = index::key(raw, position);
        way.leaf = index::child(raw, position);
        if level < way.last {
            let node = self.directory_block(directory, way.leaf)?;
            let raw = self.cache.read(node)?;
            let count = index::check(raw, protected)?;
            way.leaf = index::child(raw, 0);
            way.steps[level + 1] = (node, 0, count);
        }
        Ok(Some(key))
    }

    /// Removes an entry that was just found.
    pub(crate) fn remove_entry(&mut self, directory: &Directory, found: &Found) -> Result<()> {
        let seal = self.directory_seal(directory, found.logical);
        block::remove(self.change(found.block, seal)?, found.at)
    }

    /// Makes an entry that was just found name another inode.
    pub(crate) fn redirect_entry(
        &mut self,
        directory: &Directory,
        found: &Found,
        inode: u32,
        kind: Kind,
    ) -> Result<()> {
        let seal = self.directory_seal(directory, found.logical);
        block::redirect(self.change(found.block, seal)?, found.at, inode, kind.entry_type());
        Ok(())
    }

    /// Whether a directory has no entries but `.` and `..`.
    pub(crate) fn is_empty(&mut self, directory: &Directory) -> Result<bool> {
        for logical in 0..self.directory_blocks(directory) {
            let block = self.directory_block(directory, logical)?;
            for slot in block::slots(self.cache.read(block)?, 0) {
                let slot = slot?;
                if slot.is_used() && slot.name != b"." && slot.name != b".." {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The directory that `directory` lies in.
    pub(crate) fn parent(&mut self, directory: &Directory) -> Result<Found> {
        self.find_in_block(directory, 0, b"..")?.ok_or(corrupt("directory: it has no parent"))
    }
}
