//! Bytes on their way: a ring that grows up to a limit.

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::buffer::{Source, Target};

/// Bytes to begin with.
const FIRST: usize = 4096;

/// Bytes on their way, in order.
#[derive(Clone, Debug)]
pub struct Ring {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
    limit: usize,
}

impl Ring {
    /// Room for `limit` bytes, a power of two from 4096.
    pub const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, length: 0, limit }
    }

    /// Bytes in it.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Bytes that can be added.
    pub const fn room(&self) -> usize {
        self.limit - self.length
    }

    /// Bytes that it can hold.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Has it hold up to `limit` bytes, a power of two from 4096; whether what is in it fits.
    pub const fn set_limit(&mut self, limit: usize) -> bool {
        let fits = self.length <= limit;
        if fits {
            self.limit = limit;
        }
        fits
    }

    /// Adds up to `most` bytes, as far as there is room; answers how many. An error means none.
    pub fn fill(&mut self, source: &mut dyn Source, most: usize) -> Result<usize, Errno> {
        let count = source.left().min(most).min(self.room());
        self.grow(self.length + count);
        let size = self.bytes.len();
        let mut done = 0;
        while done < count {
            let at = (self.start + self.length) & (size - 1);
            let now = (count - done).min(size - at);
            match source.take(&mut self.bytes[at..at + now]) {
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
                Ok(()) => {}
            }
            self.length += now;
            done += now;
        }
        Ok(done)
    }

    /// Takes out up to `most` bytes; answers how many. An error means none.
    pub fn drain(&mut self, target: &mut dyn Target, most: usize) -> Result<usize, Errno> {
        let count = target.room().min(most).min(self.length);
        let mut done = 0;
        while done < count {
            let now = (count - done).min(self.bytes.len() - self.start);
            match target.put(&self.bytes[self.start..self.start + now]) {
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
                Ok(()) => {}
            }
            self.skip(now);
            done += now;
        }
        Ok(done)
    }

    /// The first `most` bytes in it, or all, which stay there.
    pub fn first(&self, most: usize) -> Vec<u8> {
        let count = most.min(self.length);
        let behind = count.min(self.bytes.len() - self.start);
        [&self.bytes[self.start..self.start + behind], &self.bytes[..count - behind]].concat()
    }

    fn skip(&mut self, count: usize) {
        self.start =
            if count == self.length { 0 } else { (self.start + count) & (self.bytes.len() - 1) };
        self.length -= count;
    }

    fn grow(&mut self, needed: usize) {
        let size = self.bytes.len();
        if needed <= size {
            return;
        }
        let larger_size = needed.next_power_of_two().max(FIRST);
        let mut larger = Vec::with_capacity(larger_size);
        let first = self.length.min(size - self.start);
        larger.extend_from_slice(&self.bytes[self.start..self.start + first]);
        larger.extend_from_slice(&self.bytes[..self.length - first]);
        larger.resize(larger_size, 0);
        (self.bytes, self.start) = (larger, 0);
    }
}
