//! Whether what programs write into the manual is what they would write now.

use std::fs;

use anyhow::{Context, Result};

use super::Outcome;
use crate::bench;
use crate::reference;
use crate::repository::Repository;

/// Compares the interface reference with what would be written now.
pub fn check(repository: &Repository) -> Result<Outcome> {
    let path = repository.path(reference::FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}; `cargo xtask doc` writes it", path.display()))?;
    Ok(compare(&text, &reference::render()?))
}

/// Compares the manual's table of figures with what is recorded.
pub fn check_figures(repository: &Repository) -> Result<Outcome> {
    let complaint =
        "`cargo xtask bench --update` records the figures and writes the manual's table";
    let complaints = if bench::is_current(repository)? { vec![] } else { vec![complaint.into()] };
    Ok(Outcome::from_complaints(complaints))
}

fn compare(committed: &str, current: &str) -> Outcome {
    if committed == current {
        return Outcome::Holds;
    }
    let line = committed.lines().zip(current.lines()).take_while(|(old, new)| old == new).count();
    Outcome::Broken(vec![format!(
        "{}:{}: does not say what abi/ says; `cargo xtask doc` writes it anew",
        reference::FILE,
        line + 1
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_reference_is_named_with_its_first_line() {
        assert_eq!(compare("a\nb\n", "a\nb\n"), Outcome::Holds);
        let Outcome::Broken(complaints) = compare("a\nb\n", "a\nc\n") else { panic!("passed") };
        assert!(complaints[0].contains("reference.md:2:") && complaints[0].contains("xtask doc"));
    }
}
