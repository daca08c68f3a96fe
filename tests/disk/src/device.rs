//! The virtio disk as a block device whose calls return when it has answered.

use alloc::rc::Rc;
use core::cell::RefCell;

use disk::MARK_BYTES;
use koito_block::{BlockDevice, DeviceError, Durability, Geometry, Sector};
use nun::NotificationPort;
use nun_driver::DmaBuffer;
use nun_driver::virtio::virtio_drivers::{Error, Result};
use nun_driver::virtio::{BlockDevice as Virtio, Request, SECTOR_BYTES};

/// Bytes of a page.
const PAGE: usize = 4096;
/// Pages that one request moves at most.
const PAGES: usize = 8;

/// A disk, and the signal that it rings.
pub struct Disk {
    virtio: Virtio,
    signal: NotificationPort,
}

impl Disk {
    /// The disk behind a driver whose interrupts ring `signal`.
    pub fn new(virtio: Virtio, signal: NotificationPort) -> Self {
        Self { virtio, signal }
    }

    /// Hands a request in and waits for its end.
    fn perform(&mut self, request: Request) -> Result<Option<DmaBuffer>> {
        let ticket = self.virtio.submit(request).map_err(|(error, _)| error)?;
        loop {
            self.signal.wait().map_err(|_| Error::IoError)?;
            if let Some(done) = self.virtio.poll()?.filter(|done| done.ticket == ticket) {
                done.result?;
                return Ok(done.buffer);
            }
        }
    }

    fn read_piece(&mut self, sector: u64, piece: &mut [u8]) -> Result<()> {
        let buffer = buffer(piece.len())?;
        let buffer = self.perform(Request::Read(sector, buffer))?.ok_or(Error::IoError)?;
        piece.copy_from_slice(&buffer[..piece.len()]);
        Ok(())
    }

    /// Writes whole pages; the cache's blocks are some.
    fn write_piece(&mut self, sector: u64, piece: &[u8]) -> Result<()> {
        if !piece.len().is_multiple_of(PAGE) {
            return Err(Error::InvalidParam);
        }
        let mut buffer = buffer(piece.len())?;
        buffer.copy_from_slice(piece);
        self.perform(Request::Write(sector, buffer)).map(drop)
    }
}

/// The disk in the hands of the file system and of whoever marks how far it came.
#[derive(Clone)]
pub struct Shared(Rc<RefCell<Disk>>);

impl Shared {
    /// Shares `disk`.
    pub fn new(disk: Disk) -> Self {
        Self(Rc::new(RefCell::new(disk)))
    }

    /// Writes `number` behind the file system.
    pub fn mark(&self, number: u64) -> core::result::Result<(), DeviceError> {
        let disk = &mut *self.0.borrow_mut();
        let mut page = [0; MARK_BYTES as usize];
        page[..8].copy_from_slice(&number.to_le_bytes());
        let place = Sector(disk.virtio.sectors() - MARK_BYTES / SECTOR_BYTES as u64);
        disk.write(place, &[&page], Durability::Accepted)
    }
}

impl BlockDevice for Shared {
    fn geometry(&self) -> Geometry {
        self.0.borrow().geometry()
    }

    fn read(
        &mut self,
        start: Sector,
        pieces: &mut [&mut [u8]],
    ) -> core::result::Result<(), DeviceError> {
        self.0.borrow_mut().read(start, pieces)
    }

    fn write(
        &mut self,
        start: Sector,
        pieces: &[&[u8]],
        durability: Durability,
    ) -> core::result::Result<(), DeviceError> {
        self.0.borrow_mut().write(start, pieces, durability)
    }

    fn flush(&mut self) -> core::result::Result<(), DeviceError> {
        self.0.borrow_mut().flush()
    }

    fn discard(&mut self, start: Sector, sectors: u64) -> core::result::Result<(), DeviceError> {
        self.0.borrow_mut().discard(start, sectors)
    }
}

/// A buffer of at least so many bytes, in whole pages: requests fill all of a buffer.
fn buffer(bytes: usize) -> Result<DmaBuffer> {
    DmaBuffer::new(bytes.div_ceil(PAGE)).ok_or(Error::DmaError)
}

impl BlockDevice for Disk {
    fn geometry(&self) -> Geometry {
        Geometry { sector_bytes: SECTOR_BYTES, sectors: self.virtio.sectors() }
    }

    fn read(
        &mut self,
        start: Sector,
        pieces: &mut [&mut [u8]],
    ) -> core::result::Result<(), DeviceError> {
        let mut at = start;
        for piece in pieces.iter_mut().flat_map(|piece| piece.chunks_mut(PAGES * PAGE)) {
            self.read_piece(at.0, piece).map_err(|_| DeviceError::Failed { start: at })?;
            at.0 += (piece.len() / SECTOR_BYTES) as u64;
        }
        Ok(())
    }

    fn write(
        &mut self,
        start: Sector,
        pieces: &[&[u8]],
        durability: Durability,
    ) -> core::result::Result<(), DeviceError> {
        let mut at = start;
        for piece in pieces.iter().flat_map(|piece| piece.chunks(PAGES * PAGE)) {
            self.write_piece(at.0, piece).map_err(|_| DeviceError::Failed { start: at })?;
            at.0 += (piece.len() / SECTOR_BYTES) as u64;
        }
        // A virtio disk writes nothing through.
        if durability == Durability::Lasting { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> core::result::Result<(), DeviceError> {
        if self.virtio.needs_flush() {
            let failed = DeviceError::Failed { start: Sector(0) };
            self.perform(Request::Flush).map_err(|_| failed)?;
        }
        Ok(())
    }

    fn discard(&mut self, _start: Sector, _sectors: u64) -> core::result::Result<(), DeviceError> {
        Ok(())
    }
}
