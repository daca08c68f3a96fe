//! Boot tests: every script of a folder, played against a fresh machine.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::Tally;
use crate::cli::BootOptions;
use crate::drive::Script;
use crate::progress::Step;
use crate::repository::Repository;

/// Plays every script in `folder`, on a machine with `options`; one test each.
pub fn run(
    repository: &Repository,
    step: &Step,
    folder: &str,
    options: &BootOptions,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for path in scripts(repository, folder)? {
        let name = repository.relative(&path).display().to_string();
        step.detail(&name);
        let verdict =
            Script::read(&path).and_then(|script| script.perform(repository, options, |_| {}));
        match verdict {
            Ok(()) => tally.passed += 1,
            Err(error) => tally.fail(format!("{name}: {error:#}")),
        }
    }
    Ok(tally)
}

fn scripts(repository: &Repository, name: &str) -> Result<Vec<PathBuf>> {
    let folder = repository.path(name);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut scripts: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "drive"))
        .collect();
    if scripts.is_empty() {
        bail!("{name} has no scripts");
    }
    scripts.sort();
    Ok(scripts)
}
