//! Power cuts of a real driver: `tests/disk` writes to a virtio disk in QEMU, which logs every
//! write and flush (`blklogwrites`); from that log come the images that `e2fsck` judges, and that some
//! machines are booted with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{Tally, guest, revival};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::packages::{self, E2FSPROGS};
use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::qemu::{Disk, Ending, Writes};
use crate::repository::Repository;
use crate::session::Session;

const SYSTEM: &str = "tests/disk";
/// Folder whose contents are on the disk at first, and the disk's size in MiB.
const TREE: &str = "examples";
const MEBIBYTES: &str = "8";
/// Bytes behind the file system, where the load marks how far it came.
const MARK_BYTES: u64 = 4096;
/// Power cuts, and their seed.
const CUTS: &str = "2000";
const SEED: &str = "1";
/// Power cuts after which a machine is booted.
const BOOTS: u32 = 10;

/// Makes the disk, runs the load, cuts the power.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    packages::ensure(&[E2FSPROGS])?;
    let options = BootOptions {
        build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
        entry: Some(Entry::Direct),
        ..BootOptions::default()
    };
    let mut session = Session::prepare(repository, &options)?;
    let [base, disk, log] =
        ["base.img", "disk.img", "writes.log"].map(|name| session.scratch_file(name));
    step.detail("making a disk");
    let tree = repository.path(TREE);
    tool(repository, step, "koito-fs-make", &[&base, Path::new(MEBIBYTES), &tree])?;
    let file = fs::OpenOptions::new().append(true).open(&base)?;
    file.set_len(file.metadata()?.len() + MARK_BYTES).context("cannot extend the disk")?;
    fs::copy(&base, &disk).context("cannot copy the disk")?;
    fs::write(&log, []).context("cannot make the log")?;
    session.machine.disk = Some(Disk { image: disk, writes: Writes::Logged(log.clone()) });

    let run = guest::listen(&session, step, "disk: ")?;
    let mut tally = Tally::default();
    if run.ending != Some(Ending::Passed) || !run.output.contains("disk: ") {
        tally.fail(run.describe(SYSTEM, "it ends without its sum"));
        return Ok(tally);
    }
    step.detail("cutting the power");
    let cuts = ["log".as_ref(), &*base, &*log, CUTS.as_ref(), SEED.as_ref()];
    match tool(repository, step, "a9n-power-cut", &cuts) {
        Ok(sum) => {
            tally.notes.push(format!("QEMU's log: {}", sum.trim()));
            tally.passed += 1;
        }
        Err(error) => tally.fail(format!("{error:#}")),
    }
    step.detail("cutting the power where a flush is missing");
    let without: [&Path; 2] = ["without".as_ref(), "flush-before-commit".as_ref()];
    let mistake = [&without[..], &cuts].concat();
    match tool(repository, step, "a9n-power-cut", &mistake) {
        Err(error) if error.to_string().contains("power cuts survived, but") => tally.passed += 1,
        Err(error) => tally.fail(format!("{error:#}")),
        Ok(_) => tally.fail("nobody notices that flushes are missing"),
    }
    let count = BOOTS.to_string();
    let folder = session.scratch_file("cuts");
    fs::create_dir_all(&folder)?;
    let keep = ["keep".as_ref(), &*folder, &*base, &*log, count.as_ref(), SEED.as_ref()];
    tool(repository, step, "a9n-power-cut", &keep)?;
    tally.add(revival::run(repository, step, &folder, BOOTS)?);
    Ok(tally)
}

/// Runs a program of the workspace on this machine, and answers what it printed.
fn tool(
    repository: &Repository,
    step: &Step,
    package: &str,
    arguments: &[&Path],
) -> Result<String> {
    let mut command = host_cargo_command(repository.root(), "run");
    command.args(["--quiet", "--package", package, "--"]).args(arguments);
    let finished = watch(&mut command, step, None)?;
    if !finished.status.success() {
        bail!("{package} failed: {}", finished.stderr.trim_end());
    }
    Ok(finished.stdout)
}
