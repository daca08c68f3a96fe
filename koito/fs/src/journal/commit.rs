//! Committing: everything that the open transaction changed becomes durable at once.
//!
//! The order is what makes it safe (`data=ordered` of ext4):
//! 1. contents of files, so that no file ever shows what its blocks held before;
//! 2. descriptors and copies of all changed structure, and zeros where the commit block goes;
//! 3. a flush;
//! 4. the commit block, written through. It differs from zeros in its first sector only, so a
//!    power failure cannot tear it;
//! 5. now the structure may go home. That happens when the log is half full: all is written and
//!    flushed before the log forgets it.

use alloc::vec;
use alloc::vec::Vec;

use koito_block::{BlockDevice, Durability, Source, Use};

use super::format::{BlockType, MAGIC_BYTES, Tag, put_commit_time};
use super::transaction::{Seal, Transaction};
use crate::checksum::crc32c;
use crate::error::Result;
use crate::filesystem::FileSystem;
use crate::superblock::{Protection, SIZE};
use crate::{directory, extent};

/// Blocks that structure of the file system itself adds to any transaction: superblock, and a
/// descriptor of revocations.
const FIXED: usize = 2;

/// A block on its way into the log.
enum Piece {
    /// Made for it.
    Made(Vec<u8>),
    /// A copy of this block, as the cache has it.
    Cached(u64),
}

impl Piece {
    fn source(&self) -> Source<'_> {
        match self {
            Self::Made(block) => Source::Memory(block),
            Self::Cached(block) => Source::Cached(*block),
        }
    }
}

impl<D: BlockDevice> FileSystem<D> {
    /// Makes everything before durable. When it returns, a power failure loses none of it.
    pub(crate) fn commit(&mut self) -> Result<()> {
        if self.transaction.is_empty() {
            self.cache.write_data()?;
            return Ok(self.cache.flush()?);
        }
        let changes = self.transaction.changes;
        let verdict = self.commit_changes();
        if verdict.is_err() {
            self.failed = true;
        }
        self.transaction.changes = changes;
        verdict
    }

