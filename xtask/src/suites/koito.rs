//! The supervision test: servers are killed, crash and hang under load, and their clients keep
//! count. At the end it prints
//! `supervision: N deaths, M calls, nothing lost, nothing done twice` and ends QEMU.

use anyhow::{Context, Result};

use super::guest::{self, Run};
use super::{Tally, rudeness};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::progress::Step;
use crate::qemu::Ending;
use crate::repository::Repository;
use crate::rootfs;
use crate::session::Session;

const SYSTEM: &str = "tests/supervision";
/// Calls without which the servers died for nobody.
const LEAST_CALLS: u64 = 500;

/// Builds, boots and judges the supervision test; then those who are [rude](rudeness).
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    // By firmware, which leaves a screen.
    let options = BootOptions {
        build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
        entry: Some(Entry::Uefi),
        ..BootOptions::default()
    };
    let session = Session::prepare(repository, &options)?;
    let disk = session.machine.disk.as_ref().context("the system has no disk")?;
    let mut tally = judge(&guest::listen(&session, step, "supervision: ")?);
    if let Err(error) = rootfs::judge(&disk.image) {
        tally.fail(format!("{SYSTEM}: {error:#}"));
    }
    tally.add(rudeness::run(repository, step)?);
    Ok(tally)
}

fn judge(run: &Run) -> Tally {
    let mut tally = Tally::default();
    match (run.ending, counts(&run.output)) {
        (Some(Ending::Passed), Some((deaths, calls))) if calls >= LEAST_CALLS => {
            tally.notes.push(format!("servers died {deaths} times under {calls} calls"));
            tally.passed = 1;
        }
        _ => tally.fail(run.describe(SYSTEM, "it ends without its sum, or made few calls")),
    }
    tally
}

/// Deaths and calls in the last line.
fn counts(output: &str) -> Option<(u64, u64)> {
    output.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("supervision: ")?;
        let rest = rest.strip_suffix(" calls, nothing lost, nothing done twice")?;
        let (deaths, calls) = rest.split_once(" deaths, ")?;
        Some((deaths.parse().ok()?, calls.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_sum_and_a_good_end_pass() {
        let judge = |output: &str, ending| {
            judge(&Run { output: output.into(), ending, complaints: String::new() })
        };
        let good = "supervision: 200 deaths, 5000 calls, nothing lost, nothing done twice\r\n";
        let tally = judge(good, Some(Ending::Passed));
        assert_eq!((tally.passed, tally.failures.len()), (1, 0));
        assert_eq!(tally.notes, ["servers died 200 times under 5000 calls"]);
        let few = good.replace("5000", "7");
        let bad = [
            (good, Some(Ending::Failed)),
            (good, None),
            ("supervision: so far 200 kills", Some(Ending::Passed)),
            (&few, Some(Ending::Passed)),
        ];
        for (output, ending) in bad {
            assert_eq!(judge(output, ending).failures.len(), 1, "{output}");
        }
    }
}
