//! The switch under traffic: killed again and again, beside a port that does all that it should not. At the end
//! the talker prints `network: N frames there and back of M sent, D deaths, nobody failed` and ends QEMU.

use anyhow::Result;

use super::Tally;
use super::guest::{self, Run};
use crate::progress::Step;
use crate::qemu::Ending;
use crate::repository::Repository;

const SYSTEM: &str = "tests/network";
const PREFIX: &str = "network: ";
const END: &str = " deaths, nobody failed";

/// Builds, boots and judges it.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    Ok(judge(&guest::run(repository, step, SYSTEM, 1, PREFIX)?))
}

fn judge(run: &Run) -> Tally {
    let mut tally = Tally::default();
    let sum = run.output.lines().find_map(|line| {
        line.strip_prefix(PREFIX)?.trim_end().strip_suffix(END).map(|sum| format!("{sum}{END}"))
    });
    match (run.ending, sum) {
        (Some(Ending::Passed), Some(sum)) => {
            tally.notes.push(sum);
            tally.passed = 1;
        }
        _ => tally.fail(run.describe(SYSTEM, "it ends without its sum")),
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sum_and_a_good_end_pass() {
        let sum = "network: 7 frames there and back of 9 sent, 3 deaths, nobody failed\r\n";
        let judge = |output: &str, ending| {
            judge(&Run { output: output.into(), ending, complaints: String::new() }).passed
        };
        assert_eq!(judge(sum, Some(Ending::Passed)), 1);
        assert_eq!(judge(sum, None), 0);
        assert_eq!(judge(sum, Some(Ending::Failed)), 0);
        assert_eq!(judge("network: so far 100 rounds\r\n", Some(Ending::Passed)), 0);
    }
}
