//! What the manual says of the measurements: its table of figures and its listing of a round trip.
//!
//! Both stand between two marks in a chapter written by hand. The table follows from what is
//! recorded, so a check tells when it is stale; the listing is as the recording compiler made it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::boot::Figures;
use super::table::References;
use super::trace::Trace;
use super::{REFERENCES, RESULTS, guest, listing, read_results};
use crate::repository::Repository;

/// The chapter with the table.
pub const FIGURES: &str = "manual/src/benchmarks.md";
/// The chapter with the listing.
pub const LISTING: &str = "manual/src/ipc-path.md";

/// What stands before and behind what is written by a program.
const MARKS: [&str; 2] =
    ["<!-- written by `cargo xtask bench --update` -->\n", "<!-- end of what is written -->\n"];

/// The chapter with what a guest's boot takes.
pub const GUESTS: &str = "manual/src/amateras.md";

/// Writes the table of a guest's boot.
pub fn update_guest(repository: &Repository, table: &str) -> Result<()> {
    write(&repository.path(GUESTS), table)
}

/// Writes both.
pub fn update(repository: &Repository, figures: &Figures, trace: &Trace) -> Result<()> {
    let references = References::read(&repository.path(REFERENCES))?;
    write(&repository.path(FIGURES), &references.manual(figures))?;
    let (parts, text) = (listing::parts(trace), listing::text(trace));
    let listing = format!("Compiled by rustc {}.\n\n{parts}\n```text\n{text}```\n", trace.compiler);
    write(&repository.path(LISTING), &listing)
}

/// Whether the tables say what is recorded.
pub fn is_current(repository: &Repository) -> Result<bool> {
    let references = References::read(&repository.path(REFERENCES))?;
    let figures = read_results(&repository.path(RESULTS))?;
    let chapter = read(&repository.path(FIGURES))?;
    let guests = read(&repository.path(GUESTS))?;
    let is = |chapter: &String, text: &str| replace(chapter, text).as_ref() == Some(chapter);
    Ok(is(&chapter, &references.manual(&figures)) && is(&guests, &guest::recorded(repository)?))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let chapter = replace(&read(path)?, text)
        .with_context(|| format!("{} has no place for what is measured", path.display()))?;
    fs::write(path, chapter).with_context(|| format!("cannot write {}", path.display()))
}

/// `chapter` with `text` between its marks.
fn replace(chapter: &str, text: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (before, rest) = chapter.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{text}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let [begin, end] = MARKS;
        let chapter = format!("before\n{begin}\nold\n\n{end}after\n");
        let changed = replace(&chapter, "new\n").unwrap();
        assert_eq!(changed, format!("before\n{begin}\nnew\n\n{end}after\n"));
        assert_eq!(replace(&changed, "new\n"), Some(changed.clone()));
        assert_eq!(replace("no marks", "new"), None);
    }
}
