//! Linux programs: each check has to come to the same under KOITO as under Debian's own kernel, from the
//! same root image in the same emulator, and `e2fsck` judges what is left on the disk.
//!
//! A file beside them lists what KOITO has to pass. A check that passes and is not listed is
//! reported; one that did not run counts for nothing.

use std::fs;
use std::thread;

use anyhow::{Result, bail};

use super::Tally;
use crate::cli::TestOptions;
use crate::linux::checks::{self, Choice, Outcome, Outcomes};
use crate::linux::{Collection, Kernel, Systems};
use crate::progress::Step;
use crate::repository::Repository;
use crate::rootfs;

/// Status of a check that took too long: the runner killed it.
const KILLED: &str = "137";
/// Lines of output shown of a failure.
const SHOWN: usize = 12;
/// CPUs of the machine that runs some of the checks again.
const SEVERAL_CPUS: u32 = 2;
/// Checks that get a second try; where more differ, it is not for want of time.
const SECOND_TRIES: usize = 5;

/// Boots both, side by side, and compares.
pub fn run(
    repository: &Repository,
    collection: &'static Collection,
    options: &TestOptions,
    step: &Step,
) -> Result<Tally> {
    let mut systems = Systems::prepare(repository, collection, step)?;
    systems.cpus = options.cpus.unwrap_or(1);
    let listed = checks::listed(repository, collection.passing)?;
    let mut tally = Tally::default();
    let runs = systems.runs_programs(Kernel::Koito)?;
    let (expected, found) = thread::scope(|scope| {
        let koito = scope.spawn(|| match runs {
            true => checks::run(&systems, repository, Kernel::Koito, Choice::All, step).map(Some),
            false => Ok(None),
        });
        let linux = checks::oracle(&systems, repository, step);
        (linux, koito.join().unwrap_or_else(|_| bail!("a thread panicked")))
    });
    let mut expected = expected?;
    let mut found = found?;
    let left = rootfs::judge(&systems.disk(Kernel::Koito));
    if let Some(found) = &mut found {
        ask_again(&systems, repository, &listed, [&mut expected, found], &mut tally, step)?;
    }
    for (name, outcome) in &expected {
        if outcome.status == KILLED || outcome.status.parse::<u8>().is_err() {
            tally.fail(format!("{name} under Linux: {}", describe(outcome)));
        }
    }
    let unknown = listed.iter().filter(|name| !expected.contains_key(*name));
    tally.failures.extend(unknown.map(|name| format!("{name} did not run under Linux")));
    let Some(found) = found else {
        tally.notes.push(format!("{} checks ran under Linux only", expected.len()));
        if !listed.is_empty() {
            tally.fail("KOITO runs no Linux program");
        }
        return Ok(tally);
    };
    compare(&expected, &found, &listed, &mut tally);
    match left {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("KOITO's disk: {error:#}")),
    }
    if systems.cpus == 1 && collection.several.is_some() {
        systems.cpus = SEVERAL_CPUS;
        let again = checks::several(repository, collection)?;
        run_again(&systems, repository, &again, &mut expected, &mut tally, step)?;
    }
    let file = repository.products().join(format!("{}-differences.txt", collection.name));
    fs::write(&file, differences(&expected, &found))?;
    tally.notes.push(format!("all differences: {}", repository.relative(&file).display()));
    Ok(tally)
}

/// Runs those checks anew, under both, of which the outcomes differ: on a machine that is busy with other
/// things a program may come too late for the patience of a check. What differs again has failed; what does
/// not is named.
fn ask_again(
    systems: &Systems,
    repository: &Repository,
    listed: &[String],
    [expected, found]: [&mut Outcomes; 2],
    tally: &mut Tally,
    step: &Step,
) -> Result<()> {
    let differ =
        |name: &&String| expected.contains_key(*name) && expected.get(*name) != found.get(*name);
    let names: Vec<&str> = listed.iter().filter(differ).map(String::as_str).collect();
    if names.is_empty() || names.len() > SECOND_TRIES {
        return Ok(());
    }
    step.detail(&format!("once more: {}", names.join(" ")));
    let these = Choice::These(&names);
    expected.extend(checks::run(systems, repository, Kernel::Linux, these, step)?);
    found.extend(checks::run(systems, repository, Kernel::Koito, these, step)?);
    tally.notes.push(format!("ran twice: {}", names.join(" ")));
    Ok(())
}

