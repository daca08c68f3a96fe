//! Programs that run in QEMU and print one line per case.
//!
//! `case NAME ... ok`, `case NAME ... FAILED: why`, at the end
//! `PROGRAM: N passed, M failed`, then it ends QEMU.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Tally;
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::console::{Cleaner, Console, Event, Port};
use crate::progress::Step;
use crate::qemu::{Ending, Serial};
use crate::repository::Repository;
use crate::session::Session;

/// Folder of the conformance program.
const SYSTEM: &str = "tests/conformance";
/// A program of cases.
pub struct Program {
    /// Its system.
    pub(super) system: &'static str,
    /// How its last line begins.
    name: &'static str,
    /// Numbers of CPUs that it runs with.
    cpus: &'static [u32],
}

/// The kernel's interface.
pub const KERNEL: Program = Program { system: SYSTEM, name: "conformance", cpus: &[1, 2, 4] };
/// What Nun builds upon it.
pub const FRAMEWORK: Program =
    Program { system: "tests/framework", name: "framework", cpus: &[1, 2] };
/// Virtual CPUs.
pub const GUESTS: Program = Program { system: "tests/guests", name: "guests", cpus: &[1, 2] };
/// All CPUs against each other.
pub const STORM: Program = Program { system: "tests/storm", name: "storm", cpus: &[2, 4, 8] };

/// A program that printed nothing for so long hangs.
const LINE_LIMIT: Duration = Duration::from_secs(180);
/// The whole program has finished by then.
const LIMIT: Duration = Duration::from_secs(3600);
/// Lines of output shown when it ended early.
const TAIL_LINES: usize = 15;

/// Builds, boots and judges `program`, on machines of different size.
pub fn run(repository: &Repository, step: &Step, program: &Program) -> Result<Tally> {
    let mut sum = Tally::default();
    for cpus in program.cpus.iter().copied() {
        let options = BootOptions {
            build: BuildOptions { system: Some(program.system.into()), ..BuildOptions::default() },
            entry: Some(Entry::Direct),
            cpus: Some(cpus),
            ..BootOptions::default()
        };
        let session = Session::prepare(repository, &options)?;
        let mut console = Console::start(&mut session.command(&Serial::Pipe))?;
        let mut tally = listen(&mut console, step, program);
        for failure in &mut tally.failures {
            failure.push_str(&format!(" (with {cpus} CPUs)"));
        }
        sum.add(tally);
    }
    Ok(sum)
}

fn listen(port: &mut dyn Port, step: &Step, program: &Program) -> Tally {
    let end = Instant::now() + LIMIT;
    let mut report = Report::new(program);
    let mut cleaner = Cleaner::default();
    let ending = loop {
        match port.next(end.min(Instant::now() + LINE_LIMIT)) {
            Event::Output(bytes) => {
                report.feed(&cleaner.clean(&bytes), step);
                if Instant::now() >= end {
                    break None;
                }
            }
            Event::Ended(ending) => break Some(ending),
            Event::Silence => break None,
        }
    };
    report.judge(ending, &port.complaints())
}

/// What the program said so far.
pub(super) struct Report {
    name: &'static str,
    line: Vec<u8>,
    lines: Vec<String>,
    tally: Tally,
    announced: Option<(usize, usize)>,
}

impl Report {
    /// Nothing yet, of `program`.
    pub(super) fn new(program: &Program) -> Self {
        let name = program.name;
        Self { name, line: vec![], lines: vec![], tally: Tally::default(), announced: None }
    }

    /// Takes what the program printed.
    pub(super) fn feed(&mut self, bytes: &[u8], step: &Step) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                step.detail(&line);
                self.take(line);
            } else {
                self.line.push(*byte);
            }
        }
    }

    fn take(&mut self, line: String) {
        let text = line.trim();
        if let Some((name, verdict)) =
            text.strip_prefix("case ").and_then(|rest| rest.split_once(" ... "))
        {
            match verdict.strip_prefix("FAILED") {
                Some(why) => self.tally.fail(format!("{name}{why}")),
                None if verdict == "ok" => self.tally.passed += 1,
                None => self.tally.fail(format!("{name}: unknown verdict {verdict:?}")),
            }
        } else if let Some(sum) =
            text.strip_prefix(self.name).and_then(|rest| rest.strip_prefix(": "))
        {
            self.announced = parse_sum(sum);
        }
        self.lines.push(line);
    }

    /// Whether `text` was in some line.
    pub(super) fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// How the program's sum says that it ends; `None` as long as there is none.
    pub(super) fn announced(&self) -> Option<Ending> {
        let (_, failed) = self.announced?;
        Some(if failed == 0 { Ending::Passed } else { Ending::Failed })
    }

    /// A run counts only if program, sum and QEMU's status say the same.
    pub(super) fn judge(mut self, ending: Option<Ending>, complaints: &str) -> Tally {
        let counted = (self.tally.passed, self.tally.failures.len());
        let wanted = if counted.1 == 0 { Ending::Passed } else { Ending::Failed };
        let why = match (ending, self.announced) {
            (None, _) => Some("the program hangs".to_owned()),
            (Some(ending), None) => Some(format!("there is no sum: {}", ending.describe())),
            (Some(_), Some(sum)) if sum != counted => Some(format!(
                "it announced {} passed and {} failed, but {} and {} were seen",
                sum.0, sum.1, counted.0, counted.1
            )),
            (Some(ending), _) if ending != wanted => Some(ending.describe()),
            (Some(_), Some((0, 0))) => Some("it has no cases".to_owned()),
            _ => None,
        };
        if let Some(why) = why {
            let tail = &self.lines[self.lines.len().saturating_sub(TAIL_LINES)..];
            self.tally.fail(format!(
                "{} program: {why}\n{complaints}| {}",
                self.name,
                tail.join("\n| ")
            ));
        }
        self.tally
    }
}

/// The counts in `N passed, M failed`.
fn parse_sum(text: &str) -> Option<(usize, usize)> {
    let (passed, failed) = text.split_once(", ")?;
    Some((
        passed.strip_suffix(" passed")?.parse().ok()?,
        failed.strip_suffix(" failed")?.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str, ending: Option<Ending>) -> (usize, usize) {
        let mut report = Report::new(&KERNEL);
        report.feed(text.as_bytes(), &Step::start("test"));
        let tally = report.judge(ending, "");
        (tally.passed, tally.failures.len())
    }

    #[test]
    fn cases_are_counted() {
        let text =
            "boot\ncase a ... ok\ncase b ... FAILED: 1 is not 2\nconformance: 1 passed, 1 failed\n";
        assert_eq!(judge(text, Some(Ending::Failed)), (1, 1));
        let text = "case a ... ok\nconformance: 1 passed, 0 failed\n";
        assert_eq!(judge(text, Some(Ending::Passed)), (1, 0));
    }

    #[test]
    fn an_early_or_contradicting_end_is_a_failure() {
        let text = "case a ... ok\n";
        assert_eq!(judge(text, Some(Ending::Quiet)), (1, 1));
        assert_eq!(judge(text, None), (1, 1));
        let text = "case a ... ok\nconformance: 2 passed, 0 failed\n";
        assert_eq!(judge(text, Some(Ending::Passed)), (1, 1));
        let text = "case a ... ok\nconformance: 1 passed, 0 failed\n";
        assert_eq!(judge(text, Some(Ending::Failed)), (1, 1));
        assert_eq!(judge("conformance: 0 passed, 0 failed\n", Some(Ending::Passed)), (0, 1));
    }
}
