//! The write-back cache: a bounded number of blocks in memory, none of which reaches the device
//! too early.
//!
//! A journalling file system needs two promises, and gets them from the state of each frame:
//! changed structure never goes home before its transaction is committed (*held*), and a commit
//! can push out all changed data first. Everything else, when to write and what to forget, is the
//! cache's own business. Victims are found by a clock; a changed one makes all that may be written
//! go out at once, in order, in runs as long as they come.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::frame::{Frame, State, Use};
use crate::{BlockDevice, DeviceError, Durability, Sector};

/// Longest run of blocks in one request.
const LONGEST_RUN: usize = 256;

/// Where a copy comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A block in the caller's memory.
    Memory(&'a [u8]),
    /// The contents that the cache has of this block.
    Cached(u64),
}

/// A cache of the blocks of a device.
#[derive(Clone, Debug)]
pub struct Cache<D> {
    device: D,
    block_bytes: usize,
    blocks: u64,
    frames: Vec<Frame>,
    index: HashMap<u64, usize>,
    hand: usize,
    /// Blocks in state [`State::Data`].
    data: BTreeSet<u64>,
    /// Blocks in state [`State::Held`].
    held: BTreeSet<u64>,
    /// Blocks in state [`State::Committed`].
    committed: BTreeSet<u64>,
    /// Whether something was written since the last flush.
    unflushed: bool,
}

impl<D: BlockDevice> Cache<D> {
    /// A cache of `capacity` blocks of `block_bytes` each, a multiple of the sector size. All of
    /// its memory is taken now.
    pub fn new(device: D, block_bytes: usize, capacity: usize) -> Self {
        let geometry = device.geometry();
        let blocks = geometry.sectors / (block_bytes / geometry.sector_bytes).max(1) as u64;
        let frames = (0..capacity.max(1))
            .map(|_| Frame {
                block: 0,
                state: State::Empty,
                recent: false,
                bytes: vec![0; block_bytes].into_boxed_slice(),
            })
            .collect();
        let index = HashMap::with_capacity(capacity);
        Self {
            device,
            block_bytes,
            blocks,
            frames,
            index,
            hand: 0,
            data: BTreeSet::new(),
            held: BTreeSet::new(),
            committed: BTreeSet::new(),
            unflushed: false,
        }
    }

    /// The device below.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device below; what was not written is lost.
    pub fn into_device(self) -> D {
        self.device
    }

    /// Bytes of a block.
    pub fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Whole blocks of the device.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many blocks it has room for.
    pub fn capacity(&self) -> usize {
        self.frames.len()
    }

    /// How many blocks are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many blocks the device lacks, held ones not counted.
    pub fn changed(&self) -> usize {
        self.data.len() + self.committed.len()
    }

    /// The contents of `block`.
    pub fn read(&mut self, block: u64) -> Result<&[u8], DeviceError> {
        let frame = self.load(block)?;
        Ok(&self.frames[frame].bytes)
    }

    /// The contents of `block` if they are in memory.
    pub fn peek(&self, block: u64) -> Option<&[u8]> {
        self.index.get(&block).map(|frame| &*self.frames[*frame].bytes)
    }

    /// The contents of `block`, to be changed.
    pub fn update(&mut self, block: u64, purpose: Use) -> Result<&mut [u8], DeviceError> {
        let frame = self.load(block)?;
        self.mark(frame, purpose);
        Ok(&mut self.frames[frame].bytes)
    }

    /// Gives `block` these contents, a whole block of them. The device is not asked for the old
    /// ones.
    pub fn store(&mut self, block: u64, bytes: &[u8], purpose: Use) -> Result<(), DeviceError> {
        let frame = self.frame_for(block)?;
        self.mark(frame, purpose);
        self.frames[frame].bytes.copy_from_slice(bytes);
        Ok(())
    }

    /// New contents for `block`: zeros, to be changed. The device is not asked for the old ones.
    pub fn replace(&mut self, block: u64, purpose: Use) -> Result<&mut [u8], DeviceError> {
        let frame = self.frame_for(block)?;
        self.mark(frame, purpose);
        self.frames[frame].bytes.fill(0);
        Ok(&mut self.frames[frame].bytes)
    }

