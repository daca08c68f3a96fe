//! What survives a crash, a failing device, and a mount that may not change anything.

mod common;

use common::{MAKER, NOW, contents, errno, file, mounted, names, options};
use koito_block::{BlockDevice, DeviceError, Durability, Geometry, MemoryDevice, Sector};
use koito_fs::{Access, Errno, FileSystem, New, ROOT};
use koito_fs_images::{UNCLEAN, USUAL, expand};

#[test]
fn a_journal_is_replayed_and_orphans_are_deleted() {
    let mut fs = mounted(UNCLEAN);
    let seen = names(&mut fs, ROOT, 100);
    assert!(seen.contains(&"link".to_owned()) && !seen.contains(&"held".to_owned()));
    let crowd = fs.lookup(ROOT, b"crowd").expect("a directory");
    assert_eq!(names(&mut fs, crowd, 100).len(), 59);
    let pieces = fs.lookup(ROOT, b"pieces").expect("a file");
    assert_eq!(contents(&mut fs, pieces)[99 * 2048..], *b"a piece");
    // The orphan's inode is the next to be used.
    let free = fs.space().free_inodes;
    file(&mut fs, "new", b"x");
    assert_eq!(fs.space().free_inodes, free - 1);
}

#[test]
fn synced_changes_survive_and_later_ones_vanish_as_a_whole() {
    let mut fs = mounted(USUAL);
    file(&mut fs, "synced", b"safe");
    fs.sync().expect("synced");
    file(&mut fs, "late", b"lost");
    let mut fs = FileSystem::mount(fs.abandon(), options(Access::ReadWrite)).expect("it mounts");
    let node = fs.lookup(ROOT, b"synced").expect("it is there");
    assert_eq!(contents(&mut fs, node), b"safe");
    assert_eq!(errno(fs.lookup(ROOT, b"late")), Errno::NoEntry);
}

#[test]
fn a_mount_to_be_read_changes_nothing() {
    let image = expand(USUAL).expect("an image");
    let device = MemoryDevice::new(image.clone());
    let mut fs = FileSystem::mount(device, options(Access::ReadOnly)).expect("it mounts");
    assert_eq!(errno(fs.create(ROOT, b"x", New::File, MAKER)), Errno::ReadOnly);
    assert_eq!(names(&mut fs, ROOT, 10), ["lost+found"]);
    fs.sync().expect("there is nothing to sync");
    assert!(fs.unmount().expect("it unmounts").into_bytes() == image);
}

/// A device whose writes fail from some point on.
struct Failing {
    below: MemoryDevice,
    writes_left: usize,
}

impl BlockDevice for Failing {
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
        self.writes_left = self.writes_left.checked_sub(1).ok_or(DeviceError::Failed { start })?;
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
fn a_failing_device_stops_all_changes_and_leaves_a_good_image() {
    for writes_left in 2..12 {
        let below = MemoryDevice::new(expand(USUAL).expect("an image"));
        let device = Failing { below, writes_left };
        let mut fs = FileSystem::mount(device, options(Access::ReadWrite)).expect("it mounts");
        let mut made = 0;
        let error = loop {
            let name = format!("file {made}");
            let step = fs.create(ROOT, name.as_bytes(), New::File, MAKER).and_then(|_| fs.sync());
            match step {
                Ok(()) => made += 1,
                Err(error) => break error,
            }
        };
        assert!(error.errno == Errno::Io && error.device.is_some(), "{error}");
        assert_eq!(errno(fs.create(ROOT, b"x", New::File, MAKER)), Errno::Io);
        assert_eq!(errno(fs.sync()), Errno::Io);
        let device = fs.abandon().below;
        let mut fs =
            FileSystem::mount(device, options(Access::ReadWrite)).expect("it mounts again");
        let found = names(&mut fs, ROOT, 100).len() - 1;
        assert!(found == made || found == made + 1, "{found} of {made}");
    }
}

#[test]
fn what_is_no_file_system_is_refused() {
    let mount =
        |image| FileSystem::mount(MemoryDevice::new(image), options(Access::ReadWrite)).err();
    assert_eq!(mount(vec![0; 1 << 20]).map(|error| error.errno), Some(Errno::Invalid));
    assert!(mount(vec![0; 512]).is_some());
    let mut cut = expand(USUAL).expect("an image");
    cut.truncate(1 << 20);
    assert_eq!(mount(cut).map(|error| error.errno), Some(Errno::Corrupt));
    let mut unknown = expand(USUAL).expect("an image");
    unknown[1024 + 0x62] |= 1;
    assert_eq!(mount(unknown).map(|error| error.errno), Some(Errno::Unsupported));
    let mut damaged = expand(USUAL).expect("an image");
    damaged[1024 + 0x88] ^= 1;
    assert_eq!(mount(damaged).map(|error| error.errno), Some(Errno::Corrupt));
    let image = expand(USUAL).expect("an image");
    let small = koito_fs::Options { cache_bytes: 4096, ..options(Access::ReadWrite) };
    let error = FileSystem::mount(MemoryDevice::new(image), small).err().map(|error| error.errno);
    assert_eq!(error, Some(Errno::Invalid));
}

#[test]
fn the_time_of_a_change_is_what_the_caller_says() {
    let mut fs = mounted(USUAL);
    let node = file(&mut fs, "file", b"x");
    let later = koito_fs::Time { seconds: NOW.seconds + 10, nanoseconds: 0 };
    fs.write(node, 0, b"y", later).expect("written");
    let attributes = fs.attributes(node).expect("attributes");
    assert_eq!((attributes.modified, attributes.created), (later, NOW));
}
