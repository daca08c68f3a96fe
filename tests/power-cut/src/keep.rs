//! Images that are kept for a machine to boot with, each with a list of what it has to find there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use crc::{CRC_32_ISCSI, Crc};
use koito_block::MemoryDevice;
use koito_fs::{Access, FileSystem, Kind, ROOT};

use crate::cut::{Cut, Cutter};
use crate::load::{Load, options};
use crate::tree;

/// The checksum in the lists, which `tests/revival` computes as well.
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Writes the images of all `cuts`, which are in order, as `cut-N.img` into `folder`, and beside each
/// `cut-N.txt`: length, checksum and path of every file.
pub fn all(base: &[u8], load: &Load, cuts: &[Cut], folder: &Path) -> Result<()> {
    let mut cutter = Cutter::new(base, &load.record);
    for (number, cut) in cuts.iter().enumerate() {
        let image = cutter.image(*cut);
        let write = |end: &str, bytes: &[u8]| {
            let file = folder.join(format!("cut-{number}.{end}"));
            fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))
        };
        write("img", &image)?;
        write("txt", list(image)?.as_bytes())?;
    }
    Ok(())
}

/// All files of an image, after our replay.
fn list(image: Vec<u8>) -> Result<String> {
    let mut fs = FileSystem::mount(MemoryDevice::new(image), options(Access::ReadWrite))?;
    let mut lines = String::new();
    for path in tree::read(&mut fs)?.into_keys() {
        let names = path.split('/').filter(|name| !name.is_empty());
        let node =
            names.into_iter().try_fold(ROOT, |node, name| fs.lookup(node, name.as_bytes()))?;
        if fs.attributes(node)?.kind == Kind::File {
            let contents = tree::contents(&mut fs, node)?;
            let checksum = CHECKSUM.checksum(&contents);
            lines += &format!("{} {checksum:08x} {path}\n", contents.len());
        }
    }
    Ok(lines)
}