/// Runs those checks once more on several CPUs, which have to come to what they come to on one.
fn run_again(
    systems: &Systems,
    repository: &Repository,
    names: &[String],
    expected: &mut Outcomes,
    tally: &mut Tally,
    step: &Step,
) -> Result<()> {
    let mut found = checks::run(systems, repository, Kernel::Koito, Choice::Several, step)?;
    ask_again(systems, repository, names, [expected, &mut found], tally, step)?;
    for name in names {
        match (expected.get(name), found.get(name)) {
            (Some(wanted), Some(outcome)) if outcome == wanted => tally.passed += 1,
            (Some(wanted), Some(outcome)) => {
                let difference = difference(name, wanted, outcome);
                tally.fail(format!("{} CPUs: {difference}", systems.cpus));
            }
            _ => tally.fail(format!("{} CPUs: {name} did not run", systems.cpus)),
        }
    }
    Ok(())
}

/// Counts what is listed, and says what else passes.
fn compare(expected: &Outcomes, found: &Outcomes, listed: &[String], tally: &mut Tally) {
    let mut more = vec![];
    for (name, wanted) in expected {
        match (found.get(name), listed.contains(name)) {
            (Some(outcome), true) if outcome == wanted => tally.passed += 1,
            (Some(outcome), true) => tally.fail(difference(name, wanted, outcome)),
            (None, true) => tally.fail(format!("{name} did not run")),
            (Some(outcome), false) if outcome == wanted => more.push(name.as_str()),
            (_, false) => {}
        }
    }
    let open = expected.len() - listed.len() - more.len();
    if open > 0 {
        tally.notes.push(format!("{open} of {} checks do not pass yet", expected.len()));
    }
    if !more.is_empty() {
        tally.notes.push(format!("pass and are not listed: {}", more.join(" ")));
    }
}

/// What differs, and what KOITO did not do at all.
fn differences(expected: &Outcomes, found: &Outcomes) -> String {
    let parts = expected.iter().filter_map(|(name, wanted)| match found.get(name) {
        Some(outcome) if outcome == wanted => None,
        Some(outcome) => Some(difference(name, wanted, outcome)),
        None => Some(format!("{name} did not run\n")),
    });
    parts.collect()
}

fn difference(name: &str, wanted: &Outcome, found: &Outcome) -> String {
    format!("{name}\n  Linux: {}\n  KOITO: {}\n", describe(wanted), describe(found))
}

/// An outcome on a few lines.
fn describe(outcome: &Outcome) -> String {
    let left = outcome.output.len().saturating_sub(SHOWN);
    let lines: String =
        outcome.output.iter().take(SHOWN).map(|line| format!("\n  | {line}")).collect();
    let more = if left == 0 { String::new() } else { format!("\n  ... {left} more lines") };
    format!("{}{lines}{more}", outcome.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(list: &[(&str, &str)]) -> Outcomes {
        let outcome = |status: &str| Outcome { status: status.into(), output: vec![] };
        list.iter().map(|(name, status)| ((*name).to_owned(), outcome(status))).collect()
    }

    #[test]
    fn only_what_is_listed_and_ran_is_counted() {
        let expected = outcomes(&[("a", "0"), ("b", "0"), ("c", "1"), ("d", "0")]);
        let found = outcomes(&[("a", "0"), ("b", "1"), ("c", "1")]);
        let mut tally = Tally::default();
        compare(&expected, &found, &["a".into(), "b".into(), "d".into()], &mut tally);
        assert_eq!((tally.passed, tally.failures.len()), (1, 2));
        assert_eq!(tally.notes, ["pass and are not listed: c"]);
    }
}
