//! Extents: which blocks of the device hold which blocks of a file.
//!
//! Each file has a tree. Its root is in the inode; its leaves hold extents, runs of blocks that
//! are consecutive in file and device. All changes keep a valid tree after each step.

mod insert;
mod node;
mod remove;
mod tree;

use alloc::vec;
use alloc::vec::Vec;

use koito_block::{BlockDevice, Cache};

use crate::error::{Result, corrupt};
use crate::inode::{EXTENTS, Inode};
use crate::journal::Run;
use crate::superblock::Superblock;

pub use node::{Extent, seal};
pub use remove::Progress;
pub use tree::Mapping;

/// More pieces of a journal than this are refused.
const MOST_RUNS: usize = 1024;

/// Makes the root of an empty tree.
pub fn initialise(inode: &mut Inode) {
    inode.set_flags(inode.flags() | EXTENTS);
    node::initialise(inode.root_mut(), 0);
}

/// Whether all extents are in the inode itself.
pub fn is_shallow(inode: &Inode) -> bool {
    node::header(inode.root()).depth == 0
}

/// All extents of the journal, in order, read without a mounted file system.
pub fn runs<D: BlockDevice>(
    cache: &mut Cache<D>,
    inode: &Inode,
    superblock: &Superblock,
) -> Result<Vec<Run>> {
    if inode.flags() & EXTENTS == 0 {
        return Err(corrupt("journal: its inode has no extents"));
    }
    let mut runs: Vec<Run> = vec![];
    let mut waiting = vec![inode.root().to_vec()];
    while let Some(raw) = waiting.pop() {
        let header = node::check(&raw, None)?;
        for at in (0..header.entries).rev() {
            if header.depth > 0 {
                let child = node::child(&raw, at);
                let bytes = cache.read(child)?.to_vec();
                node::check(&bytes, Some(header.depth - 1))?;
                waiting.push(bytes);
            }
        }
        for at in 0..if header.depth == 0 { header.entries } else { 0 } {
            let extent = node::extent(&raw, at);
            let end = extent.physical + u64::from(extent.count);
            if extent.unwritten || end > superblock.blocks || extent.physical == 0 {
                return Err(corrupt("journal: impossible extents"));
            }
            let expected = runs.last().map_or(0, |run| run.logical + run.count);
            if extent.logical != expected {
                return Err(corrupt("journal: it has a hole"));
            }
            runs.push(Run {
                logical: extent.logical,
                physical: extent.physical,
                count: extent.count,
            });
        }
        if runs.len() > MOST_RUNS || waiting.len() > MOST_RUNS {
            return Err(corrupt("journal: too many pieces"));
        }
    }
    Ok(runs)
}
