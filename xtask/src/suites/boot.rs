//! Boot tests: every script tests/boot/*.drive, played against a fresh machine.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::Tally;
use crate::cli::BootOptions;
use crate::drive::Script;
use crate::progress::Step;
use crate::repository::Repository;

const FOLDER: &str = "tests/boot";

/// Plays every script; one test each.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let mut tally = Tally::default();
    for path in scripts(repository)? {
        let name = repository.relative(&path).display().to_string();
        step.detail(&name);
        let verdict = Script::read(&path)
            .and_then(|script| script.perform(repository, &BootOptions::default(), |_| {}));
        match verdict {
            Ok(()) => tally.passed += 1,
            Err(error) => tally.fail(format!("{name}: {error:#}")),
        }
    }
    Ok(tally)
}

fn scripts(repository: &Repository) -> Result<Vec<PathBuf>> {
    let folder = repository.path(FOLDER);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut scripts: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "drive"))
        .collect();
    if scripts.is_empty() {
        bail!("{FOLDER} has no scripts");
    }
    scripts.sort();
    Ok(scripts)
}
