//! A disk: sectors, to and from the memory that a client shares with the driver by its channel.

use core::fmt;

use nun::service::Wire;

/// Bytes of a sector.
pub const SECTOR_BYTES: u64 = 512;

/// Size and kind of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct Geometry {
    /// Number of sectors.
    pub sectors: u64,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// A stretch of sectors, and where in the shared memory their contents are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct Stretch {
    /// The first sector.
    pub sector: u64,
    /// Length in bytes, a multiple of [`SECTOR_BYTES`].
    pub bytes: u64,
    /// Offset in the shared memory.
    pub place: u64,
}

/// Why a disk did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum DiskError {
    /// The client shares no memory, or the stretch does not lie in it or on the disk.
    OutOfRange = 1,
    /// The disk reports a failure.
    Failed = 2,
    /// The disk cannot be written.
    ReadOnly = 3,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "the stretch is not in the shared memory, or not on the disk",
            Self::Failed => "the disk failed",
            Self::ReadOnly => "the disk cannot be written",
        })
    }
}

/// Stores sectors. What was written survives the driver, and after a [`flush`](Disk::flush) also a
/// loss of power.
#[nun::service(version = 1)]
pub trait Disk {
    /// Its size and kind.
    #[method(ordinal = 1, retry = idempotent)]
    fn geometry(&self) -> Geometry;
    /// Reads sectors into the shared memory.
    #[method(ordinal = 2, retry = idempotent, waits)]
    fn read(&self, stretch: Stretch) -> Result<(), DiskError>;
    /// Writes sectors from the shared memory, which must not change meanwhile.
    #[method(ordinal = 3, retry = idempotent, waits)]
    fn write(&self, stretch: Stretch) -> Result<(), DiskError>;
    /// Has all that was written before survive a loss of power.
    #[method(ordinal = 4, retry = idempotent, waits)]
    fn flush(&self) -> Result<(), DiskError>;
}
