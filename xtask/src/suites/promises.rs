//! The table of promises in the manual: what other kernels get wrong, and the case that shows that
//! this one does not. Every case that it names must be there.

use std::fs;

use anyhow::{Context, Result};

use super::Tally;
use crate::repository::Repository;

const CHAPTER: &str = "manual/src/tests.md";
/// Heading of the section with the table.
const SECTION: &str = "## What must not happen";
const CASES: &str = "tests/conformance/src/cases";
const STORMS: &str = "tests/storm/src/storms.rs";

/// One test for each row of the table.
pub fn check(repository: &Repository) -> Result<Tally> {
    let read = |path: &std::path::Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let mut names = storms(&read(&repository.path(STORMS))?);
    for entry in fs::read_dir(repository.path(CASES))?.flatten() {
        names.extend(cases(&read(&entry.path())?));
    }
    Ok(judge(&read(&repository.path(CHAPTER))?, &names))
}

fn judge(chapter: &str, names: &[String]) -> Tally {
    let mut tally = Tally::default();
    let section = chapter.split_once(SECTION).map_or("", |(_, section)| section);
    let rows = section.lines().skip_while(|line| !line.starts_with("|---"));
    for row in rows.skip(1).take_while(|line| line.starts_with('|')) {
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        match named.iter().find(|name| !names.iter().any(|known| known == *name)) {
            _ if named.is_empty() => tally.fail(format!("{CHAPTER}: no case in {row:?}")),
            Some(name) => tally.fail(format!("{CHAPTER}: there is no case {name}")),
            None => tally.passed += 1,
        }
    }
    if tally == Tally::default() {
        tally.fail(format!("{CHAPTER} has no table behind {SECTION:?}"));
    }
    tally
}

/// The names in `cases!("group": one, another);`.
fn cases(text: &str) -> Vec<String> {
    let list = text.split_once("cases!(\"").and_then(|(_, rest)| rest.split_once(");"));
    let Some((group, functions)) = list.and_then(|(list, _)| list.split_once("\":")) else {
        return vec![];
    };
    let functions = functions.split(',').map(str::trim).filter(|name| !name.is_empty());
    functions.map(|name| format!("{group}.{name}")).collect()
}

/// The names in `("storm.one", one)`.
fn storms(text: &str) -> Vec<String> {
    let names = text.split("(\"storm.").skip(1).filter_map(|rest| rest.split_once('"'));
    names.map(|(name, _)| format!("storm.{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_need_cases_that_exist() {
        let names =
            [cases("cases!(\"node\": one,\n    two);"), storms("(\"storm.all\", all),")].concat();
        assert_eq!(names, ["node.one", "node.two", "storm.all"]);
        let chapter = |row| format!("{SECTION}\n\n| what | case |\n|---|---|\n{row}\n\nEnd");
        assert_eq!(judge(&chapter("| bad | `node.one`, `storm.all` |"), &names).passed, 1);
        for bad in ["| bad | `node.three` |", "| bad | none |", ""] {
            assert_eq!(judge(&chapter(bad), &names).failures.len(), 1, "{bad}");
        }
    }
}
