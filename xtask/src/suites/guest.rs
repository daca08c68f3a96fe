//! A test that is a system: it runs in QEMU, prints how it fares, and ends QEMU with its verdict.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::console::{Cleaner, Console, Event, Port};
use crate::progress::Step;
use crate::qemu::{Ending, Serial};
use crate::repository::Repository;
use crate::session::Session;

/// Lines of output shown when it failed.
const TAIL_LINES: usize = 15;

/// What came of it.
pub struct Run {
    /// What it printed.
    pub output: String,
    /// How QEMU ended; `None` if it had to be ended.
    pub ending: Option<Ending>,
    /// What QEMU complained about.
    pub complaints: String,
}

/// A machine that says nothing for so long hangs; a busy one only takes longer.
const PATIENCE: Duration = Duration::from_secs(300);
/// However much it says, it has ended by then.
const LONGEST: Duration = Duration::from_secs(3600);

/// Builds `system` and boots it with `cpus` CPUs. Lines that begin with `news` show how far it is.
pub fn run(
    repository: &Repository,
    step: &Step,
    system: &str,
    cpus: u32,
    news: &str,
) -> Result<Run> {
    let options = BootOptions {
        build: BuildOptions { system: Some(system.into()), ..BuildOptions::default() },
        entry: Some(Entry::Direct),
        cpus: Some(cpus),
        ..BootOptions::default()
    };
    listen(&Session::prepare(repository, &options)?, step, news)
}

/// Starts the machine of `session` and lets it run to its end.
pub fn listen(session: &Session, step: &Step, news: &str) -> Result<Run> {
    let mut console = Console::start(&mut session.command(&Serial::Pipe))?;
    let end = Instant::now() + LONGEST;
    let mut output = Vec::new();
    let mut cleaner = Cleaner::default();
    let ending = loop {
        match console.next(end.min(Instant::now() + PATIENCE)) {
            Event::Output(bytes) if Instant::now() < end => {
                output.extend(cleaner.clean(&bytes));
                let text = String::from_utf8_lossy(&output);
                if let Some(line) = text.lines().rfind(|line| line.starts_with(news)) {
                    step.detail(line);
                }
            }
            Event::Ended(ending) => break Some(ending),
            _ => break None,
        }
    };
    let output = String::from_utf8_lossy(&output).into_owned();
    Ok(Run { output, ending, complaints: console.complaints() })
}

impl Run {
    /// Why it is no success, with the end of what it printed. Without an ending it hung.
    pub fn describe(&self, name: &str, otherwise: &str) -> String {
        let why = match self.ending {
            None => "it hangs".to_owned(),
            Some(Ending::Passed) => otherwise.to_owned(),
            Some(ending) => ending.describe(),
        };
        let lines: Vec<&str> = self.output.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        format!("{name}: {why}\n{}| {}", self.complaints, tail.join("\n| "))
    }
}