    fn commit_changes(&mut self) -> Result<()> {
        self.store_inodes()?;
        self.store_groups()?;
        self.store_superblock()?;
        self.seal_blocks()?;
        self.cache.write_data()?;
        let commit_at = self.write_log()?;
        self.cache.flush()?;
        self.write_commit(commit_at)?;
        self.log.sequence = self.log.sequence.wrapping_add(1);
        self.cache.release();
        self.transaction = Transaction::default();
        if self.log.free() < self.log.length() / 2 {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Writes home what all transactions changed, and empties the log. There must be no open
    /// transaction.
    pub(crate) fn checkpoint(&mut self) -> Result<()> {
        self.cache.write_all()?;
        self.cache.flush()?;
        self.log.forget_past(&mut self.cache)
    }

    /// Blocks that the open transaction will put into the log, at most.
    fn size(&self) -> usize {
        let transaction = &self.transaction;
        let revocations = self.log.format.revocations_per_block(self.cache.block_bytes());
        transaction.changed.len()
            + transaction.inodes.len()
            + 2 * self.groups.changes()
            + transaction.revoked.len().div_ceil(revocations)
            + FIXED
    }

    /// Sees to it that the open transaction has room for `credits` more blocks.
    pub(crate) fn begin(&mut self, credits: usize) -> Result<()> {
        let most = self.most_changes;
        if self.size() + credits > most || self.transaction.freed.len() > 4 * most {
            self.commit()?;
        }
        Ok(())
    }

    fn store_groups(&mut self) -> Result<()> {
        let per_block = self.superblock.block_bytes / self.superblock.descriptor_bytes;
        for number in self.groups.take_changes() {
            self.checksum_bitmaps(number)?;
            let block = self.superblock.first_block + 1 + (number as usize / per_block) as u64;
            let size = self.superblock.descriptor_bytes;
            let at = number as usize % per_block * size;
            self.transaction.change(block, Seal::Plain);
            let raw = &mut self.cache.update(block, Use::Held)?[at..at + size];
            self.groups.get(number).encode(raw, number, &self.superblock);
        }
        Ok(())
    }

    /// Computes the checksums of a group's bitmaps, of those that the transaction changed.
    fn checksum_bitmaps(&mut self, number: u32) -> Result<()> {
        if self.superblock.protection != Protection::Everything {
            return Ok(());
        }
        let (blocks, inodes) = (self.superblock.group_blocks, self.superblock.group_inodes);
        let group = self.groups.finish(number);
        for (bitmap, bits, checksum) in [
            (group.block_bitmap, blocks, &mut group.block_checksum),
            (group.inode_bitmap, inodes, &mut group.inode_checksum),
        ] {
            if self.transaction.changed.contains_key(&bitmap) {
                let bytes = &self.cache.read(bitmap)?[..bits as usize / 8];
                *checksum = crc32c(self.superblock.seed, bytes);
            }
        }
        Ok(())
    }

    fn store_superblock(&mut self) -> Result<()> {
        if core::mem::take(&mut self.transaction.superblock) {
            let (block, at) = self.superblock.place();
            self.transaction.change(block, Seal::Plain);
            let raw = self.superblock.encode();
            self.cache.update(block, Use::Held)?[at..at + SIZE].copy_from_slice(&raw);
        }
        Ok(())
    }

    fn seal_blocks(&mut self) -> Result<()> {
        if self.superblock.protection != Protection::Everything {
            return Ok(());
        }
        for (block, seal) in &self.transaction.changed {
            match *seal {
                Seal::Plain => {}
                Seal::Entries(seed) => {
                    directory::seal_entries(self.cache.update(*block, Use::Held)?, seed);
                }
                Seal::Index(seed) => {
                    directory::seal_index(self.cache.update(*block, Use::Held)?, seed);
                }
                Seal::Extents(seed) => extent::seal(self.cache.update(*block, Use::Held)?, seed),
            }
        }
        Ok(())
    }

    /// Writes all of the transaction but its commit block, and answers where in the log that goes.
    fn write_log(&mut self) -> Result<u32> {
        let (format, bytes) = (self.log.format, self.cache.block_bytes());
        let revoked: Vec<u64> = self.transaction.revoked.iter().copied().collect();
        let changed: Vec<u64> = self.transaction.changed.keys().copied().collect();
        let mut pieces = vec![];
        for targets in revoked.chunks(format.revocations_per_block(bytes)) {
            let fill = |block: &mut [u8]| format.put_revocations(block, targets);
            pieces.push(self.log_block(BlockType::Revocation, fill));
        }
        for targets in changed.chunks(format.tags_per_block(bytes)) {
            let copies = targets.iter().map(|target| self.log_copy(*target));
            let (tags, copies): (Vec<_>, Vec<_>) =
                copies.collect::<Result<Vec<_>>>()?.into_iter().unzip();
            let fill = |block: &mut [u8]| format.put_tags(block, &tags);
            pieces.push(self.log_block(BlockType::Descriptor, fill));
            pieces.extend(copies);
        }
        pieces.push(Piece::Made(vec![0; bytes]));
        let sources: Vec<Source<'_>> = pieces.iter().map(Piece::source).collect();
        self.log.append(&mut self.cache, &sources)?;
        Ok(self.log.before(self.log.head))
    }

    /// A block of the log, sealed.
    fn log_block(&self, kind: BlockType, fill: impl FnOnce(&mut [u8])) -> Piece {
        let mut block = vec![0; self.cache.block_bytes()];
        self.log.format.start_block(&mut block, kind, self.log.sequence);
        fill(&mut block);
        self.log.format.seal(&mut block, kind);
        Piece::Made(block)
    }

    /// The copy of a changed block for the log, and its tag.
    fn log_copy(&mut self, target: u64) -> Result<(Tag, Piece)> {
        let (format, sequence) = (self.log.format, self.log.sequence);
        let contents = self.cache.read(target)?;
        let escaped = contents.starts_with(&MAGIC_BYTES);
        let mut checksum = format.copy_checksum(contents, sequence);
        let mut piece = Piece::Cached(target);
        if escaped {
            let mut copy = contents.to_vec();
            copy[..MAGIC_BYTES.len()].fill(0);
            checksum = format.copy_checksum(&copy, sequence);
            piece = Piece::Made(copy);
        }
        Ok((Tag { target, escaped, checksum: Some(checksum) }, piece))
    }

    fn write_commit(&mut self, at: u32) -> Result<()> {
        let mut block = vec![0; self.cache.block_bytes()];
        let kind = BlockType::Commit;
        self.log.format.start_block(&mut block, kind, self.log.sequence);
        put_commit_time(&mut block, self.now.seconds, self.now.nanoseconds);
        self.log.format.seal(&mut block, kind);
        let (place, _) = self.log.place(at)?;
        Ok(self.cache.write_copies(place, &[Source::Memory(&block)], Durability::Lasting)?)
    }
}

#[cfg(test)]
mod tests {
    use koito_block::MemoryDevice;
    use koito_fs_images::{BARE, USUAL, expand};

    use super::*;
    use crate::{Access, Options, Time};

    #[test]
    fn a_block_that_looks_like_the_journal_survives_a_replay() {
        for packed in [BARE, USUAL] {
            let now = Time::default();
            let options = Options { access: Access::ReadWrite, cache_bytes: 2 << 20, now };
            let device = MemoryDevice::new(expand(packed).expect("an image"));
            let mut fs = FileSystem::mount(device, options).expect("it mounts");
            let (block, _) = fs.allocate(0, 1).expect("a block");
            let contents = fs.fresh(block, Seal::Plain).expect("it is in memory");
            contents[..4].copy_from_slice(&MAGIC_BYTES);
            contents[4] = 9;
            fs.commit().expect("it commits");
            let mut fs = FileSystem::mount(fs.abandon(), options).expect("it mounts again");
            let seen = fs.cache.read(block).expect("it can be read");
            assert_eq!((&seen[..4], seen[4], seen[5]), (&MAGIC_BYTES[..], 9, 0));
        }
    }
}
