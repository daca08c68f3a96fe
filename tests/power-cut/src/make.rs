//! Images, made by `mke2fs`, the same each time.

use std::path::Path;

use anyhow::{Context, Result};
use koito_block::MemoryDevice;
use koito_fs::{Access, FileSystem, Maker, New, ROOT, Time};

use crate::load;

/// An image's shape: its name, its size in KiB and options of `mke2fs -t ext4`.
pub type Shape = (&'static str, u32, &'static [&'static str]);

/// Shapes that exist.
pub const SHAPES: [Shape; 9] = [
    ("usual", 8 << 10, &["-b", "4096"]),
    ("small-blocks", 10 << 10, &["-b", "1024"]),
    ("bare", 4 << 10, &["-b", "1024", "-J", "size=1", "-O", "^metadata_csum,^uninit_bg"]),
    ("middle-blocks", 40 << 10, &["-b", "2048", "-O", "^64bit,^metadata_csum"]),
    ("no-index", 48 << 10, &["-b", "1024", "-O", "^dir_index"]),
    ("small-inodes", 64 << 10, &["-b", "4096", "-I", "128"]),
    ("large-inodes", 64 << 10, &["-b", "4096", "-I", "512", "-O", "metadata_csum_seed"]),
    ("many-groups", 30 << 10, &["-b", "1024", "-g", "1024", "-O", "^flex_bg"]),
    ("old", 32 << 10, &["-b", "1024", "-O", "^64bit,^huge_file,^dir_nlink,^extra_isize"]),
];

/// Makes an image of the shape called `name`, in `folder`.
pub fn image(name: &str, folder: &Path) -> Result<Vec<u8>> {
    let shape = SHAPES.iter().find(|shape| shape.0 == name);
    let (_, size, options) = shape.with_context(|| format!("no image is called {name}"))?;
    koito_fs_make::empty(*size, options, folder)
}

/// A file system with something of everything in it, mounted, its last changes only in the journal.
/// What files hold is short, so that the image packs well.
pub fn populated(image: Vec<u8>) -> Result<FileSystem<MemoryDevice>> {
    let mut fs = FileSystem::mount(MemoryDevice::new(image), load::options(Access::ReadWrite))?;
    let now = Time { seconds: 1_700_000_000, nanoseconds: 0 };
    let maker = Maker { user: 1000, group: 1000, permissions: 0o644, now };
    let crowd = fs.create(ROOT, b"crowd", New::Directory, maker)?;
    for number in 0..60 {
        let name = format!("{number} {}", "x".repeat(40));
        fs.create(crowd, name.as_bytes(), New::Link(b"somewhere else"), maker)?;
    }
    let pieces = fs.create(ROOT, b"pieces", New::File, maker)?;
    for piece in 0..100 {
        fs.write(pieces, piece * 2048, b"a piece", now)?;
    }
    let held = fs.create(ROOT, b"held", New::File, maker)?;
    fs.write(held, 0, b"soon an orphan", now)?;
    fs.sync()?;
    fs.hold(held)?;
    fs.unlink(ROOT, b"held", now)?;
    fs.create(ROOT, b"device", New::BlockDevice(8, 1), maker)?;
    fs.create(ROOT, b"link", New::Link(&[b'l'; 100]), maker)?;
    fs.unlink(crowd, format!("7 {}", "x".repeat(40)).as_bytes(), now)?;
    fs.sync()?;
    Ok(fs)
}
