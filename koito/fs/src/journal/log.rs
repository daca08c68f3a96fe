//! The log: a ring of blocks in a file of its own, of which some part holds committed
//! transactions whose blocks are not all home yet.

use alloc::vec::Vec;

use koito_block::{BlockDevice, Cache, Durability, Source};

use super::format::{Format, SUPERBLOCK_BYTES};
use crate::bytes::{big_word, put_big_word};
use crate::error::{Errno, Error, Result, corrupt};

/// Shorter logs are refused, as JBD2 does.
const SHORTEST: u32 = 1024;

/// A run of the journal's blocks on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first block, counted within the journal.
    pub logical: u32,
    /// The first block on the device.
    pub physical: u64,
    /// How many.
    pub count: u32,
}

/// The journal of a mounted file system.
#[derive(Clone, Debug)]
pub struct Log {
    runs: Vec<Run>,
    superblock: Vec<u8>,
    /// Variant of its format.
    pub format: Format,
    /// First block of the ring.
    pub first: u32,
    /// The block behind the ring.
    pub end: u32,
    /// Where the next transaction goes.
    pub head: u32,
    /// Sequence number of the next transaction.
    pub sequence: u32,
    /// Where the oldest transaction that counts starts; equal to `head` if there is none.
    pub tail: u32,
}

impl Log {
    /// Reads the superblock of the journal that lies in `runs`.
    pub fn open<D: BlockDevice>(cache: &mut Cache<D>, runs: Vec<Run>) -> Result<Self> {
        let Some(Run { logical: 0, physical, .. }) = runs.first().copied() else {
            return Err(corrupt("journal: it has no blocks"));
        };
        let superblock = cache.read(physical)?.to_vec();
        let format = Format::decode(&superblock)?;
        let blocks: u32 = runs.iter().map(|run| run.count).sum();
        let (end, first) = (big_word(&superblock, 0x10), big_word(&superblock, 0x14));
        let start = big_word(&superblock, 0x1c);
        if big_word(&superblock, 0xc) as usize != cache.block_bytes()
            || end > blocks
            || first == 0
            || first >= end
            || !(start == 0 || (first..end).contains(&start))
        {
            return Err(corrupt("journal superblock: impossible shape"));
        }
        if end < SHORTEST {
            return Err(Error::new(Errno::Unsupported, "journal: shorter than 1024 blocks"));
        }
        let sequence = big_word(&superblock, 0x18);
        Ok(Self { runs, superblock, format, first, end, head: start, sequence, tail: start })
    }

    /// Whether transactions may be waiting to be replayed.
    pub fn is_empty(&self) -> bool {
        self.tail == 0
    }

    /// Number of blocks in the ring.
    pub fn length(&self) -> u32 {
        self.end - self.first
    }

    /// Number of blocks that a transaction may use now.
    pub fn free(&self) -> u32 {
        let used = if self.head >= self.tail {
            self.head - self.tail
        } else {
            self.length() - (self.tail - self.head)
        };
        self.length() - used - 1
    }

    /// The block after `at`.
    pub fn after(&self, at: u32) -> u32 {
        if at + 1 >= self.end { self.first } else { at + 1 }
    }

    /// The block before `at`.
    pub fn before(&self, at: u32) -> u32 {
        if at <= self.first { self.end - 1 } else { at - 1 }
    }

    /// Where a block of the log lies, and how many that follow in the ring follow on the device.
    pub fn place(&self, at: u32) -> Result<(u64, u32)> {
        self.runs
            .iter()
            .find(|run| (run.logical..run.logical + run.count).contains(&at))
            .map(|run| {
                let within = at - run.logical;
                (run.physical + u64::from(within), (run.count - within).min(self.end - at))
            })
            .ok_or(corrupt("journal: it has a hole"))
    }

    /// Appends blocks at the head. They last after a flush.
    pub fn append<D: BlockDevice>(
        &mut self,
        cache: &mut Cache<D>,
        mut sources: &[Source<'_>],
    ) -> Result<()> {
        while !sources.is_empty() {
            let (start, room) = self.place(self.head)?;
            let (now, later) = sources.split_at(sources.len().min(room as usize));
            cache.write_copies(start, now, Durability::Accepted)?;
            self.head = self.head + now.len() as u32 - 1;
            self.head = self.after(self.head);
            sources = later;
        }
        Ok(())
    }

    /// Records that nothing before the head counts any more, so that its room can be used.
    /// What the transactions changed must be home, for good.
    pub fn forget_past<D: BlockDevice>(&mut self, cache: &mut Cache<D>) -> Result<()> {
        self.tail = self.head;
        self.store(cache)
    }

    /// Empties the log after a replay, and takes the format that we write from now on.
    pub fn restart<D: BlockDevice>(
        &mut self,
        cache: &mut Cache<D>,
        wide: bool,
        checksums: bool,
    ) -> Result<()> {
        self.format = Format::choose(&mut self.superblock, wide, checksums);
        self.head = self.first;
        self.forget_past(cache)
    }

    /// Marks the log as empty: it was left in order.
    pub fn close<D: BlockDevice>(&mut self, cache: &mut Cache<D>) -> Result<()> {
        self.tail = 0;
        self.store(cache)
    }

    /// Stores the superblock, for good. Only its first sector changes, so it cannot tear.
    fn store<D: BlockDevice>(&mut self, cache: &mut Cache<D>) -> Result<()> {
        put_big_word(&mut self.superblock, 0x18, self.sequence);
        put_big_word(&mut self.superblock, 0x1c, self.tail);
        self.format.seal_superblock(&mut self.superblock[..SUPERBLOCK_BYTES]);
        let (place, _) = self.place(0)?;
        cache.write_copies(place, &[Source::Memory(&self.superblock)], Durability::Lasting)?;
        Ok(())
    }
}
