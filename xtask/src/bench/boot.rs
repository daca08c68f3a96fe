//! Booting the bench program under QEMU's instruction counter, and reading its figures.
//!
//! `-icount shift=0` makes every executed instruction one nanosecond of virtual time, so a figure
//! is the same on every run and every machine. The bench program prints lines `bench NAME VALUE`
//! and, at its end, `bench done`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cli::{BootOptions, Entry};
use crate::console::{Cleaner, Console, Event, Port};
use crate::progress::Step;
use crate::qemu::Serial;
use crate::repository::Repository;
use crate::session::Session;
use crate::system::System;

/// Figures by name of the path.
pub type Figures = BTreeMap<String, u64>;

/// The system that measures. Unless it is told to count, it shows cycles.
pub const SYSTEM: &str = "bench";
/// Its command line when instructions are to be counted.
const COUNT: &str = "count";
/// Numbers of CPUs that it is booted with; with several it measures what depends on them.
pub const CPUS: [u32; 2] = [1, 4];
/// All paths are measured by then.
const LIMIT: Duration = Duration::from_secs(300);

/// The bench program, ready to count on a machine with `cpus` CPUs.
pub fn prepare(repository: &Repository, cpus: u32) -> Result<Session> {
    let mut system = System::find(repository, Some(SYSTEM))?;
    system.command_line = COUNT.into();
    let options =
        BootOptions { entry: Some(Entry::Direct), cpus: Some(cpus), ..BootOptions::default() };
    let mut session = Session::of(repository, &system, &options)?;
    session.machine.count_instructions = true;
    Ok(session)
}

/// Measures all paths, on machines of different size.
pub fn measure(repository: &Repository) -> Result<Figures> {
    let mut figures = Figures::new();
    for cpus in CPUS {
        let session = prepare(repository, cpus)?;
        let mut console = Console::start(&mut session.command(&Serial::Pipe))?;
        let step = Step::start(format!("measuring with {cpus} CPUs"));
        let more = collect(&mut console, &step).with_context(|| format!("with {cpus} CPUs"))?;
        figures.extend(more);
        step.done();
    }
    Ok(figures)
}

/// Reads the figures that a program prints until it is done.
pub fn collect(port: &mut dyn Port, step: &Step) -> Result<Figures> {
    let deadline = Instant::now() + LIMIT;
    let mut cleaner = Cleaner::default();
    let (mut text, mut read) = (vec![], 0);
    let mut figures = Figures::new();
    loop {
        let why = match port.next(deadline) {
            Event::Output(bytes) => {
                text.extend(cleaner.clean(&bytes));
                None
            }
            Event::Ended(ending) => Some(ending.describe()),
            Event::Silence => Some("it hangs".into()),
        };
        if let Some(why) = why {
            let (complaints, text) = (port.complaints(), String::from_utf8_lossy(&text));
            bail!("the bench program did not finish: {why}\n{complaints}{}", text.trim_end());
        }
        while let Some(length) = text[read..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&text[read..read + length]).trim().to_owned();
            read += length + 1;
            step.detail(&line);
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("bench"), Some("done"), None) => return Ok(figures),
                (Some("bench"), Some(name), Some(value)) => {
                    let value =
                        value.parse().with_context(|| format!("{name}: {value:?} is no figure"))?;
                    figures.insert(name.to_owned(), value);
                }
                _ => {}
            }
        }
        if Instant::now() >= deadline {
            bail!("the bench program does not come to its end");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorded::Recorded;
    use super::*;
    use crate::qemu::Ending;

    fn collected(text: &str) -> Result<Figures> {
        let events = vec![Event::Output(text.as_bytes().to_vec()), Event::Ended(Ending::Quiet)];
        collect(&mut Recorded(events), &Step::start("test"))
    }

    #[test]
    fn figures_are_read_until_the_program_is_done() {
        let expected = Figures::from([("call.null".to_owned(), 45), ("yield".to_owned(), 80)]);
        let text = "A9N\nbench call.null 45\r\nbench yield 80\nbench done\n";
        assert_eq!(collected(text).unwrap(), expected);
        assert!(collected("bench call.null 45\n").is_err());
        assert!(collected("bench call.null many\nbench done\n").is_err());
    }
}
