//! The open transaction: what changed since the last commit.

use alloc::collections::{BTreeMap, BTreeSet};

/// Which checksum a changed block needs when it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// None in the block itself.
    Plain,
    /// That of a block of directory entries, with the seed of its directory.
    Entries(u32),
    /// That of a block of a directory's index.
    Index(u32),
    /// That of a block of extents, with the seed of its file.
    Extents(u32),
}

/// All changes that belong together.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// Changed blocks of structure; the cache holds each of them.
    pub changed: BTreeMap<u64, Seal>,
    /// Blocks that were structure and are free now: their older copies in the log must not be
    /// replayed over what is written there later.
    pub revoked: BTreeSet<u64>,
    /// Runs of blocks that became free, by their start. They are not used again before the commit:
    /// until then a crash brings their old owner back.
    pub freed: BTreeMap<u64, u64>,
    /// How many blocks these are.
    pub freed_blocks: u64,
    /// Inodes that changed and are not yet in their blocks.
    pub inodes: BTreeSet<u32>,
    /// Whether the superblock changed.
    pub superblock: bool,
    /// Counts changes, so that an operation can tell whether it made any.
    pub changes: u64,
}

impl Transaction {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.inodes.is_empty() && !self.superblock
    }

    /// Records a changed block.
    pub fn change(&mut self, block: u64, seal: Seal) {
        self.changed.insert(block, seal);
        self.revoked.remove(&block);
        self.changes += 1;
    }

    /// Records a changed inode.
    pub fn change_inode(&mut self, number: u32) {
        self.inodes.insert(number);
        self.changes += 1;
    }

    /// Records that `count` blocks from `start` on are free.
    pub fn free(&mut self, start: u64, count: u64) {
        let end = start + count;
        self.freed_blocks += count;
        let before = self.freed.range(..start).next_back().map(|(first, length)| (*first, *length));
        let merged = self.freed.remove(&end).unwrap_or(0);
        match before {
            Some((first, length)) if first + length == start => {
                self.freed.insert(first, length + count + merged);
            }
            _ => {
                self.freed.insert(start, count + merged);
            }
        }
        self.changes += 1;
    }

    /// How many blocks from `start` on can be used, of `count` that the bitmap says are free; and
    /// if none, where the blocks that became free just now end.
    pub fn usable(&self, start: u64, count: u64) -> Result<u64, u64> {
        if let Some((first, length)) = self.freed.range(..=start).next_back()
            && start < first + length
        {
            return Err(first + length);
        }
        let next = self.freed.range(start..).next();
        Ok(next.map_or(count, |(first, _)| count.min(first - start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_runs_merge_and_are_not_usable() {
        let mut transaction = Transaction::default();
        transaction.free(10, 5);
        transaction.free(20, 5);
        assert_eq!(transaction.usable(15, 100), Ok(5));
        transaction.free(15, 5);
        assert_eq!((transaction.freed.len(), transaction.freed_blocks), (1, 15));
        assert_eq!(transaction.usable(12, 1), Err(25));
        assert_eq!(transaction.usable(5, 100), Ok(5));
        assert_eq!(transaction.usable(25, 7), Ok(7));
    }
}
