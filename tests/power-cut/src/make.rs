//! Empty images, made by `mke2fs`, the same each time.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::fsck::path_with_sbin;

/// Identifier and hash seed of all images.
const UUID: &str = "a9000000-0000-4000-8000-00000000000a";
/// When all images were made.
const TIME: &str = "1700000000";

/// An image's shape: its name, its size in KiB and options of `mke2fs -t ext4`.
pub type Shape = (&'static str, u32, &'static [&'static str]);

/// Shapes that exist.
pub const SHAPES: [Shape; 9] = [
    ("usual", 8 << 10, &["-b", "4096"]),
    ("small-blocks", 10 << 10, &["-b", "1024"]),
    ("bare", 6 << 10, &["-b", "1024", "-O", "^metadata_csum,^uninit_bg"]),
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
    let file = folder.join(format!("{name}.img"));
    fs::write(&file, [])?;
    let output = Command::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-m", "0", "-U", UUID])
        .args(["-E", &format!("hash_seed={UUID}")])
        .args(*options)
        .arg(&file)
        .arg(format!("{size}k"))
        .env("PATH", path_with_sbin())
        .env("E2FSPROGS_FAKE_TIME", TIME)
        .output()
        .context("cannot run mke2fs (package e2fsprogs)")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mke2fs failed: {complaint}");
    let image = fs::read(&file)?;
    fs::remove_file(&file)?;
    Ok(image)
}
