//! Debian packages: what depends on what, and their files, by way of the machine's own `apt-get`.
//!
//! `apt-get` works in a folder of ours, for a system on which nothing is installed yet; it needs no
//! special rights, knows the machine's mirrors, and checks signatures and sums. What was fetched once
//! is fetched no more: without a network, everything goes on as long as the list of packages does.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{Finished, find_program, watch};
use crate::progress::Step;

/// Patience with a mirror.
const LIMIT: Duration = Duration::from_secs(300);

/// Whether packages come from the cache where possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// What was found for the same list before will do.
    Cached,
    /// Ask the mirror what there is now.
    Newest,
}

/// Debian's packages, as far as this machine gets at them.
pub struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// With its cache where the user's caches are.
    pub fn new() -> Result<Self> {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        let cache = cache.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?;
        let folder = cache.join("a9n/debian");
        for name in ["state/lists/partial", "archives", "answers"] {
            fs::create_dir_all(folder.join(name))
                .with_context(|| format!("cannot make {}", folder.join(name).display()))?;
        }
        Ok(Self { folder })
    }

    /// The files of `packages` and of all that they depend on, as far as `wanted`, in a fixed order.
    pub fn fetch(
        &self,
        packages: &[String],
        wanted: impl Fn(&str) -> bool,
        freshness: Freshness,
        step: &Step,
    ) -> Result<Vec<PathBuf>> {
        let mut sorted = packages.to_vec();
        sorted.sort();
        let question = sorted.join(" ");
        let answer = self.folder.join("answers").join(file_name(&question));
        let files = |lines: &str| -> Vec<(Package, PathBuf)> {
            let chosen = lines.lines().filter_map(Package::parse).filter(|it| wanted(&it.name));
            chosen
                .map(|it| {
                    let file = self.folder.join("archives").join(it.file());
                    (it, file)
                })
                .collect()
        };
        let known = fs::read_to_string(&answer).unwrap_or_default();
        if freshness == Freshness::Cached
            && let Some(known) = known.strip_prefix(&format!("{question}\n"))
            && files(known).iter().all(|(_, file)| file.is_file())
        {
            return Ok(files(known).into_iter().map(|(_, file)| file).collect());
        }
        let found = self.resolve(&sorted, step)?;
        let missing: Vec<String> = files(&found)
            .iter()
            .filter(|(_, file)| !file.is_file())
            .map(|(package, _)| format!("{}={}", package.name, package.version))
            .collect();
        if !missing.is_empty() {
            step.detail(&format!("fetching {} packages", missing.len()));
            self.run(&["download"], &missing, step)?;
        }
        fs::write(&answer, format!("{question}\n{found}"))?;
        Ok(files(&found).into_iter().map(|(_, file)| file).collect())
    }

    /// What `apt-get` would install, a line each.
    fn resolve(&self, packages: &[String], step: &Step) -> Result<String> {
        step.detail("reading the lists of packages");
        fs::write(self.folder.join("status"), [])?;
        self.run(&["update"], &[], step)?;
        let verb = ["install", "--simulate", "--no-install-recommends"];
        let simulated = self.run(&verb, packages, step)?.stdout;
        let mut lines: Vec<&str> =
            simulated.lines().filter(|line| Package::parse(line).is_some()).collect();
        lines.sort_unstable();
        Ok(lines.join("\n"))
    }

    fn run(&self, verb: &[&str], packages: &[String], step: &Step) -> Result<Finished> {
        if find_program("apt-get").is_none() || find_program("dpkg-deb").is_none() {
            bail!("Linux programs come from Debian packages, and this machine has no apt");
        }
        let at = |name: &str| self.folder.join(name).display().to_string();
        let mut command = Command::new("apt-get");
        command.current_dir(self.folder.join("archives")).args(["--quiet", "--yes"]);
        for (key, value) in [
            ("Dir::State", at("state")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("")),
            ("APT::Architecture", "amd64".into()),
            // Packages lie in a folder of ours, which only we may read.
            ("APT::Sandbox::User", "root".into()),
            ("Acquire::Languages", "none".into()),
            ("Acquire::Retries", "2".into()),
            ("DPkg::Lock::Timeout", "120".into()),
        ] {
            command.arg("-o").arg(format!("{key}={value}"));
        }
        let finished = watch(command.args(verb).args(packages), step, Some(LIMIT))?;
        if !finished.status.success() {
            bail!(
                "`apt-get {}` failed; what was fetched earlier works without a network\n{}",
                verb.join(" "),
                finished.stderr.trim_end()
            );
        }
        Ok(finished)
    }
}

/// One package, as `apt-get --simulate` names it.
#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    architecture: String,
}

impl Package {
    /// Reads a line such as `Inst bash (5.2-1 Debian:12/oldstable [amd64])`.
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
        let version = rest.split_whitespace().next()?;
        // Behind the parenthesis may stand, in brackets too, what is still broken.
        let (_, architecture) = rest.split_once("])")?.0.rsplit_once('[')?;
        Some(Self { name: name.into(), version: version.into(), architecture: architecture.into() })
    }

    /// The name that `apt-get download` gives its file.
    fn file(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }
}

/// A short name for a file about `question`; different questions may share one.
fn file_name(question: &str) -> String {
    let sum = question
        .bytes()
        .fold(0_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{sum:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_installation_names_its_files() {
        let line = "Inst passwd (1:4.13+dfsg1-1 Debian:12.15/oldstable, Security:12 [amd64])";
        let package = Package::parse(line).unwrap();
        assert_eq!(package.file(), "passwd_1%3a4.13+dfsg1-1_amd64.deb");
        let broken = format!("{line} []");
        assert_eq!(Package::parse(&broken), Some(package));
        assert_eq!(Package::parse("Conf passwd (1:4.13 Debian:12 [amd64])"), None);
        assert_eq!(Package::parse("Reading package lists..."), None);
    }

    #[test]
    fn similar_questions_have_answers_of_their_own() {
        assert_ne!(file_name("bash tar"), file_name("bash tat"));
        assert_ne!(file_name(""), file_name("a"));
    }
}
