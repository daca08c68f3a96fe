//! Tests that run on this machine: `cargo test` on the crates that build for it.

use anyhow::{Context, Result, bail};

use super::Tally;
use super::{chance, libtest};
use crate::cli::TestOptions;
use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;
use crate::workspace::Workspace;

/// Which half of the host's crates to test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The crates in loader/.
    Loader,
    /// All others.
    Portable,
}

/// Cases of a random test.
const CASES: u32 = 256;

/// Runs the tests of one half of the default members.
pub fn run(
    repository: &Repository,
    options: &TestOptions,
    step: &Step,
    part: Part,
) -> Result<Tally> {
    let workspace = Workspace::read(repository)?;
    let packages: Vec<&str> = workspace
        .members
        .iter()
        .filter(|member| member.builds_on_host)
        .filter(|member| member.folder.starts_with("loader") == (part == Part::Loader))
        .map(|member| member.name.as_str())
        .collect();
    if packages.is_empty() {
        bail!("the workspace has no crate for this suite");
    }
    let mut command = host_cargo_command(repository.root(), "test");
    command.arg("--no-fail-fast");
    chance::settle(&mut command, options, CASES);
    for package in packages {
        command.args(["--package", package]);
    }
    let finished = watch(&mut command, step, None).context("cannot run the host tests")?;
    let mut tally = libtest::tally(&finished.stdout, &finished.stderr, finished.status.success());
    chance::tell(&mut tally, options);
    Ok(tally)
}
