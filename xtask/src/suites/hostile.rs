//! The hostile programs: attackers in QEMU, whose supervisor prints at the end
//! `hostile: N calls, victim intact` and ends QEMU.

use std::time::Duration;

use anyhow::Result;

use super::Tally;
use super::guest::{self, Run};
use crate::progress::Step;
use crate::qemu::Ending;
use crate::repository::Repository;

const SYSTEM: &str = "tests/hostile";
/// The supervisor has ended the game by then, however slow the emulator is.
const LIMIT: Duration = Duration::from_secs(240);
/// Calls that a run should make; fewer are noted.
const CALLS: u64 = 5_000_000;
/// Calls without which a run shows nothing.
const LEAST_CALLS: u64 = 100_000;

/// Builds, boots and judges the hostile programs.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    Ok(judge(&guest::run(repository, step, SYSTEM, LIMIT, "hostile: ")?))
}

/// A run counts only if the supervisor's last line and QEMU's status say so.
fn judge(run: &Run) -> Tally {
    let mut tally = Tally::default();
    match (run.ending, calls(&run.output)) {
        (Some(Ending::Passed), Some(calls)) if calls >= LEAST_CALLS => {
            let few = if calls < CALLS { ", fewer than usual: the machine is slow" } else { "" };
            tally.notes.push(format!("{calls} random kernel calls{few}"));
            tally.passed = 1;
        }
        _ => tally.fail(run.describe(SYSTEM, "it ends without a sum, or made few calls")),
    }
    tally
}

/// The number in `hostile: N calls, victim intact`.
fn calls(output: &str) -> Option<u64> {
    output.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("hostile: ")?;
        rest.strip_suffix(" calls, victim intact")?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sum_and_a_good_end_pass() {
        let good = "boot\r\nhostile: so far 7 calls\nhostile: 5000001 calls, victim intact\r\n";
        let judge = |output: &str, ending| {
            judge(&Run { output: output.into(), ending, complaints: String::new() })
        };
        let tally = judge(good, Some(Ending::Passed));
        assert_eq!((tally.passed, tally.failures.len()), (1, 0));
        assert_eq!(tally.notes, ["5000001 random kernel calls"]);
        let bad = [
            (good, Some(Ending::Failed)),
            (good, None),
            ("hostile: so far 7 calls", Some(Ending::Passed)),
            ("hostile: 12 calls, victim intact", Some(Ending::Passed)),
        ];
        for (output, ending) in bad {
            assert_eq!(judge(output, ending).failures.len(), 1, "{output}");
        }
    }
}
