//! The hostile programs: attackers in QEMU, whose supervisor prints at the end
//! `hostile: N calls, victim intact` and ends QEMU.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Tally;
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::console::{Cleaner, Console, Event, Port};
use crate::progress::Step;
use crate::qemu::{Ending, Serial};
use crate::repository::Repository;
use crate::session::Session;

const SYSTEM: &str = "tests/hostile";
/// The supervisor has ended the game by then, however slow the emulator is.
const LIMIT: Duration = Duration::from_secs(240);
/// Calls that a run should make; fewer are noted.
const CALLS: u64 = 5_000_000;
/// Calls without which a run shows nothing.
const LEAST_CALLS: u64 = 100_000;
/// Lines of output shown when it failed.
const TAIL_LINES: usize = 15;

/// Builds, boots and judges the hostile programs.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    let options = BootOptions {
        build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
        entry: Some(Entry::Direct),
        ..BootOptions::default()
    };
    let session = Session::prepare(repository, &options)?;
    let mut console = Console::start(&mut session.command(&Serial::Pipe))?;
    let end = Instant::now() + LIMIT;
    let mut output = Vec::new();
    let mut cleaner = Cleaner::default();
    let ending = loop {
        match console.next(end) {
            Event::Output(bytes) if Instant::now() < end => {
                output.extend(cleaner.clean(&bytes));
                let text = String::from_utf8_lossy(&output);
                if let Some(news) = text.lines().rfind(|line| line.starts_with("hostile: ")) {
                    step.detail(news);
                }
            }
            Event::Ended(ending) => break Some(ending),
            _ => break None,
        }
    };
    Ok(judge(&String::from_utf8_lossy(&output), ending, &console.complaints()))
}

/// A run counts only if the supervisor's last line and QEMU's status say so.
fn judge(output: &str, ending: Option<Ending>, complaints: &str) -> Tally {
    let mut tally = Tally::default();
    let why = match (ending, calls(output)) {
        (None, _) => "the programs hang".to_owned(),
        (Some(Ending::Passed), None) => "they end without a sum".to_owned(),
        (Some(Ending::Passed), Some(calls)) if calls < LEAST_CALLS => {
            format!("only {calls} calls were made")
        }
        (Some(Ending::Passed), Some(calls)) => {
            let few = if calls < CALLS { ", fewer than usual: the machine is slow" } else { "" };
            tally.notes.push(format!("{calls} random kernel calls{few}"));
            tally.passed = 1;
            return tally;
        }
        (Some(ending), _) => ending.describe(),
    };
    let lines: Vec<&str> = output.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    tally.fail(format!("hostile programs: {why}\n{complaints}| {}", tail.join("\n| ")));
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
        let tally = judge(good, Some(Ending::Passed), "");
        assert_eq!((tally.passed, tally.failures.len()), (1, 0));
        assert_eq!(tally.notes, ["5000001 random kernel calls"]);
        let bad = [
            (good, Some(Ending::Failed)),
            (good, None),
            ("hostile: so far 7 calls", Some(Ending::Passed)),
            ("hostile: 12 calls, victim intact", Some(Ending::Passed)),
        ];
        for (output, ending) in bad {
            assert_eq!(judge(output, ending, "").failures.len(), 1, "{output}");
        }
    }
}
