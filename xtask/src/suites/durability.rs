//! Durability: driver and file server die under load, and nothing that was promised may be lost. What
//! is on the disk in the end is judged by `e2fsck`.

use anyhow::{Context, Result};

use super::{Tally, guest};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::progress::Step;
use crate::qemu::Ending;
use crate::repository::Repository;
use crate::rootfs;
use crate::session::Session;

const SYSTEM: &str = "tests/durability";
const PREFIX: &str = "durability: ";

/// Builds, boots and judges.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let options = BootOptions {
        build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
        entry: Some(Entry::Direct),
        ..BootOptions::default()
    };
    let session = Session::prepare(repository, &options)?;
    let disk = session.machine.disk.as_ref().context("the system has no disk")?;
    let run = guest::listen(&session, step, PREFIX)?;
    let mut tally = Tally::default();
    let sum = run
        .output
        .lines()
        .find_map(|line| line.strip_prefix(PREFIX)?.strip_suffix(", nothing lost"));
    match (run.ending, sum) {
        (Some(Ending::Passed), Some(sum)) => match rootfs::judge(&disk.image) {
            Ok(()) => {
                tally.notes.push(sum.to_owned());
                tally.passed = 1;
            }
            Err(error) => tally.fail(format!("{SYSTEM}: {error:#}")),
        },
        _ => tally.fail(run.describe(SYSTEM, "it ends without its sum")),
    }
    Ok(tally)
}
