//! Images that a power cut left, and KOITO's file server on each: booted, replayed, read. It has to find
//! what the list beside the image says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Tally, guest};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::progress::Step;
use crate::qemu::{Disk, Ending, Writes};
use crate::repository::Repository;
use crate::rootfs;
use crate::session::Session;

const SYSTEM: &str = "tests/revival";
const PREFIX: &str = "revival: ";
/// Last line of a run.
const DONE: &str = "done";

/// Boots with `folder`'s images `cut-0.img` to `cut-COUNT.img`, one after the other.
pub fn run(repository: &Repository, step: &Step, folder: &Path, count: u32) -> Result<Tally> {
    let options = BootOptions {
        build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
        entry: Some(Entry::Direct),
        ..BootOptions::default()
    };
    let mut session = Session::prepare(repository, &options)?;
    let mut tally = Tally::default();
    let mut files = 0;
    for number in 0..count {
        step.detail(&format!("booting with image {number}"));
        let file = |end: &str| folder.join(format!("cut-{number}.{end}"));
        let list = fs::read_to_string(file("txt")).context("cannot read the list")?;
        let image = file("img");
        session.machine.disk = Some(Disk { image: image.clone(), writes: Writes::Kept });
        let run = guest::listen(&session, step, PREFIX)?;
        let found = told(&run.output);
        let why = match (run.ending, compare(&list, &found)) {
            (Some(Ending::Passed), None) => rootfs::judge(&image).err().map(|it| format!("{it:#}")),
            (_, difference) => Some(run.describe(SYSTEM, &difference.unwrap_or_default())),
        };
        match why {
            None => files += list.lines().count(),
            Some(why) => tally.fail(format!("image {number}: {why}")),
        }
    }
    if tally.failures.is_empty() {
        tally.passed = 1;
        tally.notes.push(format!("{count} of these images booted, {files} files read in them"));
    }
    Ok(tally)
}

/// What a run said, line by line.
fn told(output: &str) -> BTreeSet<&str> {
    output.lines().filter_map(|line| line.trim_end().strip_prefix(PREFIX)).collect()
}

/// What is missing or too much in what was `found`, if anything.
fn compare(list: &str, found: &BTreeSet<&str>) -> Option<String> {
    let expected: BTreeSet<&str> = list.lines().chain([DONE]).collect();
    let missing = expected.difference(found).next().map(|line| format!("it lacks: {line}"));
    missing.or_else(|| found.difference(&expected).next().map(|line| format!("strange: {line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_to_be_found_and_no_other() {
        let list = "3 abc /a\n4 def /b\n";
        let compare = |output: &str| compare(list, &told(output));
        let good = "root: x\nrevival: 4 def /b\r\nrevival: 3 abc /a\r\nrevival: done\r\n";
        assert_eq!(compare(good), None);
        assert!(compare(&good.replace("abc", "abd")).is_some());
        assert!(compare(&good.replace("revival: done", "")).is_some());
        assert!(compare(&format!("{good}revival: 0 0 /c\n")).is_some());
    }
}
