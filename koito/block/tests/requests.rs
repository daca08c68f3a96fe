//! How the cache talks to the device: few requests, long runs, an error where there is no room.

use koito_block::{
    BlockDevice, Cache, DeviceError, Durability, Geometry, MemoryDevice, Sector, Use,
};

/// A device that counts its requests, and fails when told to.
struct Counting {
    below: MemoryDevice,
    reads: Vec<(u64, usize)>,
    writes: Vec<(u64, usize)>,
    broken: bool,
}

impl Counting {
    fn new(blocks: usize) -> Self {
        let below = MemoryDevice::new(vec![7; blocks * 4096]);
        Self { below, reads: vec![], writes: vec![], broken: false }
    }
}

impl BlockDevice for Counting {
    fn geometry(&self) -> Geometry {
        self.below.geometry()
    }

    fn read(&mut self, start: Sector, pieces: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        self.reads.push((start.0 / 8, pieces.len()));
        if self.broken {
            return Err(DeviceError::Failed { start });
        }
        self.below.read(start, pieces)
    }

    fn write(
        &mut self,
        start: Sector,
        pieces: &[&[u8]],
        durability: Durability,
    ) -> Result<(), DeviceError> {
        self.writes.push((start.0 / 8, pieces.len()));
        if self.broken {
            return Err(DeviceError::Failed { start });
        }
        self.below.write(start, pieces, durability)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.below.flush()
    }

    fn discard(&mut self, start: Sector, sectors: u64) -> Result<(), DeviceError> {
        self.below.discard(start, sectors)
    }
}

#[test]
fn reading_ahead_takes_one_request_around_what_is_there() {
    let mut cache = Cache::new(Counting::new(100), 4096, 80);
    cache.read(14).unwrap();
    cache.prefetch(10, 10).unwrap();
    for block in 10..20 {
        assert_eq!(cache.read(block).unwrap()[0], 7);
    }
    assert_eq!(cache.device().reads, [(14, 1), (10, 4), (15, 5)]);
}

#[test]
fn changed_blocks_are_written_in_order_and_in_runs() {
    let mut cache = Cache::new(Counting::new(100), 4096, 50);
    for block in [30, 7, 8, 31, 6, 50] {
        cache.replace(block, Use::Data).unwrap();
    }
    cache.update(9, Use::Held).unwrap();
    cache.write_data().unwrap();
    assert_eq!(cache.device().writes, [(6, 3), (30, 2), (50, 1)]);
}

#[test]
fn held_blocks_that_fill_the_cache_are_an_error_and_not_a_loss() {
    let mut cache = Cache::new(Counting::new(100), 4096, 4);
    for block in 0..4 {
        cache.update(block, Use::Held).unwrap()[0] = 9;
    }
    assert_eq!(cache.read(50), Err(DeviceError::NoMemory { held: 4 }));
    cache.release();
    assert_eq!(cache.read(50).unwrap()[0], 7);
    assert_eq!(cache.read(3).unwrap()[0], 9);
}

#[test]
fn a_failed_write_leaves_the_change_in_memory() {
    let mut device = Counting::new(100);
    device.broken = true;
    let mut cache = Cache::new(device, 4096, 8);
    cache.replace(5, Use::Data).unwrap()[0] = 1;
    assert!(cache.write_all().is_err());
    assert_eq!((cache.changed(), cache.peek(5).map(|bytes| bytes[0])), (1, Some(1)));
    assert!(cache.prefetch(20, 2).is_err());
    assert_eq!(cache.peek(20), None);
}

#[test]
fn blocks_beyond_the_device_are_refused() {
    let mut cache = Cache::new(MemoryDevice::new(vec![0; 10 * 4096]), 4096, 8);
    assert!(matches!(cache.read(10), Err(DeviceError::OutOfRange { .. })));
    assert!(matches!(cache.replace(u64::MAX, Use::Data), Err(DeviceError::OutOfRange { .. })));
    cache.prefetch(8, 100).expect("it stops at the end");
}
