//! A chain of buffers that the driver made available: what the device may read, then what it may write.

use heapless::Vec;

use crate::{GuestMemory, Outside};

/// Most buffers of a chain.
pub const MOST_BUFFERS: usize = 32;

/// A stretch of the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    pub address: u64,
    pub bytes: u32,
}

/// A chain. Its buffers lay in the guest's memory when it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Its number in the queue.
    pub(super) head: u16,
    pub(super) buffers: Vec<Buffer, MOST_BUFFERS>,
    /// How many of them the device reads.
    pub(super) readable: usize,
}

impl Chain {
    /// How many bytes the device may read.
    pub fn readable(&self) -> u64 {
        length(self.for_reading())
    }

    /// How many bytes it may write.
    pub fn writable(&self) -> u64 {
        length(self.for_writing())
    }

    /// Fills `bytes` with what may be read, from `offset` on. *Outside* if that is less.
    pub fn read(
        &self,
        memory: &(impl GuestMemory + ?Sized),
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), Outside> {
        let mut done = 0;
        for (address, length) in pieces(self.for_reading(), offset, bytes.len()) {
            let Some(part) = bytes.get_mut(done..done + length) else { break };
            memory.read(address, part)?;
            done += length;
        }
        if done == bytes.len() { Ok(()) } else { Err(Outside) }
    }

    /// Writes `bytes` to what may be written, from `offset` on. *Outside* if they have no room; as many as
    /// have are written nevertheless.
    pub fn write(
        &self,
        memory: &mut (impl GuestMemory + ?Sized),
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Outside> {
        let mut done = 0;
        for (address, length) in pieces(self.for_writing(), offset, bytes.len()) {
            let Some(part) = bytes.get(done..done + length) else { break };
            memory.write(address, part)?;
            done += length;
        }
        if done == bytes.len() { Ok(()) } else { Err(Outside) }
    }

    fn for_reading(&self) -> &[Buffer] {
        self.buffers.get(..self.readable).unwrap_or_default()
    }

    fn for_writing(&self) -> &[Buffer] {
        self.buffers.get(self.readable..).unwrap_or_default()
    }
}

fn length(buffers: &[Buffer]) -> u64 {
    buffers.iter().map(|buffer| u64::from(buffer.bytes)).sum()
}

/// Where `bytes` bytes from `offset` of all buffers on are: address and length of each piece. Fewer if
/// there are not so many.
fn pieces(buffers: &[Buffer], offset: u64, bytes: usize) -> impl Iterator<Item = (u64, usize)> {
    let (mut skip, mut left) = (offset, bytes);
    buffers.iter().filter_map(move |buffer| {
        let begin = skip.min(buffer.bytes.into());
        skip -= begin;
        let length = left.min((u64::from(buffer.bytes) - begin) as usize);
        left -= length;
        (length > 0).then_some((buffer.address + begin, length))
    })
}
