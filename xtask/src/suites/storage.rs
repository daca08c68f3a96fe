//! Storage: the file system against a model, thousands of power cuts, forgotten flushes; judged by
//! `e2fsck`.

use anyhow::{Context, Result};

use super::{Tally, libtest};
use crate::packages::{self, E2FSPROGS};
use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;

/// The crate with the tests, and its feature for those that need the judge.
const PACKAGE: &str = "a9n-power-cut";
const FEATURE: &str = "judge";

/// Runs all tests of that crate.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    packages::ensure(&[E2FSPROGS])?;
    let mut command = host_cargo_command(repository.root(), "test");
    command.args(["--no-fail-fast", "--package", PACKAGE, "--features", FEATURE]);
    let finished = watch(&mut command, step, None).context("cannot run the storage tests")?;
    Ok(libtest::tally(&finished.stdout, &finished.stderr, finished.status.success()))
}