    /// Reads what is missing of `count` blocks from `start` on, in few requests. At most a quarter
    /// of what is not held is filled, and nothing beyond the device's end.
    pub fn prefetch(&mut self, start: u64, count: usize) -> Result<(), DeviceError> {
        let room = (self.frames.len() - self.held.len()) / 4;
        let count = count.min(room).min(self.blocks.saturating_sub(start) as usize);
        let end = start + count as u64;
        let mut next = start;
        while next < end {
            let run = (next..end)
                .take(LONGEST_RUN)
                .take_while(|block| !self.index.contains_key(block))
                .count();
            if run > 0 {
                self.fetch(next, run)?;
            }
            next += run.max(1) as u64;
        }
        Ok(())
    }

    /// Forgets `count` blocks from `start` on, changed or not: nobody needs their contents.
    pub fn forget(&mut self, start: u64, count: u64) {
        if count < self.index.len() as u64 {
            for block in start..start + count {
                if let Some(frame) = self.index.remove(&block) {
                    self.empty(frame);
                }
            }
        } else {
            let range = start..start.saturating_add(count);
            for frame in 0..self.frames.len() {
                let candidate = &self.frames[frame];
                if candidate.state != State::Empty && range.contains(&candidate.block) {
                    self.index.remove(&candidate.block);
                    self.empty(frame);
                }
            }
        }
    }

    /// The transaction is committed: what was held may be written from now on.
    pub fn release(&mut self) {
        for block in &self.held {
            if let Some(frame) = self.index.get(block) {
                self.frames[*frame].state = State::Committed;
            }
        }
        self.committed.append(&mut self.held);
    }

    /// Writes all changed contents of files. They last after the next [`flush`](Self::flush).
    pub fn write_data(&mut self) -> Result<(), DeviceError> {
        self.write_back()
    }

    /// Writes all that may be written, structure of committed transactions too. It lasts after
    /// the next [`flush`](Self::flush).
    pub fn write_all(&mut self) -> Result<(), DeviceError> {
        self.data.append(&mut self.committed);
        self.write_back()
    }

