//! The fuzz targets: each replays its corpus, then looks for more for a moment. What it finds goes
//! to a folder of its own, and the corpus stays as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Tally;
use crate::process::{find_program, host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;

const FOLDER: &str = "fuzz";
/// Seconds for which each target is run beyond its corpus.
const SECONDS: u32 = 3;
/// A target that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(600);
/// Lines shown of what a target that failed says.
const TAIL_LINES: usize = 12;

/// Builds all targets and runs each; one test each.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let mut tally = Tally::default();
    if find_program("c++").is_none() {
        tally.notes.push("not run: libFuzzer needs a C++ compiler (`c++`)".to_owned());
        return Ok(tally);
    }
    let folder = repository.path(FOLDER);
    let mut build = host_cargo_command(&folder, "build");
    let built = watch(build.args(["--release", "--bins"]), step, None)?;
    if !built.status.success() {
        bail!("the fuzz targets do not build\n{}", built.stderr.trim_end());
    }
    for corpus in corpora(&folder)? {
        let name = corpus.file_name().unwrap_or_default().to_string_lossy().into_owned();
        step.detail(&name);
        let found = repository.products().join("fuzz").join(&name);
        fs::create_dir_all(&found)?;
        let mut command = host_cargo_command(&folder, "run");
        command.args(["--release", "--quiet", "--bin", &name, "--"]);
        command.arg(format!("-max_total_time={SECONDS}"));
        command.arg(format!("-artifact_prefix={}/crash-", found.display()));
        command.arg(found.join("corpus")).arg(&corpus);
        fs::create_dir_all(found.join("corpus"))?;
        let finished = watch(&mut command, step, Some(LIMIT))?;
        if finished.status.success() {
            tally.passed += 1;
            let runs = finished.stderr.lines().rfind(|line| line.starts_with("Done "));
            tally.notes.push(format!("{name}: {}", runs.unwrap_or("no sum")));
        } else {
            let lines: Vec<&str> = finished.stderr.lines().collect();
            let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
            tally.fail(format!("{name}\n{}", tail.join("\n")));
        }
    }
    Ok(tally)
}

/// The folder of every target's corpus, in the order of their names.
fn corpora(folder: &Path) -> Result<Vec<PathBuf>> {
    let corpus = folder.join("corpus");
    let entries =
        fs::read_dir(&corpus).with_context(|| format!("cannot list {}", corpus.display()))?;
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    if folders.is_empty() {
        bail!("{} is empty", corpus.display());
    }
    folders.sort();
    Ok(folders)
}
