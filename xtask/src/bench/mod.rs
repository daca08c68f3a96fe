//! `cargo xtask bench`: what the kernel's paths cost, beside references and goals.
//!
//! A figure is a number of instructions, from one reading of the time-stamp counter to the next;
//! of the path that matters most, a call and its reply, a trace of every instruction says besides
//! how many cache lines it touches and how many expensive instructions it executes.

mod boot;
mod guest;
mod instruction;
mod koito;
mod kvm;
mod linux;
mod listing;
mod manual;
#[cfg(test)]
mod recorded;
mod remote;
pub mod symbols;
mod table;
mod trace;
mod vmx;
mod watch;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cli::BenchOptions;
use crate::repository::Repository;
use boot::Figures;
pub use boot::SYSTEM;
pub use manual::is_current;
use table::{BOTH_WAYS, EXPENSIVE, References, gains, losses};
use trace::Trace;

const REFERENCES: &str = "bench/references.toml";
const RESULTS: &str = "bench/results.json";
/// The path of which a trace tells more than the number of expensive instructions.
const CENTRAL: &str = "ipc.cross.0";
/// Paths longer than this are not traced: stepping takes its time.
const LONGEST_TRACED: u64 = 500;

/// `cargo xtask bench`.
pub fn run(repository: &Repository, options: &BenchOptions) -> Result<ExitCode> {
    match &options.trace {
        Some(name) if options.linux => return linux::show_trace(repository, name),
        Some(name) => return show_trace(repository, name),
        None if options.guest => return guest::run(repository, options),
        None if options.linux => return linux::run(repository, options),
        None if options.vmx => return vmx::run(repository),
        None => {}
    }
    let references = References::read(&repository.path(REFERENCES))?;
    let mut figures = boot::measure(repository)?;
    figures.extend(koito::measure(repository)?);
    let mut traces = trace::record_all(repository, 1, is_short(&figures), usize::MAX)?;
    let central = traces.remove(CENTRAL).with_context(|| format!("{CENTRAL} was not followed"))?;
    add_central(&mut figures, &central)?;
    add_expensive(&mut figures, &traces);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", references.table(&figures));
    }
    let missing = references.missing(&figures);
    if !missing.is_empty() {
        bail!("not measured: {}", missing.join(", "));
    }
    let file = repository.path(RESULTS);
    if options.update {
        let unknown = references.unknown(&figures);
        if !unknown.is_empty() {
            bail!("{REFERENCES} does not say what {} counts", unknown.join(", "));
        }
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        fs::write(&file, text).with_context(|| format!("cannot write {RESULTS}"))?;
        manual::update(repository, &figures, &central)?;
        eprintln!("{RESULTS}, {} and {} are up to date", manual::FIGURES, manual::LISTING);
    }
    if options.check {
        check(&figures, &read_results(&file)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints every instruction of one path.
fn show_trace(repository: &Repository, name: &str) -> Result<ExitCode> {
    let trace = trace::record(repository, name)?;
    print!("{}", listing::text(&trace));
    // A trace sees no interrupt, and no more than one turn of a path that is measured by halves.
    let recorded = read_results(&repository.path(RESULTS))?.get(name).copied();
    if let Some(recorded) = recorded.filter(|it| *it != trace.sum().instructions as u64) {
        eprintln!("recorded are {recorded} instructions");
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if a path is slower than recorded; says which are faster.
fn check(figures: &Figures, recorded: &Figures) -> Result<()> {
    let (losses, gains) = (losses(figures, recorded), gains(figures, recorded));
    if !losses.is_empty() {
        bail!("slower than recorded in {RESULTS}:\n  {}", losses.join("\n  "));
    }
    eprintln!("no path is slower than recorded");
    if !gains.is_empty() {
        eprintln!("faster, which --update records:\n  {}", gains.join("\n  "));
    }
    Ok(())
}

/// Whether a path is short enough to be followed.
fn is_short(figures: &Figures) -> impl Fn(&str) -> bool {
    |name| figures.get(name).is_some_and(|figure| *figure <= LONGEST_TRACED)
}

/// Adds what only a trace can tell, which must be of the very path that was measured.
fn add_central(figures: &mut Figures, trace: &Trace) -> Result<()> {
    let sum = trace.sum();
    let counted = figures.get(CENTRAL).copied();
    if counted != Some(sum.instructions as u64) {
        bail!("the trace of {CENTRAL} has {} instructions, not {counted:?}", sum.instructions);
    }
    let [call, reply] = trace.ways();
    for (name, figure) in [
        (".call.kernel", call.in_kernel),
        (".reply.kernel", reply.in_kernel),
        (".code_lines", sum.code_lines),
        (".data_lines", sum.data_lines),
        (".written_lines", sum.written_lines),
        (EXPENSIVE, call.expensive.max(reply.expensive)),
        (BOTH_WAYS, sum.expensive),
    ] {
        figures.insert(format!("{CENTRAL}{name}"), figure as u64);
    }
    Ok(())
}

/// Adds the number of expensive instructions of each path that was followed as it was measured:
/// not of those that an interrupt belongs to, or that are measured by halves.
fn add_expensive(figures: &mut Figures, traces: &BTreeMap<String, Trace>) {
    for (name, trace) in traces {
        let sum = trace.sum();
        if figures.get(name) == Some(&(sum.instructions as u64)) {
            figures.insert(format!("{name}{EXPENSIVE}"), sum.expensive as u64);
        }
    }
}

fn read_results(path: &Path) -> Result<Figures> {
    let text = fs::read_to_string(path).with_context(|| {
        format!("cannot read {}; `cargo xtask bench --update` makes it", path.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))
}
