//! Images of root file systems: `mke2fs` makes them, our own file system fills them.
//!
//! The same folder gives the same image, byte for byte: identifier, hash seed and all times are
//! fixed, names come in order, everything belongs to root. `mke2fs -d` could fill them too, but
//! copies the host's times of change, which nobody can set. A tar archive fills an image as well:
//! that says who owns what, and when it was changed, so no special rights are needed to say so.

#![forbid(unsafe_code)]

mod archive;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use koito_block::MemoryDevice;
use koito_fs::{Access, FileSystem, Maker, New, Node, Options, ROOT, Time};

/// Identifier and hash seed of all images.
const UUID: &str = "a9000000-0000-4000-8000-00000000000a";
/// When everything in an image was made.
const NOW: Time = Time { seconds: 1_700_000_000, nanoseconds: 0 };
const CACHE_BYTES: usize = 8 << 20;

/// A program of the package e2fsprogs, which may lie where not everybody's path leads.
pub fn judge(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// An empty image of `kibibytes`, made by `mke2fs -t ext4` with these options. It passes through a
/// file in `folder`.
pub fn empty(kibibytes: u32, options: &[&str], folder: &Path) -> Result<Vec<u8>> {
    let file = folder.join("empty.img");
    fs::write(&file, []).with_context(|| format!("cannot write {}", file.display()))?;
    let output = judge("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-m", "0", "-U", UUID])
        .args(["-E", &format!("hash_seed={UUID}")])
        .args(options)
        .arg(&file)
        .arg(format!("{kibibytes}k"))
        .env("E2FSPROGS_FAKE_TIME", NOW.seconds.to_string())
        .output()
        .context("cannot run mke2fs (package e2fsprogs)")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mke2fs failed: {complaint}");
    let image = fs::read(&file)?;
    fs::remove_file(&file)?;
    Ok(image)
}

/// The image with everything from the folder or archive `tree` in its root directory.
pub fn fill(image: Vec<u8>, tree: &Path) -> Result<Vec<u8>> {
    let options = Options { access: Access::ReadWrite, cache_bytes: CACHE_BYTES, now: NOW };
    let mut target = FileSystem::mount(MemoryDevice::new(image), options)?;
    if tree.is_dir() {
        copy_folder(&mut target, ROOT, tree)?;
    } else {
        let file =
            fs::File::open(tree).with_context(|| format!("cannot read {}", tree.display()))?;
        archive::copy(&mut target, file)
            .with_context(|| format!("cannot copy {}", tree.display()))?;
    }
    Ok(target.unmount()?.into_bytes())
}

/// Copies what is in `folder` into `directory`, in the order of names.
fn copy_folder(
    target: &mut FileSystem<MemoryDevice>,
    directory: Node,
    folder: &Path,
) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let path = folder.join(&name);
        copy(target, directory, &name, &path)
            .with_context(|| format!("cannot copy {}", path.display()))?;
    }
    Ok(())
}

fn copy(
    target: &mut FileSystem<MemoryDevice>,
    directory: Node,
    name: &OsStr,
    path: &Path,
) -> Result<()> {
    let known = fs::symlink_metadata(path)?;
    let permissions = (known.permissions().mode() & 0o7777) as u16;
    let maker = Maker { user: 0, group: 0, permissions, now: NOW };
    let name = name.as_bytes();
    if known.is_dir() {
        let node = target.create(directory, name, New::Directory, maker)?;
        copy_folder(target, node, path)
    } else if known.is_symlink() {
        let link = fs::read_link(path)?;
        let new = New::Link(link.as_os_str().as_bytes());
        target.create(directory, name, new, Maker { permissions: 0o777, ..maker })?;
        Ok(())
    } else if known.is_file() {
        let node = target.create(directory, name, New::File, maker)?;
        let contents = fs::read(path)?;
        let written = target.write(node, 0, &contents, NOW)?;
        ensure!(written == contents.len(), "the image is full");
        Ok(())
    } else {
        bail!("neither file, folder nor link")
    }
}
