//! A mounted file system: mounting, unmounting, and the ground that all operations stand on.
//!
//! Every change follows one pattern. An operation first looks and refuses, touching nothing; then
//! it makes sure that the open transaction has room and that the blocks it may need are free; then
//! it changes. If the device fails or the image turns out damaged in the middle of that, the open
//! transaction is never committed and the file system takes no more changes: what was durable
//! stays, and the next mount starts from there.

use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashMap;
use koito_block::{BlockDevice, Cache, Durability, Sector, Source, Use};

use crate::attributes::{Space, Time};
use crate::checksum::crc32c;
use crate::error::{Errno, Error, Result, corrupt};
use crate::extent;
use crate::groups::Groups;
use crate::inode::Inode;
use crate::inodes::Cached;
use crate::journal::{Log, Run, Seal, Transaction, replay};
use crate::superblock::{self, Protection, Superblock};

/// Blocks that any one change may add to a transaction.
pub(crate) const CREDITS: usize = 48;
/// Blocks kept free so that every started change can be finished.
pub(crate) const SPARE: u64 = 16;
/// The cache needs at least this many blocks.
const SMALLEST_CACHE: usize = 256;

/// What a mount may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing is changed, but for the replay of a journal that needs it.
    ReadOnly,
    /// Everything.
    ReadWrite,
}

/// How to mount.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What may be done.
    pub access: Access,
    /// Bytes of memory for the cache of blocks, at least 256 blocks' worth.
    pub cache_bytes: usize,
    /// The time.
    pub now: Time,
}

/// A mounted ext4 file system on a device. See the crate's documentation for what it promises.
#[derive(Clone, Debug)]
pub struct FileSystem<D> {
    pub(crate) cache: Cache<D>,
    pub(crate) superblock: Superblock,
    pub(crate) groups: Groups,
    pub(crate) log: Log,
    pub(crate) transaction: Transaction,
    pub(crate) inodes: HashMap<u32, Cached>,
    /// Inodes without a name, and those that are being truncated; the last is the list's head.
    pub(crate) orphans: Vec<u32>,
    pub(crate) access: Access,
    /// A change broke off half-way: nothing is changed any more.
    pub(crate) failed: bool,
    /// Blocks that a transaction may change, at most.
    pub(crate) most_changes: usize,
    /// Generation of the next new inode.
    pub(crate) generation: u32,
    /// The time of the last change.
    pub(crate) now: Time,
}

impl<D: BlockDevice> FileSystem<D> {
    /// Mounts what `device` holds. A journal that needs it is replayed, and what a crash left
    /// half deleted is deleted.
    pub fn mount(mut device: D, options: Options) -> Result<Self> {
        let superblock = read_superblock(&mut device)?;
        let blocks = options.cache_bytes / superblock.block_bytes;
        if blocks < SMALLEST_CACHE {
            return Err(Error::new(Errno::Invalid, "cache_bytes: less than 256 blocks"));
        }
        let sectors_per_block = superblock.block_bytes / device.geometry().sector_bytes.max(1);
        if sectors_per_block == 0 {
            return Err(Error::new(Errno::Unsupported, "device: sectors larger than a block"));
        }
        let mut cache = Cache::new(device, superblock.block_bytes, blocks);
        let groups = decode_groups(&mut cache, &superblock)?;
        let generation = crc32c(superblock.seed, &options.now.nanoseconds.to_le_bytes());
        let generation = crc32c(generation, &options.now.seconds.to_le_bytes());
        let runs = journal_runs(&mut cache, &superblock, &groups)?;
        let log = Log::open(&mut cache, runs)?;
        let most_changes = (log.length() as usize / 4).min(blocks / 2);
        let mut mounted = Self {
            cache,
            superblock,
            groups,
            log,
            generation,
            transaction: Transaction::default(),
            inodes: HashMap::new(),
            orphans: vec![],
            access: options.access,
            failed: false,
            most_changes,
            now: options.now,
        };
        mounted.recover()?;
        if options.access == Access::ReadWrite {
            mounted.open_for_changes()?;
        }
        Ok(mounted)
    }

