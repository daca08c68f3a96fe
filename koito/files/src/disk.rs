//! The driver's service as the block device that the file system stands on.

use koito::services::{DiskClient, DiskError, Geometry as DiskGeometry, SECTOR_BYTES, Stretch};
use koito_block::{BlockDevice, DeviceError, Durability, Geometry, Sector};
use nun::mapped::Mapped;
use nun::service::Failure;

/// A disk behind a driver, with the memory that is shared with it.
///
/// A driver that dies is no failure: its calls are repeated by the stub, with the next instance.
pub struct RemoteDisk {
    client: DiskClient,
    shared: Mapped,
    geometry: DiskGeometry,
}

impl RemoteDisk {
    /// The disk of `client`, through `shared`.
    pub fn open(client: DiskClient, shared: Mapped) -> Result<Self, Failure> {
        let geometry = client.geometry()?;
        Ok(Self { client, shared, geometry })
    }

    /// A request in parts that the shared memory has room for: first sector and length.
    fn parts(&self, start: Sector, bytes: usize) -> impl Iterator<Item = (u64, usize)> + use<> {
        let most = self.shared.bytes() & !(SECTOR_BYTES as usize - 1);
        (0..bytes)
            .step_by(most.max(SECTOR_BYTES as usize))
            .map(move |done| (start.0 + done as u64 / SECTOR_BYTES, (bytes - done).min(most)))
    }

    fn check(&self, start: Sector, bytes: usize) -> Result<(), DeviceError> {
        let fits = self.geometry().contains(start, bytes);
        fits.then_some(()).ok_or(DeviceError::OutOfRange { start, bytes })
    }
}

fn stretch(sector: u64, bytes: usize) -> Stretch {
    Stretch { sector, bytes: bytes as u64, place: 0 }
}

fn failure(start: Sector) -> impl Fn(Failure<DiskError>) -> DeviceError {
    move |failure| match failure {
        Failure::Method(DiskError::ReadOnly) => DeviceError::ReadOnly,
        _ => DeviceError::Failed { start },
    }
}

impl BlockDevice for RemoteDisk {
    fn geometry(&self) -> Geometry {
        Geometry { sector_bytes: SECTOR_BYTES as usize, sectors: self.geometry.sectors }
    }

    fn read(&mut self, start: Sector, pieces: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        self.check(start, bytes)?;
        let mut pieces = pieces.iter_mut();
        let mut rest: &mut [u8] = &mut [];
        for (sector, length) in self.parts(start, bytes) {
            self.client.read(stretch(sector, length)).map_err(failure(start))?;
            let mut done = 0;
            while done < length {
                if rest.is_empty() {
                    let Some(next) = pieces.next() else { break };
                    rest = next;
                }
                let now = rest.len().min(length - done);
                let (head, tail) = core::mem::take(&mut rest).split_at_mut(now);
                self.shared.copy_to(done, head);
                (rest, done) = (tail, done + now);
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        start: Sector,
        pieces: &[&[u8]],
        durability: Durability,
    ) -> Result<(), DeviceError> {
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        self.check(start, bytes)?;
        let mut pieces = pieces.iter();
        let mut rest: &[u8] = &[];
        for (sector, length) in self.parts(start, bytes) {
            let mut done = 0;
            while done < length {
                if rest.is_empty() {
                    let Some(next) = pieces.next() else { break };
                    rest = next;
                }
                let (head, tail) = rest.split_at(rest.len().min(length - done));
                self.shared.copy_from(done, head);
                (rest, done) = (tail, done + head.len());
            }
            self.client.write(stretch(sector, length)).map_err(failure(start))?;
        }
        match durability {
            Durability::Accepted => Ok(()),
            Durability::Lasting => self.flush(),
        }
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.client.flush().map_err(failure(Sector(0)))
    }

    fn discard(&mut self, start: Sector, sectors: u64) -> Result<(), DeviceError> {
        // The driver does not pass it on.
        self.check(start, sectors.saturating_mul(SECTOR_BYTES) as usize)
    }
}
