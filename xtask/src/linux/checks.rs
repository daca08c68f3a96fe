//! Checks: small scripts that must do under KOITO what they do under Linux.
//!
//! A file of `tests/linux/checks/STAGE/` has several: `### NAME`, and the script up to the next such line.
//! The stage says which shell runs it. `run`, beside them, runs all of them in the guest, and
//! says before and after each what it does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use serde::{Deserialize, Serialize};

use super::guest::Guest;
use super::systems::{Clock, Collection, FOLDER, Kernel, Systems};
use crate::progress::Step;
use crate::repository::Repository;
use crate::userland::Tree;

/// Scripts that come along, here and in the guest: one that runs the checks, and what they use.
const SCRIPTS: &[(&str, &str)] = &[("tests/linux/run", "run"), ("tests/linux/doze", "bin/doze")];
const IN_GUEST: &str = "/usr/bin/busybox sh /checks/run";
/// What stands before the name of a check.
const HEADING: &str = "### ";
/// Machines that may be lost in a run.
const LOSSES: usize = 6;

/// A check by its place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    stage: String,
    name: String,
    script: String,
}

/// What a check came to.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Exit status, as the guest's shell has it, or what happened instead.
    pub status: String,
    /// What it printed.
    pub output: Vec<String>,
}

/// Outcomes by name.
pub type Outcomes = BTreeMap<String, Outcome>;

/// Which checks are run.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    /// All.
    All,
    /// Those that are run with several CPUs, too.
    Several,
    /// Those with these names.
    These(&'a [&'a str]),
}

/// Lists of checks in the guest: of all, and of those for several CPUs.
const LIST: &str = "list";
const LIST_OF_SEVERAL: &str = "several";

/// Puts the checks into a root directory.
pub fn add(repository: &Repository, collection: &Collection, tree: &mut Tree) -> Result<()> {
    let folder = PathBuf::from(FOLDER);
    let several = several(repository, collection)?;
    let (mut list, mut list_of_several) = (String::new(), String::new());
    for check in read(repository, collection)? {
        let line = format!("{} {}\n", check.stage, check.name);
        if several.contains(&check.name) {
            list_of_several += &line;
        }
        list += &line;
        tree.add_file(&folder.join(&check.stage).join(&check.name), check.script.into(), 0o644);
    }
    tree.add_file(&folder.join(LIST), list.into(), 0o644);
    tree.add_file(&folder.join(LIST_OF_SEVERAL), list_of_several.into(), 0o644);
    for (source, name) in SCRIPTS {
        let script =
            fs::read(repository.path(source)).with_context(|| format!("cannot read {source}"))?;
        tree.add_file(&folder.join(name), script, 0o755);
    }
    Ok(())
}

/// The names of checks in `list`, which are those that KOITO has to pass.
pub fn listed(repository: &Repository, list: &str) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(repository.path(list)).with_context(|| format!("cannot read {list}"))?;
    let names = text.lines().map(str::trim);
    Ok(names.filter(|it| !it.is_empty() && !it.starts_with('#')).map(str::to_owned).collect())
}

/// The names of checks that are run with several CPUs, too.
pub fn several(repository: &Repository, collection: &Collection) -> Result<Vec<String>> {
    collection.several.map_or(Ok(vec![]), |list| listed(repository, list))
}

/// All checks, in order.
fn read(repository: &Repository, collection: &Collection) -> Result<Vec<Check>> {
    let mut checks: Vec<Check> = vec![];
    for stage in sorted(&repository.path(collection.checks))? {
        let name = stage.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for file in sorted(&stage)? {
            let text = fs::read_to_string(&file)?;
            checks.extend(parse(&name, &text).with_context(|| format!("in {}", file.display()))?);
        }
    }
    for (at, check) in checks.iter().enumerate() {
        let again = checks[..at].iter().any(|other| other.name == check.name);
        ensure!(!again, "two checks are called {}", check.name);
    }
    Ok(checks)
}

fn parse(stage: &str, text: &str) -> Result<Vec<Check>> {
    let mut checks: Vec<Check> = vec![];
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(HEADING) {
            let fine = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || b"-0123456789".contains(&byte));
            ensure!(fine, "{name:?} is no name of a check");
            checks.push(Check { stage: stage.into(), name: name.into(), script: String::new() });
        } else if let Some(check) = checks.last_mut() {
            check.script += line;
            check.script.push('\n');
        } else if !line.starts_with('#') && !line.is_empty() {
            bail!("{line:?} belongs to no check");
        }
    }
    Ok(checks)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// What Linux makes of all checks: found out once for an image.
