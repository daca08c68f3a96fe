//! Adding extents to a tree.

use koito_block::BlockDevice;

use super::node::{self, DEEPEST, Extent};
use super::tree::Path;
use crate::error::{Errno, Error, Result};
use crate::filesystem::FileSystem;
use crate::inode::Inode;
use crate::journal::Seal;

impl<D: BlockDevice> FileSystem<D> {
    /// Adds `extent`, which must cover a hole. The blocks for nodes must be reserved.
    pub(crate) fn insert_extent(
        &mut self,
        inode: &mut Inode,
        number: u32,
        extent: Extent,
    ) -> Result<()> {
        loop {
            let path = self.extent_path(inode, number, extent.logical)?;
            if self.merge_extent(inode, number, &path, &extent)? {
                return Ok(());
            }
            let block = path.blocks[path.leaf];
            let (raw, header) = self.extent_node(inode, number, block, Some(0))?;
            if header.entries == header.room {
                self.make_room(inode, number, &path)?;
                continue;
            }
            let position = path.positions[path.leaf];
            let behind = header.entries > 0 && node::key(raw, position) < extent.logical;
            let position = position + usize::from(behind);
            let raw = self.extent_node_mut(inode, number, block)?;
            node::open_gap(raw, position);
            node::set_extent(raw, position, &extent);
            if position == 0 {
                self.lower_keys(inode, number, &path, extent.logical)?;
            }
            return Ok(());
        }
    }

