//! Sessions with Linux as a guest of KOITO, whose disks the host looks at afterwards; and with guests that
//! mean no good.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Tally;
use super::boot::{self, Play};
use super::hostile_guest::{self, Mischief};
use crate::cli::{BootOptions, GuestOptions};
use crate::guest::{self, SMALL_KERNEL};
use crate::progress::Step;
use crate::repository::Repository;
use crate::rootfs;

/// Size of a guest's disk, in MiB.
const DISK_MEBIBYTES: u32 = 16;
/// Scripts with guests that mean well.
const SESSIONS: &str = "tests/linux-guest";
/// The script that leaves a file on its disk: this line, again and again, so many bytes.
const SESSION: &str = "tests/linux-guest/session.drive";
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

/// Plays all of them, each with a disk of its own.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let linux = || SMALL_KERNEL.to_owned();
    let hostile = |mischief| hostile_guest::write(repository, mischief);
    let mut plays = vec![];
    let files = files_of_koito(repository, step)?;
    for (folder, kernels) in [
        (SESSIONS, vec![linux()]),
        ("tests/hostile-guest", vec![hostile(Mischief::Random)?]),
        ("tests/hostile-driver", vec![hostile(Mischief::Devices)?]),
        ("tests/hostile-neighbour", vec![linux(), hostile(Mischief::All)?]),
    ] {
        for script in boot::scripts(repository, folder)? {
            let mut options = options(kernels.clone(), make_disk(repository, &script, step)?);
            options.files = (folder == SESSIONS).then(|| files.clone());
            plays.push(Play { script, options });
        }
    }
    let mut tally = boot::play_all(repository, step, &plays)?;
    match examine(&disk_of(repository, &repository.path(SESSION))) {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("the guest's disk: {error:#}")),
    }
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

/// Makes the disk of the guest in `script`, with an empty file system.
fn make_disk(repository: &Repository, script: &Path, step: &Step) -> Result<PathBuf> {
    let (disk, empty) = (disk_of(repository, script), repository.products().join("guest-disk"));
    fs::create_dir_all(&empty)?;
    rootfs::make(repository, &empty, DISK_MEBIBYTES, &disk, step)?;
    Ok(disk)
}

/// The file that is the disk of the guest in `script`.
fn disk_of(repository: &Repository, script: &Path) -> PathBuf {
    let name = script.file_stem().unwrap_or_default().display();
    repository.products().join(format!("guest-disk-{name}.img"))
}

fn options(kernels: Vec<String>, disk: PathBuf) -> BootOptions {
    let guest = GuestOptions {
        guest: true,
        guest_kernel: kernels,
        guest_disk: vec![disk],
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
