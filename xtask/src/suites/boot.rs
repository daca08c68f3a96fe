//! Boot tests: every script of a folder, played against a fresh machine.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::Tally;
use crate::cli::BootOptions;
use crate::drive::Script;
use crate::progress::Step;
use crate::repository::Repository;

/// Plays every script in `folder`, on a machine with `options`; one test each. One that fails is played once more, as on
/// a busy machine somebody may come too late; a note says what was wrong at first.
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
        let play =
            || Script::read(&path).and_then(|script| script.perform(repository, options, |_| {}));
        let verdict = play().or_else(|error| {
            tally.notes.push(format!("{name} was played twice, since at first: {error:#}"));
            play()
        });
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
