//! A block device in memory: a RAM disk, and the device of most tests.

use alloc::vec::Vec;

use crate::{BlockDevice, DeviceError, Durability, Geometry, Sector};

const SECTOR_BYTES: usize = 512;

/// Sectors of 512 bytes in memory.
#[derive(Clone, Debug)]
pub struct MemoryDevice {
    bytes: Vec<u8>,
}

impl MemoryDevice {
    /// A device that holds `image`; what is no whole sector at its end is cut off.
    pub fn new(mut image: Vec<u8>) -> Self {
        image.truncate(image.len() / SECTOR_BYTES * SECTOR_BYTES);
        Self { bytes: image }
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it holds, to be changed behind the back of whoever uses it.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// What it held.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn range(&mut self, start: Sector, bytes: usize) -> Result<&mut [u8], DeviceError> {
        if !self.geometry().contains(start, bytes) {
            return Err(DeviceError::OutOfRange { start, bytes });
        }
        let first = start.0 as usize * SECTOR_BYTES;
        Ok(&mut self.bytes[first..first + bytes])
    }
}

impl BlockDevice for MemoryDevice {
    fn geometry(&self) -> Geometry {
        Geometry { sector_bytes: SECTOR_BYTES, sectors: (self.bytes.len() / SECTOR_BYTES) as u64 }
    }

    fn read(&mut self, start: Sector, pieces: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        let mut rest: &[u8] = self.range(start, pieces.iter().map(|piece| piece.len()).sum())?;
        for piece in pieces {
            let (now, later) = rest.split_at(piece.len());
            piece.copy_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    fn write(
        &mut self,
        start: Sector,
        pieces: &[&[u8]],
        _durability: Durability,
    ) -> Result<(), DeviceError> {
        let mut rest = self.range(start, pieces.iter().map(|piece| piece.len()).sum())?;
        for piece in pieces {
            let (now, later) = rest.split_at_mut(piece.len());
            now.copy_from_slice(piece);
            rest = later;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    fn discard(&mut self, start: Sector, sectors: u64) -> Result<(), DeviceError> {
        let bytes = usize::try_from(sectors)
            .ok()
            .and_then(|sectors| sectors.checked_mul(SECTOR_BYTES))
            .unwrap_or(usize::MAX);
        self.range(start, bytes).map(|_| ())
    }
}
