//! Contents of files, and attributes of nodes.

use koito_block::{BlockDevice, Use};

use crate::attributes::{Attributes, Changes, Kind, Node, Time};
use crate::error::{Errno, Error, Result};
use crate::extent::{Extent, Mapping};
use crate::filesystem::{CREDITS, FileSystem, SPARE};
use crate::inode::{Inode, Stamp};

/// Blocks written before the transaction is looked at again.
const WRITE_STEP: u32 = 256;
/// Bytes brought into memory at a time.
const READ_STEP: usize = 64 << 10;
/// Blocks read ahead of a sequential reader: at first, and at most.
const FIRST_WINDOW: u32 = 4;
const WIDEST_WINDOW: u32 = 64;
/// Blocks of a file have numbers below this.
const MOST_BLOCKS: u64 = u32::MAX as u64;

impl<D: BlockDevice> FileSystem<D> {
    fn file(&mut self, node: Node) -> Result<Inode> {
        let inode = self.node(node)?;
        match inode.kind() {
            Some(Kind::File) => Ok(inode),
            Some(Kind::Directory) => Err(Error::new(Errno::IsDirectory, "file: a directory")),
            _ => Err(Error::new(Errno::Invalid, "file: not a regular file")),
        }
    }

    /// Reads from `offset` on, and answers how many bytes it were: fewer than asked for only at the
    /// file's end.
    pub fn read(&mut self, file: Node, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let inode = self.file(file)?;
        let length = inode.size().saturating_sub(offset).min(buffer.len() as u64) as usize;
        let ahead = self.blocks_ahead(file.0, offset, length)?;
        let mut at = offset;
        for piece in buffer[..length].chunks_mut(READ_STEP) {
            self.read_ahead(&inode, file.0, at, piece.len(), ahead)?;
            self.read_blocks(&inode, file.0, at, piece)?;
            at += piece.len() as u64;
        }
        Ok(length)
    }

    /// How many blocks beyond what is asked for to read.
    fn blocks_ahead(&mut self, number: u32, offset: u64, length: usize) -> Result<u32> {
        let cached = self.cached(number)?;
        let sequential = cached.next_read == offset && offset > 0;
        cached.window = match cached.window {
            _ if !sequential => 0,
            0 => FIRST_WINDOW,
            window => (2 * window).min(WIDEST_WINDOW),
        };
        cached.next_read = offset + length as u64;
        Ok(cached.window)
    }

    /// Brings the blocks of a part of a file into memory; if one is missing, `ahead` blocks after
    /// the part come along.
    fn read_ahead(
        &mut self,
        inode: &Inode,
        number: u32,
        offset: u64,
        length: usize,
        ahead: u32,
    ) -> Result<()> {
        let bytes = self.superblock.block_bytes as u64;
        let mut at = (offset / bytes) as u32;
        let needed = (offset + length as u64).div_ceil(bytes) as u32;
        let end = (needed + ahead).min(inode.size().div_ceil(bytes) as u32);
        while at < needed {
            let (physical, count) = match self.map(inode, number, at)? {
                Mapping::Run { physical, count, unwritten: false } => (physical, count),
                Mapping::Run { count, .. } | Mapping::Hole { count } => {
                    at = at.saturating_add(count);
                    continue;
                }
            };
            let run = physical..physical + u64::from(count.min(needed - at));
            let missing = run.into_iter().find(|block| self.cache.peek(*block).is_none());
            if let Some(missing) = missing {
                let skipped = (missing - physical) as u32;
                let wanted = (count - skipped).min(end - at - skipped);
                self.cache.prefetch(missing, wanted as usize)?;
            }
            at += count.min(needed - at);
        }
        Ok(())
    }

