//! The hostile programs: attackers in QEMU, whose supervisor prints at the end
//! `hostile: N calls, victim intact` and ends QEMU. Besides it counts what befell them: those figures
//! are tests of their own.

use anyhow::Result;

use super::Tally;
use super::guest::{self, Run};
use crate::progress::Step;
use crate::qemu::Ending;
use crate::repository::Repository;

const SYSTEM: &str = "tests/hostile";
/// Numbers of CPUs that they run with.
const CPUS: [u32; 3] = [1, 2, 4];
/// Calls that a run should make; fewer are noted.
const CALLS: u64 = 5_000_000;
/// Calls without which a run shows nothing.
const LEAST_CALLS: u64 = 100_000;

/// Builds, boots and judges the hostile programs, on machines of different size.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let mut sum = Tally::default();
    for cpus in CPUS {
        sum.add(judge(&guest::run(repository, step, SYSTEM, cpus, "hostile: ")?, cpus));
    }
    Ok(sum)
}

/// A run counts only if the supervisor's last line and QEMU's status say so.
fn judge(run: &Run, cpus: u32) -> Tally {
    let mut tally = Tally::default();
    match (run.ending, calls(&run.output)) {
        (Some(Ending::Passed), Some(calls)) if calls >= LEAST_CALLS => {
            let few = if calls < CALLS { ", fewer than usual: the machine is slow" } else { "" };
            tally.notes.push(format!("{calls} random kernel calls with {cpus} CPUs{few}"));
            tally.passed = 1;
            for (what, least) in FIGURES {
                match figure(&run.output, what) {
                    Some(count) if count >= *least => tally.passed += 1,
                    count => tally.fail(format!("{what} with {cpus} CPUs: {count:?}")),
                }
            }
        }
        _ => tally.fail(run.describe(SYSTEM, "it ends without a sum, or made few calls")),
    }
    tally
}

/// What has to have happened, in the words of the supervisor, and how often at least.
const FIGURES: &[(&str, u64)] = &[
    // A storm of faults, all of them resolved.
    ("faults", 1000),
    // Processes with all that they had made, taken away while they ran.
    ("worlds", 100),
    // All memory used up, refused, and given back.
    ("exhaustions", 2),
    ("rounds of the victim", 2),
];

/// The number before `what` in the supervisor's account.
fn figure(output: &str, what: &str) -> Option<u64> {
    let parts = output.lines().filter_map(|line| line.trim().strip_prefix("hostile: "));
    parts
        .flat_map(|line| line.split(", "))
        .find_map(|part| part.strip_suffix(what)?.trim_end().parse().ok())
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
        let good = "boot\r\nhostile: so far 7 calls and 1 faults\nhostile: 2000 faults, 300 worlds, \
                    4 exhaustions, 9 rounds of the victim, 12 calls granted\n\
                    hostile: 5000001 calls, victim intact\r\n";
        let judge = |output: &str, ending| {
            judge(&Run { output: output.into(), ending, complaints: String::new() }, 4)
        };
        let tally = judge(good, Some(Ending::Passed));
        assert_eq!((tally.passed, tally.failures), (1 + FIGURES.len(), vec![]));
        assert_eq!(tally.notes, ["5000001 random kernel calls with 4 CPUs"]);
        let idle = good.replace("300 worlds", "3 worlds");
        assert_eq!(judge(&idle, Some(Ending::Passed)).failures.len(), 1);
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
