//! The rude client: it sends every server of KOITO random messages, beside a client that works with them.
//! At the end the latter prints `rudeness: N rounds of work, nobody failed` and ends QEMU.

use anyhow::Result;

use super::Tally;
use super::guest::{self, Run};
use crate::progress::Step;
use crate::qemu::Ending;
use crate::repository::Repository;

const SYSTEM: &str = "tests/rudeness";
const PREFIX: &str = "rudeness: ";
/// Services that are called, and calls of each.
const SERVICES: usize = 10;
const CALLS: u64 = 100_000;

/// Builds, boots and judges the rude client.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    Ok(judge(&guest::run(repository, step, SYSTEM, 1, PREFIX)?))
}

fn judge(run: &Run) -> Tally {
    let mut tally = Tally::default();
    let told: Vec<_> = run.output.lines().filter_map(calls).collect();
    let carried_out: u64 = told.iter().map(|(_, carried_out)| carried_out).sum();
    let enough = told.len() == SERVICES && told.iter().all(|(calls, _)| *calls >= CALLS);
    let is_good = run.output.lines().any(|line| {
        line.strip_prefix(PREFIX).is_some_and(|rest| rest.trim_end().ends_with("nobody failed"))
    });
    if run.ending == Some(Ending::Passed) && enough && carried_out > 0 && is_good {
        let calls: u64 = told.iter().map(|(calls, _)| calls).sum();
        tally.notes.push(format!("{calls} random calls of servers, {carried_out} carried out"));
        tally.passed = 1;
    } else {
        tally.fail(run.describe(SYSTEM, "it ends without its sum, or made few calls"));
    }
    tally
}

/// Calls of one service, and how many were carried out. Text that a service shows may stand before it.
fn calls(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.trim_end().split_once(PREFIX)?;
    let rest = rest.strip_suffix(" carried out")?;
    let (calls, rest) = rest.split_once(" calls of ")?;
    let (_, carried_out) = rest.split_once(", ")?;
    Some((calls.parse().ok()?, carried_out.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_must_have_been_called_and_nobody_failed() {
        let line = "some text rudeness: 100000 calls of echo, 17 carried out\r\n";
        let end = "rudeness: 9 rounds of work, nobody failed\r\n";
        let judge = |output: String, ending| {
            let run = Run { output, ending, complaints: String::new() };
            judge(&run).failures.is_empty()
        };
        let passed = Some(Ending::Passed);
        let all = line.repeat(SERVICES);
        assert!(judge(format!("{all}{end}"), passed));
        assert!(!judge(format!("{all}{end}"), None));
        assert!(!judge(all.clone(), passed));
        assert!(!judge(format!("{line}{end}"), passed));
        assert!(!judge(all.replace(" 17 ", " 0 ") + end, passed));
        assert!(!judge(all.replace("100000", "99999") + end, passed));
    }
}
