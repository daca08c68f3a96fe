//! A virtio disk (VIRTIO 1.2, section 5.2) whose requests nobody has to wait for: they are handed in,
//! and picked up when the device has interrupted. All of them, flushes included.
//!
//! A buffer belongs to its request from the one moment to the other, so that nobody reads what the
//! device is writing.

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::{Error, PAGE_SIZE, Result};
use zerocopy::{Immutable, IntoBytes};

use super::{PciTransport, begin, finish};
use crate::{DmaBuffer, SharedDma};

/// Bytes of a sector.
pub const SECTOR_BYTES: usize = 512;

/// Requests that can be under way, each of which takes up to three descriptors.
const DEPTH: usize = 10;
const DESCRIPTORS: usize = 32;
const QUEUE: u16 = 0;

/// Feature bits (section 5.2.3).
const READ_ONLY: u64 = 1 << 5;
const FLUSH: u64 = 1 << 9;

/// Where a request's header and status lie in the page of all of them.
const HEADER_STRIDE: usize = 32;
const STATUS_OFFSET: usize = 16;
const _: () = assert!(DEPTH * HEADER_STRIDE <= PAGE_SIZE);

/// What a status says (section 5.2.6), before the device has written any.
const PENDING: u8 = 0xff;
const OK: u8 = 0;
const UNSUPPORTED: u8 = 2;

/// The header of a request (section 5.2.6).
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct Header {
    kind: u32,
    reserved: u32,
    sector: u64,
}

/// What is wanted of a disk.
#[derive(Debug)]
pub enum Request {
    /// Read into the whole buffer, from a sector on.
    Read(u64, DmaBuffer),
    /// Write the whole buffer, from a sector on.
    Write(u64, DmaBuffer),
    /// Have everything that was written before survive a loss of power.
    Flush,
}

/// Which request; numbers are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(usize);

/// A request that is done.
#[derive(Debug)]
pub struct Completion {
    /// Which.
    pub ticket: Ticket,
    /// How it went.
    pub result: Result,
    /// Its buffer, if it had one.
    pub buffer: Option<DmaBuffer>,
}

/// A request under way, by the number of its first descriptor.
#[derive(Debug)]
struct Pending {
    token: u16,
    request: Request,
}

/// A disk.
///
/// When it is dropped the device is reset first; only then its buffers are free for others.
pub struct BlockDevice {
    transport: PciTransport,
    queue: VirtQueue<SharedDma, DESCRIPTORS>,
    headers: DmaBuffer,
    pending: [Option<Pending>; DEPTH],
    features: u64,
    sectors: u64,
}

impl BlockDevice {
    /// Starts the device behind `transport`. The program's DMA pool must be installed.
    pub fn new(mut transport: PciTransport) -> Result<Self> {
        let headers = DmaBuffer::new(1).ok_or(Error::DmaError)?;
        let features = begin(&mut transport, READ_ONLY | FLUSH)?;
        let queue = VirtQueue::new(&mut transport, QUEUE, false, false)?;
        let sectors = transport.read_config_space(0)?;
        finish(&mut transport);
        Ok(Self { transport, queue, headers, pending: [const { None }; DEPTH], features, sectors })
    }

    /// How many sectors it has.
    pub const fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Whether it cannot be written.
    pub const fn is_read_only(&self) -> bool {
        self.features & READ_ONLY != 0
    }

    /// Whether it may lose what was written until it is flushed. One that may not needs no flush.
    pub const fn needs_flush(&self) -> bool {
        self.features & FLUSH != 0
    }

    /// Hands a request in. If the device cannot take it at the moment, or the disk ends before it, it
    /// comes back with the reason.
    pub fn submit(&mut self, request: Request) -> core::result::Result<Ticket, (Error, Request)> {
        let Some(number) = self.pending.iter().position(Option::is_none) else {
            return Err((Error::QueueFull, request));
        };
        match self.enqueue(number, request) {
            Ok(pending) => {
                self.pending[number] = Some(pending);
                if self.queue.should_notify() {
                    self.transport.notify(QUEUE);
                }
                Ok(Ticket(number))
            }
            Err(refused) => Err(refused),
        }
    }

    fn enqueue(
        &mut self,
        number: usize,
        mut request: Request,
    ) -> core::result::Result<Pending, (Error, Request)> {
        let (kind, sector, bytes) = match &request {
            Request::Read(sector, buffer) => (0, *sector, buffer.len()),
            Request::Write(sector, buffer) => (1, *sector, buffer.len()),
            Request::Flush => (4, 0, 0),
        };
        let end = sector.checked_add((bytes / SECTOR_BYTES) as u64);
        if end.is_none_or(|end| end > self.sectors) {
            return Err((Error::InvalidParam, request));
        }
        let (header, status) = split(&mut self.headers, number);
        header.copy_from_slice(Header { kind, reserved: 0, sector }.as_bytes());
        status.fill(PENDING);
        // SAFETY: header and status are this request's until it is picked up, and so is its buffer,
        // which it owns; the device is reset before any of them is freed.
        let token = unsafe {
            match &mut request {
                Request::Read(_, buffer) => self.queue.add(&[header], &mut [buffer, status]),
                Request::Write(_, buffer) => self.queue.add(&[header, buffer], &mut [status]),
                Request::Flush => self.queue.add(&[header], &mut [status]),
            }
        };
        match token {
            Ok(token) => Ok(Pending { token, request }),
            Err(error) => Err((error, request)),
        }
    }

    /// A request that is done, if there is one. An error means that the device answered what it was
    /// not asked; it should be reset.
    pub fn poll(&mut self) -> Result<Option<Completion>> {
        let Some(token) = self.queue.peek_used() else { return Ok(None) };
        let is_it = |pending: &Option<Pending>| {
            pending.as_ref().is_some_and(|pending| pending.token == token)
        };
        let number = self.pending.iter().position(is_it).ok_or(Error::WrongToken)?;
        let Some(mut pending) = self.pending[number].take() else { return Ok(None) };
        let (header, status) = split(&mut self.headers, number);
        // SAFETY: these are the buffers that were handed in with this token.
        let popped = unsafe {
            match &mut pending.request {
                Request::Read(_, buffer) => {
                    self.queue.pop_used(token, &[header], &mut [buffer, status])
                }
                Request::Write(_, buffer) => {
                    self.queue.pop_used(token, &[header, buffer], &mut [status])
                }
                Request::Flush => self.queue.pop_used(token, &[header], &mut [status]),
            }
        };
        let result = popped.and(match status {
            [OK] => Ok(()),
            [UNSUPPORTED] => Err(Error::Unsupported),
            _ => Err(Error::IoError),
        });
        let buffer = match pending.request {
            Request::Read(_, buffer) | Request::Write(_, buffer) => Some(buffer),
            Request::Flush => None,
        };
        Ok(Some(Completion { ticket: Ticket(number), result, buffer }))
    }
}

/// Header and status of request `number`.
fn split(headers: &mut DmaBuffer, number: usize) -> (&mut [u8], &mut [u8]) {
    let place = &mut headers[number * HEADER_STRIDE..][..HEADER_STRIDE];
    let (header, rest) = place.split_at_mut(STATUS_OFFSET);
    (header, &mut rest[..1])
}
