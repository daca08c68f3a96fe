//! The contract of a block device.

use core::fmt;

/// Number of a sector of the device, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sector(pub u64);

/// Size and shape of a device; they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of a sector, a power of two from 512. A power failure tears writes between sectors,
    /// never within one.
    pub sector_bytes: usize,
    /// Number of sectors.
    pub sectors: u64,
}

impl Geometry {
    /// Whether `bytes` from `start` are whole sectors that the device has.
    pub fn contains(&self, start: Sector, bytes: usize) -> bool {
        let sectors = (bytes / self.sector_bytes) as u64;
        bytes.is_multiple_of(self.sector_bytes)
            && start.0.checked_add(sectors).is_some_and(|end| end <= self.sectors)
    }
}

/// When a write counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The device has it, perhaps in a volatile cache: a flush makes it last.
    Accepted,
    /// It survives a power failure from now on (*force unit access*). It says nothing about
    /// writes before it.
    Lasting,
}

/// Why a request failed. What the sectors of a failed write hold is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The request leaves the device, or is not made of whole sectors.
    OutOfRange {
        /// First sector of the request.
        start: Sector,
        /// Its length.
        bytes: usize,
    },
    /// The device, or the driver of it, reports a failure.
    Failed {
        /// First sector of the request.
        start: Sector,
    },
    /// The device does not take writes.
    ReadOnly,
    /// A cache has room for no further block: so many are held by an open transaction.
    NoMemory {
        /// How many.
        held: usize,
    },
}

impl fmt::Display for DeviceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { start, bytes } => {
                write!(formatter, "{bytes} bytes from sector {} are not on the device", start.0)
            }
            Self::Failed { start } => write!(formatter, "the device failed at sector {}", start.0),
            Self::NoMemory { held } => {
                write!(formatter, "{held} held blocks leave no room in the cache")
            }
            Self::ReadOnly => formatter.write_str("the device is read-only"),
        }
    }
}

impl core::error::Error for DeviceError {}

/// A device that stores sectors. Calls return when the device has answered.
///
/// Requests are one run of sectors, and a scatter list of memory: each piece is a whole number
/// of sectors. Writes between two flushes reach the medium in any order, and after a power failure
/// any subset of their sectors may be there.
pub trait BlockDevice {
    /// Size and shape.
    fn geometry(&self) -> Geometry;

    /// Fills `pieces`, one after the other, from `start` on.
    fn read(&mut self, start: Sector, pieces: &mut [&mut [u8]]) -> Result<(), DeviceError>;

    /// Stores `pieces`, one after the other, from `start` on.
    fn write(
        &mut self,
        start: Sector,
        pieces: &[&[u8]],
        durability: Durability,
    ) -> Result<(), DeviceError>;

    /// Makes every write that was answered before survive a power failure.
    fn flush(&mut self) -> Result<(), DeviceError>;

    /// Says that nobody needs what these sectors hold. A device may ignore it.
    fn discard(&mut self, start: Sector, sectors: u64) -> Result<(), DeviceError>;
}
