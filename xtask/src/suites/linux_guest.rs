//! Sessions with Linux as a guest of KOITO, whose disk the host looks at afterwards; and with guests that
//! mean no good.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::hostile_guest::{self, Mischief};
use super::{Tally, boot};
use crate::cli::{BootOptions, GuestOptions};
use crate::guest::SMALL_KERNEL;
use crate::progress::Step;
use crate::repository::Repository;
use crate::rootfs;

/// Size of a guest's disk, in MiB.
const DISK_MEBIBYTES: u32 = 16;
/// What the session writes into this file of its disk: this line, again and again, so many bytes.
const KNOWN: &str = "/known";
const LINE: &[u8] = b"amateras\n";
const KNOWN_BYTES: usize = 2_000_000;

/// Plays all of them.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let disk = repository.products().join("guest-disk.img");
    let empty = repository.products().join("guest-disk");
    fs::create_dir_all(&empty)?;
    rootfs::make(repository, &empty, DISK_MEBIBYTES, &disk, step)?;
    let mut tally = boot::run(
        repository,
        step,
        "tests/linux-guest",
        &options(vec![SMALL_KERNEL.into()], &disk),
    )?;
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
