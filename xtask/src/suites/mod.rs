//! `cargo xtask test`: every suite, one line each, and the sum at the end.

mod bochs;
mod boot;
mod chance;
mod conformance;
mod disk;
mod durability;
mod explore;
mod fuzz;
mod guest;
mod host;
mod hostile;
mod hostile_guest;
mod koito;
mod libtest;
mod linux;
mod linux_guest;
mod linux_hostile;
mod linux_vmx;
mod locks;
mod network;
mod promises;
mod refusals;
mod revival;
mod rudeness;
mod storage;
mod stretch;

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use crate::check;
use crate::cli::{Suite, TestOptions};
use crate::linux::{LARGE, USUAL};
use crate::progress::Step;
use crate::repository::Repository;

/// Suites that are too long to be run with all others.
const BY_NAME_ONLY: &[Suite] = &[Suite::LinuxLarge];

/// The result of a suite.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of tests that passed.
    pub passed: usize,
    /// For each test that failed, its name and why.
    pub failures: Vec<String>,
    /// Things that could not be looked at, and why.
    pub notes: Vec<String>,
}

impl Tally {
    /// Counts one more failure.
    pub fn fail(&mut self, why: impl Into<String>) {
        self.failures.push(why.into());
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        self.notes.extend(other.notes);
    }
}

/// `cargo xtask test`.
pub fn run(repository: &Repository, options: &TestOptions) -> Result<ExitCode> {
    let mut sum = Tally::default();
    for suite in Suite::value_variants() {
        let is_usual = options.suites.is_empty() && !BY_NAME_ONLY.contains(suite);
        if is_usual || options.suites.contains(suite) {
            sum.add(run_suite(repository, *suite, options));
        }
    }
    println!("{} passed, {} failed", sum.passed, sum.failures.len());
    Ok(if sum.failures.is_empty() && sum.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The conformance program, and what its cases leave open.
fn conformance(repository: &Repository, step: &Step) -> Result<Tally> {
    let mut tally = promises::check(repository)?;
    tally.add(conformance::run(repository, step, &conformance::KERNEL)?);
    let (all, missing) = refusals::compare(repository)?;
    let file = repository.products().join("refusals.txt");
    std::fs::write(&file, missing.join("\n") + "\n")?;
    tally.notes.push(format!(
        "{} of the interface's {all} refusals are provoked by a case; the others: {}",
        all - missing.len(),
        repository.relative(&file).display()
    ));
    Ok(tally)
}

/// Runs one suite and prints its line. A suite that cannot run counts as one failure.
fn run_suite(repository: &Repository, suite: Suite, options: &TestOptions) -> Tally {
    let name =
        suite.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let step = Step::start(format!("testing: {name}"));
    let result = match suite {
        Suite::Host => host::run(repository, options, &step, host::Part::Portable),
        Suite::Loader => host::run(repository, options, &step, host::Part::Loader),
        Suite::Conformance => conformance(repository, &step),
        Suite::Storm => conformance::run(repository, &step, &conformance::STORM),
        Suite::Guests => conformance::run(repository, &step, &conformance::GUESTS),
        Suite::Framework => conformance::run(repository, &step, &conformance::FRAMEWORK),
        Suite::Locks => locks::run(repository, &step),
        Suite::Explore => explore::run(repository, options, &step),
        Suite::Bochs => bochs::run(repository, &step, &bochs::TAGS),
        Suite::LinuxVmx => linux_vmx::run(repository, &step),
        Suite::GuestsVmx => bochs::run(repository, &step, &bochs::VMX),
        Suite::Hostile => hostile::run(repository, &step),
        Suite::Stretch => stretch::run(repository, &step),
        Suite::Storage => storage::run(repository, &step),
        Suite::Disk => disk::run(repository, &step),
        Suite::Durability => durability::run(repository, &step),
        Suite::Koito => koito::run(repository, &step),
        Suite::Network => network::run(repository, &step),
        Suite::LinuxHostile => linux_hostile::run(repository, options, &step),
        Suite::Linux => linux::run(repository, &USUAL, options, &step),
        Suite::LinuxLarge => linux::run(repository, &LARGE, options, &step),
        Suite::Fuzz => fuzz::run(repository, &step),
        Suite::Boot => boot::run(repository, &step, "tests/boot"),
        Suite::LinuxGuest => linux_guest::run(repository, &step),
        Suite::Check => check::tally(repository, &step),
    };
    let elapsed = step.elapsed().as_secs_f64();
    drop(step);
    let mut tally = result
        .unwrap_or_else(|error| Tally { failures: vec![format!("{error:#}")], ..Tally::default() });
    if tally == Tally::default() {
        tally.fail("the suite has no tests");
    }
    println!(
        "{name:<12} {:>5} passed, {} failed  ({elapsed:.1} s)",
        tally.passed,
        tally.failures.len()
    );
    for note in &tally.notes {
        println!("  note: {note}");
    }
    for failure in &tally.failures {
        println!("  FAILED {}", failure.trim_end().replace('\n', "\n    "));
    }
    tally
}
