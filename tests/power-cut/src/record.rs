//! A device that records what is done to it.

use std::cell::RefCell;
use std::rc::Rc;

use koito_block::{BlockDevice, DeviceError, Durability, Geometry, MemoryDevice, Sector};

/// Bytes of a sector in records and images.
pub const SECTOR: usize = 512;

/// Something that happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Sectors were written.
    Write {
        /// The first.
        start: u64,
        /// Their contents.
        bytes: Vec<u8>,
        /// Whether the write went through to the medium.
        durability: Durability,
    },
    /// All writes before went to the medium.
    Flush,
    /// The load reached a point that it knows by this number.
    Mark(usize),
}

/// The record of a device; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Record(Rc<RefCell<Vec<Event>>>);

impl Record {
    /// Adds an event.
    pub fn push(&self, event: Event) {
        self.0.borrow_mut().push(event);
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Whether nothing happened yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All events.
    pub fn take(&self) -> Vec<Event> {
        self.0.take()
    }
}

/// A device in memory that records.
#[derive(Debug)]
pub struct Recorder {
    below: MemoryDevice,
    record: Record,
}

impl Recorder {
    /// A device that holds `image`, and writes into `record`.
    pub fn new(image: Vec<u8>, record: Record) -> Self {
        Self { below: MemoryDevice::new(image), record }
    }
}

impl BlockDevice for Recorder {
    fn geometry(&self) -> Geometry {
        self.below.geometry()
    }

    fn read(&mut self, start: Sector, pieces: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        self.below.read(start, pieces)
    }

    fn write(
        &mut self,
        start: Sector,
        pieces: &[&[u8]],
        durability: Durability,
    ) -> Result<(), DeviceError> {
        self.below.write(start, pieces, durability)?;
        self.record.push(Event::Write { start: start.0, bytes: pieces.concat(), durability });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.record.push(Event::Flush);
        Ok(())
    }

    fn discard(&mut self, start: Sector, sectors: u64) -> Result<(), DeviceError> {
        self.below.discard(start, sectors)
    }
}