    /// Makes an extent next to `extent` longer instead, where there is one.
    fn merge_extent(
        &mut self,
        inode: &mut Inode,
        number: u32,
        path: &Path,
        extent: &Extent,
    ) -> Result<bool> {
        let block = path.blocks[path.leaf];
        let (raw, header) = self.extent_node(inode, number, block, Some(0))?;
        let position = path.positions[path.leaf];
        for at in position..(position + 2).min(header.entries) {
            let neighbour = node::extent(raw, at);
            let merged = neighbour.merged(extent).or_else(|| extent.merged(&neighbour));
            if let Some(merged) = merged {
                node::set_extent(self.extent_node_mut(inode, number, block)?, at, &merged);
                if at == 0 {
                    self.lower_keys(inode, number, path, merged.logical)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first key of the leaf fell: lowers those above that lead to it.
    fn lower_keys(
        &mut self,
        inode: &mut Inode,
        number: u32,
        path: &Path,
        logical: u32,
    ) -> Result<()> {
        for level in (0..path.leaf).rev() {
            let position = path.positions[level];
            let raw = self.extent_node_mut(inode, number, path.blocks[level])?;
            if node::key(raw, position) <= logical {
                break;
            }
            node::set_key(raw, position, logical);
            if position > 0 {
                break;
            }
        }
        Ok(())
    }

    /// One step towards room in the full leaf at the end of `path`: splits the highest full node
    /// below one that has room, or makes the tree deeper.
    fn make_room(&mut self, inode: &mut Inode, number: u32, path: &Path) -> Result<()> {
        for level in (0..path.leaf).rev() {
            let (_, header) = self.extent_node(inode, number, path.blocks[level], None)?;
            if header.entries < header.room {
                return self.split_node(inode, number, path, level + 1);
            }
        }
        self.deepen(inode, number)
    }

    /// A new block for a node, near the file's inode.
    fn new_node(&mut self, inode: &mut Inode, number: u32, depth: u16) -> Result<u64> {
        let goal = self.superblock.group_start(self.split_inode(number).0);
        let (block, _) = self.allocate(goal, 1)?;
        inode.add_blocks(1, &self.superblock);
        let seed = inode.seed(number, &self.superblock);
        node::initialise(self.fresh(block, Seal::Extents(seed))?, depth);
        Ok(block)
    }

    /// Moves the root's entries to a new node, which becomes its only child.
    fn deepen(&mut self, inode: &mut Inode, number: u32) -> Result<()> {
        let header = node::check(inode.root(), None)?;
        if header.depth == DEEPEST {
            return Err(Error::new(Errno::FileTooLarge, "node: its extents are too many"));
        }
        let block = self.new_node(inode, number, header.depth)?;
        let first = node::key(inode.root(), 0);
        let entries = node::cut_off(inode.root_mut(), 0);
        node::fill(self.extent_node_mut(inode, number, Some(block))?, &entries);
        let root = inode.root_mut();
        node::initialise(root, header.depth + 1);
        node::open_gap(root, 0);
        node::set_child(root, 0, first, block);
        Ok(())
    }

    /// Splits the full node at `level` of `path`; its parent has room. A file that grows at its end
    /// leaves full nodes behind.
    fn split_node(
        &mut self,
        inode: &mut Inode,
        number: u32,
        path: &Path,
        level: usize,
    ) -> Result<()> {
        let (_, header) = self.extent_node(inode, number, path.blocks[level], None)?;
        let at_end = path.positions[level] + 1 == header.entries;
        let keep = if at_end { header.entries - 1 } else { header.entries / 2 };
        let block = self.new_node(inode, number, header.depth)?;
        let entries = node::cut_off(self.extent_node_mut(inode, number, path.blocks[level])?, keep);
        let raw = self.extent_node_mut(inode, number, Some(block))?;
        node::fill(raw, &entries);
        let first = node::key(raw, 0);
        let parent = self.extent_node_mut(inode, number, path.blocks[level - 1])?;
        let position = path.positions[level - 1] + 1;
        node::open_gap(parent, position);
        node::set_child(parent, position, first, block);
        Ok(())
    }

    /// Marks blocks `first..end` of the file as written; they lie in one extent that is not. The
    /// blocks for nodes must be reserved.
    pub(crate) fn mark_written(
        &mut self,
        inode: &mut Inode,
        number: u32,
        first: u32,
        end: u32,
    ) -> Result<()> {
        let path = self.extent_path(inode, number, first)?;
        let Some(whole) = self.extent_at(inode, number, &path)? else {
            return Ok(());
        };
        let piece = |from: u32, to: u32, unwritten| Extent {
            logical: from,
            count: to - from,
            physical: whole.physical + u64::from(from - whole.logical),
            unwritten,
        };
        let written = piece(first, end, false);
        let head = piece(whole.logical, first, true);
        let in_place = if head.count > 0 { head } else { written };
        let raw = self.extent_node_mut(inode, number, path.blocks[path.leaf])?;
        node::set_extent(raw, path.positions[path.leaf], &in_place);
        if head.count > 0 {
            self.insert_extent(inode, number, written)?;
        }
        if end < whole.end() {
            self.insert_extent(inode, number, piece(end, whole.end(), true))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use koito_block::MemoryDevice;
    use koito_fs_images::{BARE, expand};
    use std::vec;

    use super::*;
    use crate::{Access, Maker, New, Options, ROOT, Time};

    #[test]
    fn unwritten_blocks_read_as_zeros_until_they_are_written() {
        let now = Time::default();
        let options = Options { access: Access::ReadWrite, cache_bytes: 1 << 20, now };
        let image = expand(BARE).expect("an image");
        let mut fs = FileSystem::mount(MemoryDevice::new(image), options).expect("it mounts");
        let file = fs.create(ROOT, b"file", New::File, Maker::default()).expect("a file");
        assert_eq!(fs.write(file, 0, &[1; 10 * 1024], now), Ok(10 * 1024));
        let mut inode = fs.inode(file.0).expect("its inode");
        let whole = node::extent(inode.root(), 0);
        assert_eq!(whole.count, 10);
        node::set_extent(inode.root_mut(), 0, &Extent { unwritten: true, ..whole });
        fs.keep(file.0, inode);

        let mut expected = vec![0; 10 * 1024];
        let mut seen = vec![9; 10 * 1024];
        assert_eq!(fs.read(file, 0, &mut seen), Ok(seen.len()));
        assert!(seen == expected);
        for (offset, length) in [(3100, 2000), (0, 10), (9000, 1240)] {
            assert_eq!(fs.write(file, offset as u64, &vec![7; length], now), Ok(length));
            expected[offset..offset + length].fill(7);
        }
        let device = fs.unmount().expect("it unmounts");
        let mut fs = FileSystem::mount(device, options).expect("it mounts again");
        assert_eq!(fs.read(file, 0, &mut seen), Ok(seen.len()));
        assert!(seen == expected);
        let inode = fs.inode(file.0).expect("its inode");
        let blocks = inode.sectors(&fs.superblock) / 2;
        assert_eq!(blocks, if node::header(inode.root()).depth == 0 { 10 } else { 11 });
    }
}
