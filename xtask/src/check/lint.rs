//! rustfmt and clippy.

use std::path::Path;

use anyhow::{Context, Result};

use super::Outcome;
use crate::process::{Finished, find_program, host_cargo, host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;
use crate::toolchain::rustup_add;
use crate::workspace::Workspace;

/// Whether every file is formatted.
pub fn format(repository: &Repository, step: &Step) -> Result<Outcome> {
    if !has_component("rustfmt", "cargo-fmt") {
        return Ok(unavailable("rustfmt"));
    }
    let mut command = host_cargo_command(repository.root(), "fmt");
    command.args(["--all", "--check"]);
    let finished = watch(&mut command, step, None).context("cannot run rustfmt")?;
    if finished.status.success() {
        return Ok(Outcome::Holds);
    }
    let mut places: Vec<String> = finished
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("Diff in "))
        .map(|place| place.trim_end_matches(':').to_owned())
        .collect();
    if places.is_empty() {
        places.push(finished.transcript());
    }
    Ok(Outcome::Broken(places))
}

/// Whether clippy has nothing to say. Bare-metal crates are looked at as if they ran on this
/// machine: nothing is linked, so they need no target of their own, only a panic strategy that
/// does without the standard library.
pub fn clippy(repository: &Repository, workspace: &Workspace, step: &Step) -> Result<Outcome> {
    if !has_component("clippy", "cargo-clippy") {
        return Ok(unavailable("clippy"));
    }
    let mut complaints = vec![];
    let mut host = host_cargo_command(repository.root(), "clippy");
    host.args(["--quiet", "--all-targets", "--", "-D", "warnings"]);
    complaints.extend(complaint(&watch(&mut host, step, None)?));

    let bare: Vec<&str> = workspace
        .members
        .iter()
        .filter(|member| !member.builds_on_host)
        .map(|member| member.name.as_str())
        .collect();
    if complaints.is_empty() && !bare.is_empty() {
        let mut command = host_cargo_command(repository.root(), "clippy");
        command.args(["--quiet", "--config", "profile.dev.panic=\"abort\""]);
        command.arg("--target-dir").arg(repository.products().join("lint"));
        for package in bare {
            command.args(["--package", package]);
        }
        command.args(["--", "-D", "warnings"]);
        complaints.extend(complaint(&watch(&mut command, step, None)?));
    }
    Ok(Outcome::from_complaints(complaints))
}

/// The messages of a failed run, each once: a library is looked at with and without its tests.
fn complaint(finished: &Finished) -> Vec<String> {
    let mut messages = vec![];
    if !finished.status.success() {
        for message in finished.stderr.split("\n\n").map(str::trim) {
            if !message.is_empty() && !messages.iter().any(|other| other == message) {
                messages.push(message.to_owned());
            }
        }
    }
    messages
}

fn unavailable(component: &str) -> Outcome {
    Outcome::Unchecked(format!("{component} is not installed: rustup component add {component}"))
}

/// Whether the active toolchain has the component, fetching it where rustup can.
fn has_component(component: &str, program: &str) -> bool {
    let present = || {
        let cargo = host_cargo();
        let beside = cargo.parent().unwrap_or(Path::new("")).join(program);
        if cargo.is_absolute() { beside.is_file() } else { find_program(program).is_some() }
    };
    present()
        || rustup_add(&format!("fetching {component}"), &["component", "add"], &[component])
            && present()
}
