//! Long play of the portable kernel on the simulated machine, in an optimising build with checks:
//! all sequences of events up to a depth, and many random ones. Says what was covered.

use anyhow::{Context, Result};

use super::Tally;
use super::{chance, libtest};
use crate::cli::TestOptions;
use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;

/// Test programs, each of which prints what it covered in lines that begin with its name.
const PROGRAMS: [&str; 3] = ["exhaustive", "random", "model"];
/// Length of sequences that are all played. One more takes ten times as long.
const DEPTH: &str = "4";
/// Cases of a random test, of which these play a tenth.
const CASES: u32 = 10_000;

/// Builds and plays.
pub fn run(repository: &Repository, options: &TestOptions, step: &Step) -> Result<Tally> {
    let mut command = host_cargo_command(repository.root(), "test");
    command.args(["--profile", "explore", "--package", "a9n-core", "--no-fail-fast"]);
    for program in PROGRAMS {
        command.args(["--test", program]);
    }
    command.args(["--", "--nocapture"]);
    command.env("A9N_EXHAUSTIVE_DEPTH", DEPTH);
    chance::settle(&mut command, options, CASES);
    let finished = watch(&mut command, step, None).context("cannot explore")?;
    let success = finished.status.success();
    let mut tally = libtest::tally(&finished.stdout, &finished.stderr, success);
    tally.notes = finished.stdout.lines().filter_map(covered).map(str::to_owned).collect();
    chance::tell(&mut tally, options);
    Ok(tally)
}

/// What a line of a test program says about what it covered.
fn covered(line: &str) -> Option<&str> {
    // The harness may have begun a line of its own.
    let (start, program) =
        PROGRAMS.iter().find_map(|program| Some((line.find(&format!("{program}: "))?, program)))?;
    let said = &line[start..];
    (said.len() > program.len() + 2).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn what_was_covered_is_told_from_other_lines() {
        let line = "exhaustive: 1 CPUs, 48 events, depth 5: 7 states";
        assert_eq!(covered(line), Some(line));
        assert_eq!(covered("test a ... random: 3 cases"), Some("random: 3 cases"));
        assert_eq!(covered("test all_sequences ... ok"), None);
        assert_eq!(covered("random: "), None);
    }
}
