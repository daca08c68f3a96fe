//! Adding names to directories, which may need blocks and an index.

use alloc::vec;
use alloc::vec::Vec;

use koito_block::BlockDevice;

use super::{Directory, Way, block, index};
use crate::attributes::Kind;
use crate::error::{Errno, Error, Result, corrupt};
use crate::extent::{self, Extent};
use crate::filesystem::FileSystem;
use crate::inode::{INDEXED, Inode};
use crate::journal::Seal;

/// A name while entries are sorted: name, inode, type.
type Owned = (Vec<u8>, u32, u8);

impl<D: BlockDevice> FileSystem<D> {
    /// Adds an entry; the name must not be there. Blocks must be reserved. The directory's inode
    /// is changed in `directory` only.
    pub(crate) fn insert_entry(
        &mut self,
        directory: &mut Directory,
        name: &[u8],
        inode: u32,
        kind: Kind,
    ) -> Result<()> {
        if !self.is_indexed(directory) {
            // An index that was dropped by who knows none must not come back.
            directory.inode.set_flags(directory.inode.flags() & !INDEXED);
            let blocks = self.directory_blocks(directory);
            for logical in 0..blocks {
                if self.insert_in_block(directory, logical, name, inode, kind)? {
                    return Ok(());
                }
            }
            if blocks > 1 || !self.superblock.has_hashed_directories() {
                let end = self.entries_end();
                let block = self.append_block(directory, Seal::Entries)?;
                let entry = (name, inode, kind.entry_type());
                block::fill(self.cache.update(block, koito_block::Use::Held)?, end, &[entry]);
                return Ok(());
            }
            self.make_index(directory)?;
        }
        loop {
            let (way, _) = self.find_leaf(directory, name)?;
            if self.insert_in_block(directory, way.leaf, name, inode, kind)? {
                return Ok(());
            }
            self.split(directory, &way)?;
        }
    }

    fn insert_in_block(
        &mut self,
        directory: &Directory,
        logical: u32,
        name: &[u8],
        inode: u32,
        kind: Kind,
    ) -> Result<bool> {
        let end = self.entries_end();
        let block = self.directory_block(directory, logical)?;
        let Some(at) = block::find_room(self.cache.read(block)?, end, name.len())? else {
            return Ok(false);
        };
        let seal = self.directory_seal(directory, logical);
        block::insert(self.change(block, seal)?, at, name, inode, kind.entry_type())?;
        Ok(true)
    }

    /// Adds a block, all zero, at the end of a directory.
    fn append_block(&mut self, directory: &mut Directory, seal: fn(u32) -> Seal) -> Result<u64> {
        let (number, inode) = (directory.number, &mut directory.inode);
        let bytes = self.superblock.block_bytes as u64;
        let logical = (inode.size() / bytes) as u32;
        let goal = match self.map(inode, number, logical.saturating_sub(1))? {
            extent::Mapping::Run { physical, .. } if logical > 0 => physical + 1,
            _ => self.superblock.group_start(self.split_inode(number).0),
        };
        let (physical, _) = self.allocate(goal, 1)?;
        inode.add_blocks(1, &self.superblock);
        inode.set_size(inode.size() + bytes);
        let piece = Extent { logical, count: 1, physical, unwritten: false };
        self.insert_extent(inode, number, piece)?;
        let seed = inode.seed(number, &self.superblock);
        self.fresh(physical, seal(seed))?;
        Ok(physical)
    }

    /// Gives a new directory its first block.
    pub(crate) fn start_directory(
        &mut self,
        number: u32,
        inode: Inode,
        parent: u32,
    ) -> Result<Directory> {
        let mut directory = Directory { number, inode };
        let end = self.entries_end();
        let kind = Kind::Directory.entry_type();
        let block = self.append_block(&mut directory, Seal::Entries)?;
        let raw = self.cache.update(block, koito_block::Use::Held)?;
        block::fill(raw, end, &[(b".", number, kind), (b"..", parent, kind)]);
        Ok(directory)
    }

    /// Gives a directory of one block an index: its entries move to a second block, the first
    /// becomes the root.
    fn make_index(&mut self, directory: &mut Directory) -> Result<()> {
        let first = self.directory_block(directory, 0)?;
        let parent = self.parent(directory)?.inode;
        let mut entries = owned(self.cache.read(first)?)?;
        entries.retain(|(name, ..)| name != b"." && name != b"..");
        let leaf = self.append_block(directory, Seal::Entries)?;
        self.fill_leaf(directory, leaf, &entries)?;
        directory.inode.set_flags(directory.inode.flags() | INDEXED);
        let (version, protected) = (self.superblock.hash_version().min(2), self.protected());
        let seed = directory.inode.seed(directory.number, &self.superblock);
        let number = directory.number;
        let root = self.fresh(first, Seal::Index(seed))?;
        index::make_root(root, version, protected, number, parent);
        Ok(())
    }