pub fn oracle(systems: &Systems, repository: &Repository, step: &Step) -> Result<Outcomes> {
    let file = repository.products().join(format!("{}-oracle.json", systems.collection.name));
    let key = systems.digest()?;
    let known = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some((_, outcomes)) = known.filter(|(of, _): &(u64, Outcomes)| *of == key) {
        return Ok(outcomes);
    }
    let outcomes = run(systems, repository, Kernel::Linux, Choice::All, step)?;
    fs::write(&file, serde_json::to_string(&(key, &outcomes))?)?;
    Ok(outcomes)
}

/// Runs checks. A machine that hangs is replaced; its last check says so.
pub fn run(
    systems: &Systems,
    repository: &Repository,
    kernel: Kernel,
    choice: Choice<'_>,
    step: &Step,
) -> Result<Outcomes> {
    let mut checks = read(repository, systems.collection)?;
    let patience = systems.collection.patience;
    let selection = match choice {
        Choice::All => LIST.into(),
        Choice::Several => {
            let several = several(repository, systems.collection)?;
            checks.retain(|check| several.contains(&check.name));
            LIST_OF_SEVERAL.into()
        }
        // By number, since a line that is typed has its limits.
        Choice::These(names) => {
            let is_one = |check: &Check| names.contains(&&*check.name);
            let numbers = (0..).zip(&checks).filter(|(_, check)| is_one(check));
            let text =
                numbers.map(|(number, _): (u32, _)| format!(" {number}")).collect::<String>();
            checks.retain(is_one);
            LIST.to_owned() + &text
        }
    };
    let mut outcomes = Outcomes::new();
    let mut first = 0;
    for _ in 0..LOSSES {
        step.detail(&format!("booting for check {first}"));
        let mut guest = systems.boot(kernel, Clock::Real)?;
        Systems::start(&mut guest, kernel, &format!("{IN_GUEST} {first} {selection}"))?;
        let mut last = None;
        let over = listen(&mut guest, patience, step, |name, outcome| {
            last = Some(name.to_owned());
            outcomes.insert(name.to_owned(), outcome);
        });
        if over {
            guest.enter("exit")?;
            ensure!(guest.ends(Instant::now() + patience), "the machine does not end");
            return Ok(outcomes);
        }
        let done = last.and_then(|name| checks.iter().position(|check| check.name == name));
        let lost = done.map_or(first, |done| done + 1);
        let Some(check) = checks.get(lost) else { break };
        let status = "the machine hangs or is gone".to_owned();
        outcomes.insert(check.name.clone(), Outcome { status, output: vec![] });
        first = lost + 1;
    }
    Ok(outcomes)
}

/// Listens to the runner until it is over, or says nothing any more; which of the two.
fn listen(
    guest: &mut Guest,
    patience: Duration,
    step: &Step,
    mut found: impl FnMut(&str, Outcome),
) -> bool {
    let mut output = vec![];
    while let Some(line) = guest.line(Instant::now() + patience) {
        if let Some(text) = line.strip_prefix("| ") {
            output.push(text.to_owned());
        } else if let Some(name) = line.strip_prefix("=== begin ") {
            step.detail(name);
            output.clear();
        } else if let Some((name, status)) =
            line.strip_prefix("=== end ").and_then(|rest| rest.split_once(' '))
        {
            found(name, Outcome { status: status.into(), output: std::mem::take(&mut output) });
        } else if line == "=== over" {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_several_checks() {
        let checks = parse("1-busybox", "# Why.\n\n### one\necho 1\n### two\n# more\n").unwrap();
        let parts: Vec<_> = checks.iter().map(|it| (&*it.name, &*it.script)).collect();
        assert_eq!(parts, [("one", "echo 1\n"), ("two", "# more\n")]);
    }

    #[test]
    fn what_belongs_to_no_check_is_refused() {
        assert!(parse("1-busybox", "echo 1\n### one\n").is_err());
        assert!(parse("1-busybox", "### One two\n").is_err());
    }
}
