//! Sessions with Linux as a guest of KOITO, whose disk the host looks at afterwards; and with guests that
//! mean no good.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::hostile_guest::{self, Mischief};
use super::{Tally, boot};
use crate::cli::{BootOptions, GuestOptions};
use crate::guest::{self, SMALL_KERNEL};
use crate::progress::Step;
use crate::repository::Repository;
use crate::rootfs;

/// Size of a guest's disk, in MiB.
const DISK_MEBIBYTES: u32 = 16;
/// What the session writes into this file of its disk: this line, again and again, so many bytes.
const KNOWN: &str = "/known";
const LINE: &[u8] = b"amateras\n";
const KNOWN_BYTES: usize = 2_000_000;
/// The first program of a guest whose first file system comes from KOITO's disk.
const FIRST_PROGRAM: &[u8] = b"#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo \"First files from the disk, $(grep -c ^processor /proc/cpuinfo) processors, $(cat /proc/cmdline).\"
poweroff -f
";

/// Plays all of them.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let disk = repository.products().join("guest-disk.img");
    let empty = repository.products().join("guest-disk");
    fs::create_dir_all(&empty)?;
    rootfs::make(repository, &empty, DISK_MEBIBYTES, &disk, step)?;
    let files = Some(files_of_koito(repository, step)?);
    let sessions = BootOptions { files, ..options(vec![SMALL_KERNEL.into()], &disk) };
    let mut tally = boot::run(repository, step, "tests/linux-guest", &sessions)?;
    match examine(&disk) {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("the guest's disk: {error:#}")),
    }
    for (mischief, folder) in
        [(Mischief::Random, "tests/hostile-guest"), (Mischief::Devices, "tests/hostile-driver")]
    {
        let kernel = hostile_guest::write(repository, mischief)?;
        tally.add(boot::run(repository, step, folder, &options(vec![kernel], &disk))?);
    }
    let neighbours = vec![SMALL_KERNEL.into(), hostile_guest::write(repository, Mischief::All)?];
    tally.add(boot::run(repository, step, "tests/hostile-neighbour", &options(neighbours, &disk))?);
    Ok(tally)
}

/// Makes a folder with what lies on KOITO's disk: a kernel, a first file system for it, and files that are neither.
fn files_of_koito(repository: &Repository, step: &Step) -> Result<PathBuf> {
    let folder = repository.products().join("koito-with-kernels");
    let boot = folder.join("boot");
    fs::create_dir_all(&boot)?;
    let (kernel, _) = guest::packaged(SMALL_KERNEL, step)?;
    let programs = [("busybox", &guest::busybox(step)?[..])];
    let text = "no kernel\n".repeat(200);
    let files = [
        ("initrd", guest::first_files(FIRST_PROGRAM, &programs, &[])?),
        ("half", kernel[..kernel.len() / 2].to_vec()),
        ("text", text.into_bytes()),
        ("bzImage", kernel),
    ];
    for (name, contents) in files {
        let file = boot.join(name);
        fs::write(&file, contents).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(folder)
}

fn options(kernels: Vec<String>, disk: &Path) -> BootOptions {
    let guest = GuestOptions {
        guest: true,
        guest_kernel: kernels,
        guest_disk: vec![disk.to_owned()],
        ..GuestOptions::default()
    };
    BootOptions { guest, ..BootOptions::default() }
}

/// Whether the disk is as a session that ended well leaves it.
fn examine(disk: &Path) -> Result<()> {
    rootfs::judge(disk)?;
    let mut command = Command::new("debugfs");
    command.env("PATH", rootfs::search_path());
    command.args(["-R", &format!("cat {KNOWN}")]).arg(disk);
    let output = command.output().context("cannot run debugfs (package e2fsprogs)")?;
    let expected: Vec<u8> = LINE.iter().copied().cycle().take(KNOWN_BYTES).collect();
    ensure!(output.stdout == expected, "{KNOWN} is not what the guest wrote");
    Ok(())
}
