//! `cargo xtask bench`: what the kernel's paths cost, beside references and goals.
//!
//! A figure is a number of instructions, from one reading of the time-stamp counter to the next;
//! of the path that matters most, a call and its reply, a trace of every instruction says besides
//! how many cache lines it touches and how many expensive instructions it executes.

mod boot;
mod instruction;
mod listing;
mod manual;
mod remote;
mod symbols;
mod table;
mod trace;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cli::BenchOptions;
use crate::repository::Repository;
use boot::Figures;
pub use boot::SYSTEM;
pub use manual::is_current;
use table::{References, gains, losses};
use trace::Trace;

const REFERENCES: &str = "bench/references.toml";
const RESULTS: &str = "bench/results.json";
/// The path that is traced.
const TRACED: &str = "ipc.cross.0";

/// `cargo xtask bench`.
pub fn run(repository: &Repository, options: &BenchOptions) -> Result<ExitCode> {
    if let Some(name) = &options.trace {
        print!("{}", listing::text(&Trace::record(repository, name)?));
        return Ok(ExitCode::SUCCESS);
    }
    let references = References::read(&repository.path(REFERENCES))?;
    let mut figures = boot::measure(repository)?;
    let trace = Trace::record(repository, TRACED)?;
    add_traced(&mut figures, &trace)?;
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
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        fs::write(&file, text).with_context(|| format!("cannot write {RESULTS}"))?;
        manual::update(repository, &figures, &trace)?;
        eprintln!("{RESULTS}, {} and {} are up to date", manual::FIGURES, manual::LISTING);
    }
    if options.check {
        check(&figures, &read_results(&file)?)?;
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

/// Adds what only a trace can tell, which must be of the very path that was measured.
fn add_traced(figures: &mut Figures, trace: &Trace) -> Result<()> {
    let sum = trace.sum();
    let counted = figures.get(TRACED).copied();
    if counted != Some(sum.instructions as u64) {
        bail!("the trace of {TRACED} has {} instructions, not {counted:?}", sum.instructions);
    }
    let [call, reply] = trace.ways();
    for (name, figure) in [
        ("call.kernel", call.in_kernel),
        ("reply.kernel", reply.in_kernel),
        ("code_lines", sum.code_lines),
        ("data_lines", sum.data_lines),
        ("written_lines", sum.written_lines),
        ("expensive", call.expensive.max(reply.expensive)),
        ("expensive.round_trip", sum.expensive),
    ] {
        figures.insert(format!("{TRACED}.{name}"), figure as u64);
    }
    Ok(())
}

fn read_results(path: &Path) -> Result<Figures> {
    let text = fs::read_to_string(path).with_context(|| {
        format!("cannot read {}; `cargo xtask bench --update` makes it", path.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("in {}", path.display()))
}