    /// Makes all that was written last. The device is not asked if nothing was written since.
    pub fn flush(&mut self) -> Result<(), DeviceError> {
        if self.unflushed {
            self.device.flush()?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Writes copies of blocks to `start` and the blocks after it, past the cache: for a log, which
    /// nobody reads again. A cached source that is not in memory is a failure.
    pub fn write_copies(
        &mut self,
        start: u64,
        sources: &[Source<'_>],
        durability: Durability,
    ) -> Result<(), DeviceError> {
        self.check(start, sources.len() as u64)?;
        let sector = self.sector(start);
        let mut pieces = Vec::with_capacity(sources.len());
        for source in sources {
            pieces.push(match source {
                Source::Memory(bytes) => bytes,
                Source::Cached(block) => {
                    let missing = DeviceError::Failed { start: self.sector(*block) };
                    let frame = self.index.get(block).ok_or(missing)?;
                    &*self.frames[*frame].bytes
                }
            });
        }
        self.unflushed |= durability == Durability::Accepted;
        self.device.write(sector, &pieces, durability)
    }

    fn sector(&self, block: u64) -> Sector {
        Sector(block * (self.block_bytes / self.device.geometry().sector_bytes) as u64)
    }

    fn check(&self, start: u64, count: u64) -> Result<(), DeviceError> {
        match start.checked_add(count) {
            Some(end) if end <= self.blocks => Ok(()),
            _ => Err(DeviceError::OutOfRange {
                start: Sector(start),
                bytes: (count as usize).saturating_mul(self.block_bytes),
            }),
        }
    }

    /// A frame for `block`, whose contents do not matter.
    fn frame_for(&mut self, block: u64) -> Result<usize, DeviceError> {
        if let Some(frame) = self.index.get(&block) {
            return Ok(*frame);
        }
        self.check(block, 1)?;
        let frame = self.claim()?;
        self.occupy(frame, block);
        Ok(frame)
    }

    /// The frame of `block`, read if need be.
    fn load(&mut self, block: u64) -> Result<usize, DeviceError> {
        if let Some(frame) = self.index.get(&block) {
            self.frames[*frame].recent = true;
            return Ok(*frame);
        }
        self.check(block, 1)?;
        let frame = self.claim()?;
        let sector = self.sector(block);
        self.device.read(sector, &mut [&mut self.frames[frame].bytes])?;
        self.occupy(frame, block);
        Ok(frame)
    }

    /// Reads `count` blocks, none of which is in memory, with one request.
    fn fetch(&mut self, start: u64, count: usize) -> Result<(), DeviceError> {
        let mut frames = Vec::with_capacity(count);
        for block in start..start + count as u64 {
            let frame = self.claim()?;
            self.occupy(frame, block);
            frames.push(frame);
        }
        // Their memory leaves the frames for the time of the request, so that all of it can be
        // borrowed at once.
        let mut memory: Vec<Box<[u8]>> =
            frames.iter().map(|frame| core::mem::take(&mut self.frames[*frame].bytes)).collect();
        let sector = self.sector(start);
        let mut pieces: Vec<&mut [u8]> = memory.iter_mut().map(|bytes| &mut **bytes).collect();
        let verdict = self.device.read(sector, &mut pieces);
        for (frame, bytes) in frames.iter().zip(memory) {
            self.frames[*frame].bytes = bytes;
        }
        if verdict.is_err() {
            self.forget(start, count as u64);
        }
        verdict
    }

    /// An empty frame: a free one, or the victim of the clock.
    fn claim(&mut self) -> Result<usize, DeviceError> {
        // The first round may only find that all were used since; the second finds what is not held.
        for _ in 0..2 * self.frames.len() {
            let at = self.hand;
            self.hand = (at + 1) % self.frames.len();
            let frame = &mut self.frames[at];
            if frame.state == State::Empty {
                return Ok(at);
            }
            if frame.state == State::Held || core::mem::take(&mut frame.recent) {
                continue;
            }
            if frame.writable() {
                self.write_all()?;
            }
            self.index.remove(&self.frames[at].block);
            self.empty(at);
            return Ok(at);
        }
        Err(DeviceError::NoMemory { held: self.held.len() })
    }

    fn occupy(&mut self, frame: usize, block: u64) {
        let entry = &mut self.frames[frame];
        entry.block = block;
        entry.state = State::Clean;
        entry.recent = true;
        self.index.insert(block, frame);
    }

    fn empty(&mut self, frame: usize) {
        self.forget_change(frame);
        self.frames[frame].state = State::Empty;
    }

    fn mark(&mut self, frame: usize, purpose: Use) {
        let entry = &self.frames[frame];
        let (block, state) = (entry.block, entry.state);
        let wanted = match purpose {
            Use::Held => State::Held,
            Use::Data => State::Data,
        };
        if state != wanted && state != State::Held {
            self.forget_change(frame);
            self.frames[frame].state = wanted;
            match purpose {
                Use::Held => self.held.insert(block),
                Use::Data => self.data.insert(block),
            };
        }
    }

    fn forget_change(&mut self, frame: usize) {
        let block = self.frames[frame].block;
        match self.frames[frame].state {
            State::Empty | State::Clean => false,
            State::Held => self.held.remove(&block),
            // Writing treats committed structure as data while it is at it.
            State::Data | State::Committed => {
                self.data.remove(&block) | self.committed.remove(&block)
            }
        };
    }

    /// Writes every block in `data`, in order. One that failed stays changed.
    fn write_back(&mut self) -> Result<(), DeviceError> {
        while let Some(first) = self.data.first().copied() {
            let run: Vec<u64> = (first..)
                .zip(&self.data)
                .take(LONGEST_RUN)
                .take_while(|(wanted, block)| wanted == *block)
                .map(|(block, _)| block)
                .collect();
            let sources: Vec<Source<'_>> = run.iter().copied().map(Source::Cached).collect();
            self.write_copies(first, &sources, Durability::Accepted)?;
            for block in run {
                self.data.remove(&block);
                if let Some(frame) = self.index.get(&block) {
                    self.frames[*frame].state = State::Clean;
                }
            }
        }
        Ok(())
    }
}
