//! A trace for readers: part by part and instruction by instruction, on the terminal and in the
//! manual's chapter.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, bail};

use super::instruction::Executed;
use super::trace::{Sum, Trace};
use crate::repository::Repository;

/// The chapter with the listing in it.
pub const FILE: &str = "manual/src/ipc-path.md";
/// What stands around the listing there.
const BEGIN: &str = "<!-- listing: `cargo xtask bench --update` writes it -->\n";
const END: &str = "<!-- end of listing -->\n";

/// The whole trace as text: a line for each instruction, and what it comes to.
pub fn text(trace: &Trace) -> String {
    let mut text =
        String::from("   #  mode    instruction                               lines  source\n");
    let mut seen = BTreeSet::new();
    for (number, (executed, place)) in trace.steps.iter().enumerate() {
        let _ = writeln!(
            text,
            "{:>4}{} {:<6}  {:<40}  {:<5}  {}",
            number + 1,
            if executed.is_expensive { '*' } else { ' ' },
            if executed.in_kernel { "kernel" } else { "user" },
            executed.text,
            fresh(executed, &mut seen),
            place,
        );
    }
    let [there, back] = trace.ways();
    for (what, sum) in [("call", there), ("reply", back), ("round trip", trace.sum())] {
        let _ = writeln!(text, "{what}: {}", describe(&sum));
    }
    text
}

fn describe(sum: &Sum) -> String {
    format!(
        "{} instructions ({} in the kernel, {} expensive), {} code lines, {} data lines ({} written)",
        sum.instructions,
        sum.in_kernel,
        sum.expensive,
        sum.code_lines,
        sum.data_lines,
        sum.written_lines,
    )
}

/// The cache lines that the kernel touches here for the first time: `c` for code, `r` for read,
/// `w` for written.
fn fresh(executed: &Executed, seen: &mut BTreeSet<u64>) -> String {
    let mut text = String::new();
    if executed.in_kernel {
        let kinds = [('c', &executed.code), ('w', &executed.written), ('r', &executed.read)];
        for (letter, lines) in kinds {
            for line in lines {
                if seen.insert(*line) {
                    text.push(letter);
                }
            }
        }
    }
    text
}

/// Replaces the listing in the manual.
pub fn update(repository: &Repository, trace: &Trace) -> Result<()> {
    let path = repository.path(FILE);
    let chapter = fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let chapter = replace(&chapter, &text(trace))?;
    fs::write(&path, chapter).with_context(|| format!("cannot write {FILE}"))
}

fn replace(chapter: &str, listing: &str) -> Result<String> {
    let parts = chapter.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let Some((before, after)) = parts else { bail!("{FILE} has no place for the listing") };
    Ok(format!("{before}{BEGIN}{listing}{END}{after}"))
}