    /// Copies a part of a file, which lies within its size.
    pub(crate) fn read_blocks(
        &mut self,
        inode: &Inode,
        number: u32,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<()> {
        let bytes = self.superblock.block_bytes;
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let logical = (at / bytes as u64) as u32;
            let within = (at % bytes as u64) as usize;
            let (physical, run) = match self.map(inode, number, logical)? {
                Mapping::Run { physical, count, unwritten: false } => (Some(physical), count),
                Mapping::Run { count, .. } | Mapping::Hole { count } => (None, count),
            };
            let length = (run as usize * bytes - within).min(buffer.len() - done);
            let mut part = &mut buffer[done..done + length];
            done += length;
            let Some(mut block) = physical else {
                part.fill(0);
                continue;
            };
            let mut from = within;
            while !part.is_empty() {
                let raw = &self.cache.read(block)?[from..];
                let (now, later) = part.split_at_mut(part.len().min(raw.len()));
                now.copy_from_slice(&raw[..now.len()]);
                (part, block, from) = (later, block + 1, 0);
            }
        }
        Ok(())
    }

    /// Writes at `offset`, which may lie beyond the end, and answers how many bytes it were: fewer
    /// than given only if the device is full.
    pub fn write(&mut self, file: Node, offset: u64, data: &[u8], now: Time) -> Result<usize> {
        let bytes = self.superblock.block_bytes as u64;
        let end = offset.checked_add(data.len() as u64);
        if end.is_none_or(|end| end > MOST_BLOCKS * bytes) {
            return Err(Error::new(Errno::FileTooLarge, "offset: beyond the largest file"));
        }
        self.changing(now, |this| {
            let mut inode = this.file(file)?;
            let mut done = 0;
            while done < data.len() {
                let at = offset + done as u64;
                let written = this.write_piece(&mut inode, file.0, at, &data[done..]);
                let broken = matches!(&written, Err(error) if error.errno != Errno::NoSpace);
                if broken {
                    return written;
                }
                let Ok(length) = written else {
                    return if done > 0 { Ok(done) } else { written };
                };
                done += length;
                inode.set_size(inode.size().max(offset + done as u64));
                this.stamp_contents(&mut inode);
                this.keep(file.0, inode.clone());
                this.begin(CREDITS)?;
            }
            Ok(done)
        })
    }

    fn stamp_contents(&self, inode: &mut Inode) {
        inode.set_time(Stamp::Modify, self.now);
        inode.set_time(Stamp::Change, self.now);
    }

    /// Writes the start of `data`, as much as one run of blocks holds.
    fn write_piece(
        &mut self,
        inode: &mut Inode,
        number: u32,
        offset: u64,
        data: &[u8],
    ) -> Result<usize> {
        let bytes = self.superblock.block_bytes as u64;
        let first = (offset / bytes) as u32;
        let within = (offset % bytes) as usize;
        let needed = (within as u64 + data.len() as u64).div_ceil(bytes).min(WRITE_STEP.into());
        let mapping = self.map(inode, number, first)?;
        let (physical, count, fresh) = match mapping {
            Mapping::Run { physical, count, unwritten } => {
                let count = count.min(needed as u32);
                if unwritten {
                    self.reserve(SPARE)?;
                    self.mark_written(inode, number, first, first + count)?;
                }
                (physical, count, unwritten)
            }
            Mapping::Hole { count } => {
                let (physical, count) =
                    self.fill_hole(inode, number, first, count.min(needed as u32))?;
                (physical, count, true)
            }
        };
        let length = (u64::from(count) * bytes - within as u64).min(data.len() as u64) as usize;
        self.store_data(physical, within, &data[..length], fresh)?;
        Ok(length)
    }

    /// Allocates up to `wanted` blocks for a hole that starts at block `first` of a file.
    fn fill_hole(
        &mut self,
        inode: &mut Inode,
        number: u32,
        first: u32,
        wanted: u32,
    ) -> Result<(u64, u32)> {
        self.reserve(SPARE + 1)?;
        let goal = match first.checked_sub(1) {
            Some(before) => match self.map(inode, number, before)? {
                Mapping::Run { physical, .. } => physical + 1,
                Mapping::Hole { .. } => 0,
            },
            None => 0,
        };
        let goal = match goal {
            0 => self.superblock.group_start(self.split_inode(number).0),
            goal => goal,
        };
        let room = self.groups.free_blocks() - self.transaction.freed_blocks - SPARE;
        let (physical, count) =
            self.allocate(goal, wanted.min(room.min(u32::MAX.into()) as u32))?;
        inode.add_blocks(count.into(), &self.superblock);
        let piece = Extent { logical: first, count, physical, unwritten: false };
        self.insert_extent(inode, number, piece)?;
        Ok((physical, count))
    }