    fn fill_leaf(&mut self, directory: &Directory, leaf: u64, entries: &[Owned]) -> Result<()> {
        let end = self.entries_end();
        let seed = directory.inode.seed(directory.number, &self.superblock);
        let entries: Vec<_> =
            entries.iter().map(|(name, inode, kind)| (name.as_slice(), *inode, *kind)).collect();
        block::fill(self.change(leaf, Seal::Entries(seed))?, end, &entries);
        Ok(())
    }

    /// One step towards room in the full leaf at the end of `way`: splits the leaf if the index has
    /// room for one more, else makes room in the index.
    fn split(&mut self, directory: &mut Directory, way: &Way) -> Result<()> {
        let (lowest, position, count) = way.steps[way.last];
        if !index::is_full(self.cache.read(lowest)?, count) {
            return self.split_leaf(directory, way, lowest, position + 1);
        }
        let (root, root_position, root_count) = way.steps[0];
        let entries = index::entries(self.cache.read(lowest)?, count);
        let seed = directory.inode.seed(directory.number, &self.superblock);
        let protected = self.protected();
        if way.last == 0 {
            let child = self.append_index(directory, &entries)?;
            let raw = self.change(root, Seal::Index(seed))?;
            index::put(raw, protected, &[(0, child)]);
            index::set_levels(raw, 1);
            return Ok(());
        }
        if index::is_full(self.cache.read(root)?, root_count) {
            return Err(Error::new(Errno::NoSpace, "directory: its index is full"));
        }
        let (lower, upper) = entries.split_at(count / 2);
        let child = self.append_index(directory, upper)?;
        index::put(self.change(lowest, Seal::Index(seed))?, protected, lower);
        index::insert(self.change(root, Seal::Index(seed))?, root_position + 1, upper[0].0, child);
        Ok(())
    }

    /// Adds a node of the index with these entries, and answers which block it is.
    fn append_index(&mut self, directory: &mut Directory, entries: &[(u32, u32)]) -> Result<u32> {
        let protected = self.protected();
        let logical = self.directory_blocks(directory);
        let block = self.append_block(directory, Seal::Index)?;
        let raw = self.cache.update(block, koito_block::Use::Held)?;
        index::make_node(raw, protected, entries);
        Ok(logical)
    }

    /// Moves the upper half of a leaf's names, by hash, to a new leaf, which gets `position` in
    /// the index block `lowest`.
    fn split_leaf(
        &mut self,
        directory: &mut Directory,
        way: &Way,
        lowest: u64,
        position: usize,
    ) -> Result<()> {
        let root = way.steps[0].0;
        let version = index::info(self.cache.read(root)?)?.version;
        let hasher = self.hasher(version);
        let leaf = self.directory_block(directory, way.leaf)?;
        let mut entries = owned(self.cache.read(leaf)?)?;
        entries.sort_by_cached_key(|(name, ..)| hasher.hash(name));
        let half = block::bytes_for(entries.iter().map(|(name, ..)| name.as_slice())) / 2;
        let mut used = 0;
        let lower = entries.iter().take_while(|(name, ..)| {
            used += block::bytes_for([name.as_slice()].into_iter());
            used <= half
        });
        let at = lower.count().max(1);
        let (lower, upper) = entries.split_at(at.min(entries.len()));
        let (Some((before, ..)), Some((first, ..))) = (lower.last(), upper.first()) else {
            return Err(corrupt("directory: a full block has no entries"));
        };
        let key = hasher.hash(first).major;
        let continued = u32::from(hasher.hash(before).major == key);
        let logical = self.directory_blocks(directory);
        let block = self.append_block(directory, Seal::Entries)?;
        self.fill_leaf(directory, block, upper)?;
        self.fill_leaf(directory, leaf, lower)?;
        let seed = directory.inode.seed(directory.number, &self.superblock);
        index::insert(self.change(lowest, Seal::Index(seed))?, position, key | continued, logical);
        Ok(())
    }
}

/// Copies of all entries of a block.
fn owned(raw: &[u8]) -> Result<Vec<Owned>> {
    let mut entries = vec![];
    for slot in block::slots(raw, 0) {
        let slot = slot?;
        if slot.is_used() {
            entries.push((slot.name.to_vec(), slot.inode, slot.kind));
        }
    }
    Ok(entries)
}
