//! Whether what programs write into the manual is what they would write now.

use std::fs;

use anyhow::{Context, Result};

use super::Outcome;
use crate::bench;
use crate::reference;
use crate::repository::Repository;

/// Compares the generated chapters with what would be written now.
pub fn check(repository: &Repository) -> Result<Outcome> {
    let mut complaints = vec![];
    for (file, current) in reference::chapters()? {
        let path = repository.path(file);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}; `cargo xtask doc` writes it", path.display())
        })?;
        complaints.extend(compare(file, &text, &current));
    }
    Ok(Outcome::from_complaints(complaints))
}

/// Compares the manual's table of figures with what is recorded.
pub fn check_figures(repository: &Repository) -> Result<Outcome> {
    let complaint =
        "`cargo xtask bench --update` records the figures and writes the manual's table";
    let complaints = if bench::is_current(repository)? { vec![] } else { vec![complaint.into()] };
    Ok(Outcome::from_complaints(complaints))
}

/// What is wrong with a chapter, if anything is.
fn compare(file: &str, committed: &str, current: &str) -> Option<String> {
    if committed == current {
        return None;
    }
    let line = committed.lines().zip(current.lines()).take_while(|(old, new)| old == new).count();
    Some(format!(
        "{file}:{}: does not say what its source says; `cargo xtask doc` writes it anew",
        line + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_chapter_is_named_with_its_first_line() {
        assert_eq!(compare("a.md", "a\nb\n", "a\nb\n"), None);
        let complaint = compare("a.md", "a\nb\n", "a\nc\n").unwrap();
        assert!(complaint.starts_with("a.md:2:") && complaint.contains("xtask doc"));
    }
}
