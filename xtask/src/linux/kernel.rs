//! Debian's own kernel, and the initial file system that leads it to a disk.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use cpio::newc::{Builder, ModeFileType, trailer};

use crate::modules;
use crate::progress::Step;
use crate::qemu::Medium;
use crate::userland::{Apt, Freshness, Tree, unpack};

/// The kernel made for virtual machines, and a shell for its first steps.
const PACKAGES: [&str; 2] = ["linux-image-cloud-amd64", "busybox-static"];
/// The package with the kernel itself begins like this; the above only depends on it.
const IMAGE: &str = "linux-image-6";
const BUSYBOX: &str = "busybox-static";
/// What it takes to reach a virtio disk.
const MODULES: [&str; 2] = ["virtio_pci", "virtio_blk"];
/// What the kernel runs first: it finds the disk and goes on there, with the script that is its argument.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod $module; done
/bin/busybox mount -t ext4 /dev/vda /root
exec /bin/busybox switch_root /root /usr/lib/busybox/sh -c '
export PATH=/usr/lib/busybox HOME=/root TERM=vt100
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
for name in 0,stdin 1,stdout 2,stderr; do ln -s /proc/self/fd/${name%,*} /dev/${name#*,}; done
mount -t devpts -o mode=620,gid=5 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
cd /
PS1="linux> " setsid -c sh -i </dev/ttyS0 >/dev/ttyS0 2>&1
umount -a -r
poweroff -f
'
"#;
/// Its first console is the serial line, on which it keeps quiet.
const COMMAND_LINE: &str = "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check";

/// The kernel's file, and its initial file system, as a medium to boot from; both are put into `folder`.
pub fn medium(folder: &Path, step: &Step) -> Result<Medium> {
    step.detail("fetching Debian's kernel");
    let packages = PACKAGES.map(String::from);
    let wanted = |name: &str| name.starts_with(IMAGE) || name == BUSYBOX;
    let files = Apt::new()?.fetch(&packages, wanted, Freshness::Cached, step)?;
    ensure!(files.len() == PACKAGES.len(), "Debian's kernel is not one package, but {files:?}");
    let mut tree = Tree::default();
    for file in &files {
        unpack(file, &[], &mut tree)?;
    }
    let (kernel, archive) = (folder.join("vmlinuz"), folder.join("initramfs"));
    fs::write(&kernel, find(&tree, |path| path.starts_with("boot/vmlinuz-"))?)?;
    fs::write(&archive, first_files(&tree)?)?;
    Ok(Medium::Direct { kernel, archive, command_line: COMMAND_LINE.into() })
}

/// The initial file system.
fn first_files(tree: &Tree) -> Result<Vec<u8>> {
    let mut archive = vec![];
    for name in ["bin", "dev", "modules", "root"] {
        add(&mut archive, name, ModeFileType::Directory, 0o755, &[])?;
    }
    add(&mut archive, "init", ModeFileType::Regular, 0o755, INIT.as_bytes())?;
    let busybox = find(tree, |path| path.ends_with("bin/busybox"))?;
    add(&mut archive, "bin/busybox", ModeFileType::Regular, 0o755, busybox)?;
    for (number, module) in modules::ordered(tree, &MODULES)?.into_iter().enumerate() {
        add(&mut archive, &format!("modules/{number}"), ModeFileType::Regular, 0o644, module)?;
    }
    Ok(trailer(archive)?)
}

fn add(
    archive: &mut Vec<u8>,
    name: &str,
    kind: ModeFileType,
    mode: u32,
    contents: &[u8],
) -> Result<()> {
    let entry = Builder::new(name).mode(mode).set_mode_file_type(kind);
    let mut writer = entry.write(archive, contents.len().try_into()?);
    writer.write_all(contents)?;
    writer.finish()?;
    Ok(())
}

/// The contents of the only file whose path is such.
fn find(tree: &Tree, is_it: impl Fn(&str) -> bool) -> Result<&[u8]> {
    let mut found = tree.files().filter(|(path, _)| path.to_str().is_some_and(&is_it));
    let (_, contents) = found.next().context("Debian's kernel has changed: a file is missing")?;
    Ok(contents)
}