    /// Puts `data` into blocks from `block` on, `within` bytes into the first. What `fresh` blocks
    /// held before is zero.
    fn store_data(&mut self, block: u64, within: usize, data: &[u8], fresh: bool) -> Result<()> {
        let bytes = self.superblock.block_bytes;
        let (mut block, mut within, mut rest) = (block, within, data);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(bytes - within));
            if now.len() == bytes {
                self.cache.store(block, now, Use::Data)?;
            } else {
                let raw = if fresh {
                    self.cache.replace(block, Use::Data)?
                } else {
                    self.cache.update(block, Use::Data)?
                };
                raw[within..within + now.len()].copy_from_slice(now);
            }
            (block, within, rest) = (block + 1, 0, later);
        }
        Ok(())
    }

    /// Makes all changes of `node` durable, its name included; and with them all others, since they
    /// share one journal.
    pub fn sync_node(&mut self, node: Node) -> Result<()> {
        self.node(node)?;
        self.sync()
    }

    /// What is known of a node.
    pub fn attributes(&mut self, node: Node) -> Result<Attributes> {
        let inode = self.node(node)?;
        let kind = inode.kind().ok_or(Error::new(Errno::Corrupt, "node: unknown kind"))?;
        let (user, group) = inode.owner();
        let is_device = matches!(kind, Kind::CharacterDevice | Kind::BlockDevice);
        Ok(Attributes {
            kind,
            permissions: inode.permissions(),
            links: inode.links(),
            user,
            group,
            size: inode.size(),
            sectors: inode.sectors(&self.superblock),
            device: if is_device { inode.device() } else { (0, 0) },
            generation: inode.generation(),
            accessed: inode.time(Stamp::Access),
            modified: inode.time(Stamp::Modify),
            changed: inode.time(Stamp::Change),
            created: inode.time(Stamp::Creation),
            is_extended: inode.is_extended(),
        })
    }

    /// Sets attributes. Cutting a file short frees its blocks.
    pub fn set_attributes(&mut self, node: Node, changes: &Changes, now: Time) -> Result<()> {
        self.changing(now, |this| {
            let mut inode = this.node(node)?;
            if let Some(size) = changes.size {
                this.file(node)?;
                if size > MOST_BLOCKS * this.superblock.block_bytes as u64 {
                    return Err(Error::new(Errno::FileTooLarge, "size: beyond the largest file"));
                }
            }
            let (user, group) = inode.owner();
            inode.set_owner(changes.user.unwrap_or(user), changes.group.unwrap_or(group));
            if let Some(permissions) = changes.permissions {
                inode.set_permissions(permissions);
            }
            let resized = changes.size.filter(|size| *size != inode.size());
            if changes.size.is_some() {
                inode.set_time(Stamp::Modify, now);
            }
            for (stamp, time) in
                [(Stamp::Access, changes.accessed), (Stamp::Modify, changes.modified)]
            {
                if let Some(time) = time {
                    inode.set_time(stamp, time);
                }
            }
            inode.set_time(Stamp::Change, now);
            let shorter = resized.is_some_and(|size| size < inode.size());
            inode.set_size(resized.unwrap_or(inode.size()));
            this.keep(node.0, inode);
            if shorter { this.shorten(node.0) } else { Ok(()) }
        })
    }

    /// Frees what a file has beyond its size, and zeroes the rest of its last block. Comes last in
    /// an operation: it may commit.
    pub(crate) fn shorten(&mut self, number: u32) -> Result<()> {
        let inode = self.cached(number)?.inode.clone();
        let bytes = self.superblock.block_bytes as u64;
        let keep = inode.size().div_ceil(bytes).min(MOST_BLOCKS) as u32;
        let used = (inode.size() % bytes) as usize;
        if used > 0
            && let Mapping::Run { physical, unwritten: false, .. } =
                self.map(&inode, number, keep - 1)?
        {
            self.cache.update(physical, Use::Data)?[used..].fill(0);
        }
        self.cut(number, keep)
    }
}
