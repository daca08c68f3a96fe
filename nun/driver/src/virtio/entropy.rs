//! A virtio source of random numbers (VIRTIO 1.2, section 5.4): asked once, and picked up when it has
//! interrupted.

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;
use virtio_drivers::{Error, Result};

use super::{PciTransport, begin, finish};
use crate::{DmaBuffer, SharedDma};

/// Bytes that it is asked for at a time.
pub const ENTROPY_BYTES: usize = 64;

const DESCRIPTORS: usize = 4;
const QUEUE: u16 = 0;

/// A source of random numbers.
///
/// When it is dropped the device is reset first; only then its buffer is free for others.
pub struct EntropyDevice {
    transport: PciTransport,
    queue: VirtQueue<SharedDma, DESCRIPTORS>,
    buffer: DmaBuffer,
    /// The request that the device has, by the number of its first descriptor.
    pending: Option<u16>,
}

impl EntropyDevice {
    /// Starts the device behind `transport`. The program's DMA pool must be installed.
    pub fn new(mut transport: PciTransport) -> Result<Self> {
        let buffer = DmaBuffer::new(1).ok_or(Error::DmaError)?.shortened(ENTROPY_BYTES);
        begin(&mut transport, 0)?;
        let queue = VirtQueue::new(&mut transport, QUEUE, false, false)?;
        finish(&mut transport);
        Ok(Self { transport, queue, buffer, pending: None })
    }

    /// Asks for numbers, unless some are on their way.
    pub fn ask(&mut self) -> Result {
        if self.pending.is_some() {
            return Ok(());
        }
        // SAFETY: the buffer is the device's until it is picked up; it is reset before that is freed.
        let token = unsafe { self.queue.add(&[], &mut [&mut self.buffer])? };
        self.pending = Some(token);
        if self.queue.should_notify() {
            self.transport.notify(QUEUE);
        }
        Ok(())
    }

    /// The numbers, if they have come, and how many bytes of them. An error means that the device
    /// answered what it was not asked; it should be reset.
    pub fn poll(&mut self) -> Result<Option<([u8; ENTROPY_BYTES], usize)>> {
        let Some(token) = self.queue.peek_used() else { return Ok(None) };
        self.pending.take_if(|pending| *pending == token).ok_or(Error::WrongToken)?;
        // SAFETY: this is the buffer that was handed in with this token.
        let length = unsafe { self.queue.pop_used(token, &[], &mut [&mut self.buffer])? };
        let mut bytes = [0; ENTROPY_BYTES];
        bytes.copy_from_slice(&self.buffer);
        // Nobody else learns what was given out.
        self.buffer.fill(0);
        Ok(Some((bytes, (length as usize).min(ENTROPY_BYTES))))
    }
}
