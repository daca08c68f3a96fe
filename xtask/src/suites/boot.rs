//! Boot tests: scripts, each played against a machine of its own.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use super::Tally;
use crate::cli::BootOptions;
use crate::drive::Script;
use crate::progress::Step;
use crate::repository::Repository;

/// How many machines run at the same time. Most have one processor, and often wait.
const LANES: usize = 2;

/// A script, and the options of its machine.
pub struct Play {
    /// The file.
    pub script: PathBuf,
    /// They go before what the script's header says.
    pub options: BootOptions,
}

/// Plays every script in `folder`, on machines as they are without options; one test each.
pub fn run(repository: &Repository, step: &Step, folder: &str) -> Result<Tally> {
    let play = |script| Play { script, options: BootOptions::default() };
    play_all(
        repository,
        step,
        &scripts(repository, folder)?.into_iter().map(play).collect::<Vec<_>>(),
    )
}

/// Plays all of `plays`; one test each.
pub fn play_all(repository: &Repository, step: &Step, plays: &[Play]) -> Result<Tally> {
    let waiting = Mutex::new(plays.iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let lane = || {
        let mut tally = Tally::default();
        while let Some(play) = next() {
            tally.add(perform(repository, step, play));
        }
        tally
    };
    thread::scope(|scope| {
        let lanes = [(); LANES].map(|()| scope.spawn(lane));
        let mut tally = Tally::default();
        for lane in lanes {
            tally.add(lane.join().map_err(|_| anyhow!("a thread panicked"))?);
        }
        Ok(tally)
    })
}

fn perform(repository: &Repository, step: &Step, play: &Play) -> Tally {
    let mut tally = Tally::default();
    let name = repository.relative(&play.script).display().to_string();
    step.detail(&name);
    let verdict = Script::read(&play.script)
        .and_then(|script| script.perform(repository, &play.options, |_| {}));
    match verdict {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("{name}: {error:#}")),
    }
    tally
}

/// The scripts in `folder`, in order.
pub fn scripts(repository: &Repository, folder: &str) -> Result<Vec<PathBuf>> {
    let folder = repository.path(folder);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut scripts: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "drive"))
        .collect();
    if scripts.is_empty() {
        bail!("{} has no scripts", folder.display());
    }
    scripts.sort();
    Ok(scripts)
}