    /// Replays the journal if that is needed, and reads again what it may have changed.
    fn recover(&mut self) -> Result<()> {
        if !self.superblock.needs_recovery() {
            return Ok(());
        }
        if !self.log.is_empty() {
            replay(&mut self.log, &mut self.cache)?;
        }
        self.superblock = self.reread_superblock()?;
        self.groups = decode_groups(&mut self.cache, &self.superblock)?;
        self.log.close(&mut self.cache)?;
        self.superblock.set_needs_recovery(false);
        self.write_superblock()
    }

    fn reread_superblock(&mut self) -> Result<Superblock> {
        let (block, at) = self.superblock.place();
        let mut raw = [0; superblock::SIZE];
        raw.copy_from_slice(&self.cache.read(block)?[at..at + superblock::SIZE]);
        let bytes = self.cache.blocks() * self.cache.block_bytes() as u64;
        Superblock::decode(raw, bytes)
    }

    /// Marks the image as in use, and finishes what a crash interrupted.
    fn open_for_changes(&mut self) -> Result<()> {
        let wide = self.superblock.is_wide();
        let checksums = self.superblock.protection == Protection::Everything;
        self.superblock.set_needs_recovery(true);
        self.write_superblock()?;
        self.log.restart(&mut self.cache, wide, checksums)?;
        self.finish_orphans()
    }

    /// Stores the superblock at its place, for good. Only its first sector changes, so it cannot
    /// tear.
    fn write_superblock(&mut self) -> Result<()> {
        let (block, at) = self.superblock.place();
        let raw = self.superblock.encode();
        let mut bytes = self.cache.read(block)?.to_vec();
        bytes[at..at + superblock::SIZE].copy_from_slice(&raw);
        self.cache.flush()?;
        self.cache.forget(block, 1);
        self.cache.write_copies(block, &[Source::Memory(&bytes)], Durability::Lasting)?;
        Ok(())
    }

    /// Writes everything, marks the image as left in order and gives the device back. Nodes that
    /// are held without a name stay listed for the next mount to delete.
    pub fn unmount(mut self) -> Result<D> {
        if self.access == Access::ReadWrite && !self.failed {
            let (blocks, inodes) = (self.groups.free_blocks(), self.groups.free_inodes());
            self.superblock.set_free(blocks, inodes);
            self.transaction.superblock = true;
            self.commit()?;
            self.checkpoint()?;
            self.log.close(&mut self.cache)?;
            self.superblock.set_needs_recovery(false);
            self.write_superblock()?;
        }
        Ok(self.cache.into_device())
    }

    /// The device, as a crash would leave it: nothing more is written.
    pub fn abandon(self) -> D {
        self.cache.into_device()
    }

    /// The device below.
    pub fn device(&self) -> &D {
        self.cache.device()
    }

    /// How much space there is.
    pub fn space(&self) -> Space {
        let table = self.superblock.table_blocks() + 2;
        let structure: u64 = (0..self.superblock.groups)
            .map(|group| self.superblock.backup_blocks(group) + table)
            .sum();
        Space {
            block_bytes: self.superblock.block_bytes,
            blocks: self.superblock.blocks.saturating_sub(structure + u64::from(self.log.end)),
            free_blocks: self.groups.free_blocks().saturating_sub(SPARE),
            inodes: self.superblock.inodes(),
            free_inodes: self.groups.free_inodes(),
        }
    }

    /// Makes all changes durable, of all files.
    pub fn sync(&mut self) -> Result<()> {
        if self.access == Access::ReadOnly {
            return Ok(());
        }
        self.check_health()?;
        self.commit()
    }

    fn check_health(&self) -> Result<()> {
        if self.failed {
            return Err(Error::new(Errno::Io, "an earlier change failed; mount again"));
        }
        Ok(())
    }

