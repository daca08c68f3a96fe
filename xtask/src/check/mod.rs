//! `cargo xtask check`: the rules that a machine can hold us to.
//!
//! Each rule gives one [`Verdict`]; several also give figures, which `--json` prints.

mod dependencies;
mod homes;
mod image;
mod lines;
mod lint;
mod manual;
mod sizes;
mod source;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;

use crate::cli::CheckOptions;
use crate::progress::Step;
use crate::repository::Repository;
use crate::suites::Tally;
use crate::workspace::Workspace;

/// What became of one rule.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It is broken: each place, with the reason.
    Broken(Vec<String>),
    /// This machine cannot check it: why.
    Unchecked(String),
}

impl Outcome {
    /// Broken exactly if there are complaints.
    pub fn from_complaints(complaints: Vec<String>) -> Self {
        if complaints.is_empty() { Self::Holds } else { Self::Broken(complaints) }
    }
}

/// A rule and what became of it.
#[derive(Debug)]
pub struct Verdict {
    /// Name of the rule.
    pub rule: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// Everything that a run of all checks found out.
#[derive(Debug, Default)]
pub struct Report {
    /// One verdict per rule.
    pub verdicts: Vec<Verdict>,
    /// Figures by name.
    pub figures: BTreeMap<String, u64>,
}

impl Report {
    /// Adds a rule's outcome. A check that could not run counts as a broken rule.
    pub fn add(&mut self, rule: &'static str, outcome: Result<Outcome>) {
        let outcome = outcome.unwrap_or_else(|error| Outcome::Broken(vec![format!("{error:#}")]));
        self.verdicts.push(Verdict { rule, outcome });
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: impl Into<String>, value: usize) {
        self.figures.insert(name.into(), value as u64);
    }

    /// Number of broken rules.
    fn broken(&self) -> usize {
        self.verdicts.iter().filter(|verdict| matches!(verdict.outcome, Outcome::Broken(_))).count()
    }
}

/// `cargo xtask check`.
pub fn run(repository: &Repository, options: &CheckOptions) -> Result<ExitCode> {
    if options.sizes {
        sizes::print(repository)?;
        return Ok(ExitCode::SUCCESS);
    }
    let step = Step::start("checking");
    let report = check(repository, &step)?;
    drop(step);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report.figures)?);
    } else {
        print_report(&report);
    }
    Ok(if report.broken() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_report(report: &Report) {
    for Verdict { rule, outcome } in &report.verdicts {
        match outcome {
            Outcome::Holds => println!("ok         {rule}"),
            Outcome::Unchecked(why) => println!("unchecked  {rule}: {why}"),
            Outcome::Broken(complaints) => {
                println!("BROKEN     {rule}");
                for complaint in complaints {
                    println!("  {}", complaint.trim_end().replace('\n', "\n  "));
                }
            }
        }
    }
    for (name, value) in &report.figures {
        println!("{name:<36} {value}");
    }
}

/// The checks as a suite of `cargo xtask test`.
pub fn tally(repository: &Repository, step: &Step) -> Result<Tally> {
    let mut tally = Tally::default();
    for Verdict { rule, outcome } in check(repository, step)?.verdicts {
        match outcome {
            Outcome::Holds => tally.passed += 1,
            Outcome::Unchecked(why) => tally.notes.push(format!("{rule} is unchecked: {why}")),
            Outcome::Broken(complaints) => tally.fail(format!("{rule}\n{}", complaints.join("\n"))),
        }
    }
    Ok(tally)
}

/// Checks every rule, the quick ones first.
fn check(repository: &Repository, step: &Step) -> Result<Report> {
    let mut report = Report::default();
    let workspace = Workspace::read(repository)?;
    let sources = source::read_all(repository, &workspace)?;
    step.detail("dependency rule");
    report.add("dependency rule", Ok(dependencies::check(&workspace)));
    step.detail("unsafe code");
    homes::check(&sources, &mut report);
    lines::check(&sources, &mut report);
    report.add("the interface reference is current", manual::check(repository));
    report.add("the manual's figures are those recorded", manual::check_figures(repository));
    step.detail("format");
    report.add("format (rustfmt)", lint::format(repository, step));
    step.detail("lints");
    report.add("lints (clippy)", lint::clippy(repository, &workspace, step));
    step.detail("kernel image");
    image::check(repository, &mut report);
    Ok(report)
}
