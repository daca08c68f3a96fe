//! Taking blocks away from the end of a file, a bounded piece at a time.

use koito_block::BlockDevice;

use super::node;
use super::tree::Path;
use crate::allocate::Contents;
use crate::error::Result;
use crate::filesystem::FileSystem;
use crate::inode::Inode;

/// Whether a file has blocks left to take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call again.
    More,
    /// All are gone.
    Done,
}

/// Structure freed at once: each block costs a revocation.
const MOST_STRUCTURE: u32 = 1024;

impl<D: BlockDevice> FileSystem<D> {
    /// Frees some of the blocks from `keep` on, those at the very end of the file.
    pub(crate) fn cut_blocks(
        &mut self,
        inode: &mut Inode,
        number: u32,
        keep: u32,
        contents: Contents,
    ) -> Result<Progress> {
        let path = self.extent_path(inode, number, u32::MAX)?;
        let last = self.extent_at(inode, number, &path)?;
        let Some(last) = last.filter(|last| last.end() > keep) else {
            self.flatten(inode, number)?;
            return Ok(Progress::Done);
        };
        let mut rest = keep.max(last.logical) - last.logical;
        if contents == Contents::Structure {
            rest = rest.max(last.count.saturating_sub(MOST_STRUCTURE));
        }
        self.free(last.physical + u64::from(rest), (last.count - rest).into(), contents)?;
        inode.add_blocks(-i64::from(last.count - rest), &self.superblock);
        let position = path.positions[path.leaf];
        let raw = self.extent_node_mut(inode, number, path.blocks[path.leaf])?;
        if rest > 0 {
            node::set_extent(raw, position, &node::Extent { count: rest, ..last });
        } else {
            node::close_gap(raw, position);
            self.prune(inode, number, &path)?;
        }
        Ok(Progress::More)
    }

    /// Frees the nodes at the end of `path` that became empty.
    fn prune(&mut self, inode: &mut Inode, number: u32, path: &Path) -> Result<()> {
        for level in (1..=path.leaf).rev() {
            let Some(block) = path.blocks[level] else { break };
            if node::header(self.cache.read(block)?).entries > 0 {
                return Ok(());
            }
            self.free(block, 1, Contents::Structure)?;
            inode.add_blocks(-1, &self.superblock);
            let parent = self.extent_node_mut(inode, number, path.blocks[level - 1])?;
            node::close_gap(parent, path.positions[level - 1]);
        }
        if node::header(inode.root()).entries == 0 {
            node::initialise(inode.root_mut(), 0);
        }
        Ok(())
    }

    /// Takes the entries of the root's only child into the root, as long as they fit.
    fn flatten(&mut self, inode: &mut Inode, number: u32) -> Result<()> {
        loop {
            let root = node::check(inode.root(), None)?;
            if root.depth == 0 || root.entries > 1 {
                return Ok(());
            }
            let child = node::child(inode.root(), 0);
            let depth = root.depth - 1;
            let (_, header) = self.extent_node(inode, number, Some(child), Some(depth))?;
            if header.entries > root.room {
                return Ok(());
            }
            let entries = node::cut_off(self.extent_node_mut(inode, number, Some(child))?, 0);
            node::initialise(inode.root_mut(), depth);
            node::fill(inode.root_mut(), &entries);
            self.free(child, 1, Contents::Structure)?;
            inode.add_blocks(-1, &self.superblock);
        }
    }
}