    /// Runs an operation that may change something, at the time `now`.
    pub(crate) fn changing<T>(
        &mut self,
        now: Time,
        operation: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.check_health()?;
        if self.access == Access::ReadOnly {
            return Err(Error::new(Errno::ReadOnly, "mounted to be read"));
        }
        self.now = now;
        self.begin(CREDITS)?;
        let before = self.transaction.changes;
        let verdict = operation(self);
        if let Err(error) = &verdict {
            let broken = matches!(error.errno, Errno::Io | Errno::Corrupt | Errno::Unsupported);
            self.failed |= broken && self.transaction.changes != before;
        }
        self.trim_inodes();
        verdict
    }

    /// Sees to it that `blocks` blocks can be allocated, if need be by committing, which gives back
    /// what was freed. Nothing was changed if it fails.
    pub(crate) fn reserve(&mut self, blocks: u64) -> Result<()> {
        let pending = self.transaction.freed_blocks;
        let free = self.groups.free_blocks();
        if free < blocks {
            return Err(Error::new(Errno::NoSpace, "no block is left"));
        }
        if free < blocks + pending {
            self.commit()?;
        }
        Ok(())
    }

    /// A block of structure, checked by `check` when it comes from the device.
    pub(crate) fn structure(
        &mut self,
        block: u64,
        check: impl FnOnce(&[u8]) -> bool,
        complaint: &'static str,
    ) -> Result<&[u8]> {
        if self.cache.peek(block).is_none() && !check(self.cache.read(block)?) {
            self.cache.forget(block, 1);
            return Err(corrupt(complaint));
        }
        Ok(self.cache.read(block)?)
    }

    /// A block of structure, to be changed; it was read before.
    pub(crate) fn change(&mut self, block: u64, seal: Seal) -> Result<&mut [u8]> {
        self.transaction.change(block, seal);
        Ok(self.cache.update(block, Use::Held)?)
    }

    /// A new block of structure, all zero.
    pub(crate) fn fresh(&mut self, block: u64, seal: Seal) -> Result<&mut [u8]> {
        self.transaction.change(block, seal);
        Ok(self.cache.replace(block, Use::Held)?)
    }
}

/// Reads the superblock before anything is known of the shape of blocks.
fn read_superblock<D: BlockDevice>(device: &mut D) -> Result<Superblock> {
    let geometry = device.geometry();
    let unit = geometry.sector_bytes.max(superblock::SIZE);
    let mut bytes = vec![0; unit.max(superblock::OFFSET + superblock::SIZE)];
    device.read(Sector(0), &mut [&mut bytes])?;
    let mut raw = [0; superblock::SIZE];
    raw.copy_from_slice(&bytes[superblock::OFFSET..superblock::OFFSET + superblock::SIZE]);
    Superblock::decode(raw, geometry.sectors.saturating_mul(geometry.sector_bytes as u64))
}

fn decode_groups<D: BlockDevice>(cache: &mut Cache<D>, superblock: &Superblock) -> Result<Groups> {
    let mut table = Vec::new();
    for number in 0..superblock.descriptor_blocks() {
        table.extend_from_slice(cache.read(superblock.first_block + 1 + number)?);
    }
    Groups::decode(&table, superblock)
}

/// Where the journal's blocks lie: its inode is read before the journal was replayed, which never
/// changes it.
fn journal_runs<D: BlockDevice>(
    cache: &mut Cache<D>,
    superblock: &Superblock,
    groups: &Groups,
) -> Result<Vec<Run>> {
    let number = superblock.journal_inode();
    if number == 0 || number > superblock.group_inodes {
        return Err(Error::new(Errno::Unsupported, "superblock: the journal is elsewhere"));
    }
    let at = (number as usize - 1) * superblock.inode_bytes;
    let block = groups.get(0).inode_table + (at / superblock.block_bytes) as u64;
    let at = at % superblock.block_bytes;
    let raw = &cache.read(block)?[at..at + superblock.inode_bytes];
    if !Inode::is_intact(raw, number, superblock) {
        return Err(corrupt("journal: wrong checksum of its inode"));
    }
    let inode = Inode::decode(raw);
    extent::runs(cache, &inode, superblock)
}
