//! Finding blocks in a tree of extents.

use koito_block::BlockDevice;

use super::node::{self, DEEPEST, Extent, Header};
use crate::error::{Result, corrupt};
use crate::filesystem::FileSystem;
use crate::inode::{EXTENTS, Inode};
use crate::journal::Seal;
use crate::superblock::Protection;

/// What a block of a file is, and how many after it are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Not there: reads as zeros.
    Hole {
        /// How many blocks.
        count: u32,
    },
    /// On the device.
    Run {
        /// Where.
        physical: u64,
        /// How many blocks.
        count: u32,
        /// Allocated, but reads as zeros.
        unwritten: bool,
    },
}

/// The way from the root to a leaf.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Path {
    /// Block of each node, root (which is in the inode) first.
    pub blocks: [Option<u64>; DEEPEST as usize + 1],
    /// Which entry of each node.
    pub positions: [usize; DEEPEST as usize + 1],
    /// Number of the leaf's level, the root's being 0.
    pub leaf: usize,
}

impl<D: BlockDevice> FileSystem<D> {
    /// The node in `block`, or the root; checked.
    pub(super) fn extent_node<'a>(
        &'a mut self,
        inode: &'a Inode,
        number: u32,
        block: Option<u64>,
        depth: Option<u16>,
    ) -> Result<(&'a [u8], Header)> {
        let Some(block) = block else {
            if inode.flags() & EXTENTS == 0 {
                return Err(crate::error::Error::new(
                    crate::error::Errno::Unsupported,
                    "node: it has a list of blocks, not extents",
                ));
            }
            return Ok((inode.root(), node::check(inode.root(), depth)?));
        };
        if !self.can_own(block, 1) {
            return Err(corrupt("extents: a node lies among structure"));
        }
        let protected = self.superblock.protection == Protection::Everything;
        let seed = inode.seed(number, &self.superblock);
        let cached = self.cache.peek(block).is_some();
        let check = |raw: &[u8]| {
            node::check(raw, depth).is_ok() && (!protected || node::is_intact(raw, seed))
        };
        let raw = self.structure(block, check, "extents: damaged node")?;
        // In memory it may have been changed through another file by a damaged image.
        let header = if cached { node::check(raw, depth)? } else { node::header(raw) };
        Ok((raw, header))
    }

    /// The node in `block`, or the root, to be changed.
    pub(super) fn extent_node_mut<'a>(
        &'a mut self,
        inode: &'a mut Inode,
        number: u32,
        block: Option<u64>,
    ) -> Result<&'a mut [u8]> {
        match block {
            Some(block) => {
                let seed = inode.seed(number, &self.superblock);
                self.change(block, Seal::Extents(seed))
            }
            None => Ok(inode.root_mut()),
        }
    }

    /// The way to the leaf that has, or would get, block `logical` of the file.
    pub(super) fn extent_path(&mut self, inode: &Inode, number: u32, logical: u32) -> Result<Path> {
        let mut path = Path::default();
        let mut depth = None;
        loop {
            let level = path.leaf;
            let (raw, header) = self.extent_node(inode, number, path.blocks[level], depth)?;
            path.positions[level] = node::find(raw, logical);
            if header.depth == 0 {
                return Ok(path);
            }
            path.blocks[level + 1] = Some(node::child(raw, path.positions[level]));
            path.leaf += 1;
            depth = Some(header.depth - 1);
        }
    }

    /// The extent that `path` leads to.
    pub(super) fn extent_at(
        &mut self,
        inode: &Inode,
        number: u32,
        path: &Path,
    ) -> Result<Option<Extent>> {
        let position = path.positions[path.leaf];
        let (raw, header) = self.extent_node(inode, number, path.blocks[path.leaf], Some(0))?;
        Ok((position < header.entries).then(|| node::extent(raw, position)))
    }

    /// What block `logical` of the file is.
    pub(crate) fn map(&mut self, inode: &Inode, number: u32, logical: u32) -> Result<Mapping> {
        let path = self.extent_path(inode, number, logical)?;
        if let Some(extent) = self.extent_at(inode, number, &path)?
            && (extent.logical..extent.end()).contains(&logical)
        {
            if !self.can_own(extent.physical, extent.count.into()) {
                return Err(corrupt("extents: one lies among structure"));
            }
            let within = logical - extent.logical;
            return Ok(Mapping::Run {
                physical: extent.physical + u64::from(within),
                count: extent.count - within,
                unwritten: extent.unwritten,
            });
        }
        let next = self.next_key(inode, number, &path, logical)?;
        Ok(Mapping::Hole { count: next - logical })
    }

    /// The first key above `logical` along `path`.
    fn next_key(&mut self, inode: &Inode, number: u32, path: &Path, logical: u32) -> Result<u32> {
        for level in (0..=path.leaf).rev() {
            let (raw, header) = self.extent_node(inode, number, path.blocks[level], None)?;
            let position = path.positions[level];
            for next in position..(position + 2).min(header.entries) {
                if node::key(raw, next) > logical {
                    return Ok(node::key(raw, next));
                }
            }
        }
        Ok(u32::MAX)
    }
}
