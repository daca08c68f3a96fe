//! The two systems that run Linux programs, made ready to boot.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::guest::Guest;
use super::{checks, kernel};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::compile::{Builder, Profile};
use crate::packages::{self, E2FSPROGS};
use crate::progress::Step;
use crate::qemu::{Disk, Machine, Medium, Serial, Writes};
use crate::repository::Repository;
use crate::session::Session;
use crate::userland::Userland;

/// Programs of ours that are in the image, and their package.
const PACKAGE: &str = "a9n-linux-programs";
const PROGRAMS: &[&str] = &["linux-bench", "linux-typist"];
/// Where everything of ours lies in the image.
pub const FOLDER: &str = "checks";
const KOITO: &str = "koito";
const MEMORY: &str = "512M";
/// Process 1 of a system with logins.
const FIRST: &str = "sbin/init";

/// Checks, and what they need.
#[derive(Debug)]
pub struct Collection {
    /// What its products are called, in front.
    pub name: &'static str,
    /// Lists of Debian packages beside those of the usual one.
    lists: &'static [&'static str],
    /// Folder with the checks.
    pub checks: &'static str,
    /// File with the names of those that KOITO has to pass.
    pub passing: &'static str,
    /// Patience with one check, which the runner ends a little earlier.
    pub patience: Duration,
}

/// What every run of all tests tries.
pub const USUAL: Collection = Collection {
    name: "linux",
    lists: &[],
    checks: "tests/linux/checks",
    passing: "tests/linux/passing.txt",
    patience: Duration::from_secs(60),
};

/// Languages, compilers and other larger programs, on a disk of their own.
pub const LARGE: Collection = Collection {
    name: "linux-large",
    lists: &["tests/linux/large/userland.toml"],
    checks: "tests/linux/large/checks",
    passing: "tests/linux/large/passing.txt",
    patience: Duration::from_secs(360),
};

/// Prompts, and what is typed before a program's path.
const LINUX_PROMPT: &str = "linux> ";
const KOITO_PROMPT: &str = "koito> ";
const KOITO_STARTS: &str = "linux ";
/// How long the first program may take to say a word.
const PROBE_LIMIT: Duration = Duration::from_secs(30);
const PROBE: &str = "/usr/bin/busybox echo sign of life";
const SIGN: &str = "\nsign of life";

/// Who runs the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Debian's own.
    Linux,
    /// KOITO's POSIX server.
    Koito,
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// As it does for everybody.
    Real,
    /// An instruction takes a nanosecond. String instructions are no faster than others: an emulator
    /// would count each byte that they move.
    Instructions,
}

/// Both systems and the image that they share.
pub struct Systems {
    session: Session,
    linux: Medium,
    image: PathBuf,
    /// What was said, a file for each kernel.
    transcripts: [PathBuf; 2],
    /// What is tried.
    pub collection: &'static Collection,
}

impl Systems {
    /// Builds all that is needed; fetches packages that are missing.
    pub fn prepare(
        repository: &Repository,
        collection: &'static Collection,
        step: &Step,
    ) -> Result<Self> {
        packages::ensure(&[E2FSPROGS])?;
        let options = BootOptions {
            build: BuildOptions { system: Some(KOITO.into()), ..BuildOptions::default() },
            entry: Some(Entry::Direct),
            memory: Some(MEMORY.into()),
            ..BootOptions::default()
        };
        let session = Session::prepare(repository, &options)?;
        let mut userland = Userland::gather_more(repository, collection.lists, step)?;
        let builder = Builder::new(repository, Profile::Release, &[])?;
        for (name, file) in PROGRAMS.iter().zip(builder.programs(PACKAGE, PROGRAMS)?) {
            let program = fs::read(&file).with_context(|| format!("{} is gone", file.display()))?;
            userland.tree.add_file(&PathBuf::from(FOLDER).join("bin").join(name), program, 0o755);
        }
        checks::add(repository, collection, &mut userland.tree)?;
        // Nobody logs in: what is measured has the machine for itself.
        userland.tree.remove(Path::new(FIRST));
        let image = session.scratch_file("root.img");
        userland.write(repository, &[], &image, step)?;
        let folder = session.scratch_file("");
        let transcripts = ["oracle", "koito"]
            .map(|kernel| repository.products().join(format!("{}-{kernel}.txt", collection.name)));
        for transcript in &transcripts {
            fs::write(transcript, []).context("cannot begin a transcript")?;
        }
        Ok(Self { linux: kernel::medium(&folder, step)?, session, image, transcripts, collection })
    }

    /// A number that another kernel or image would hardly have.
    pub fn digest(&self) -> Result<u64> {
        let Medium::Direct { kernel, archive, .. } = &self.linux else { return Ok(0) };
        let mut hasher = DefaultHasher::new();
        for file in [kernel, archive, &self.image] {
            fs::read(file)?.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }

    /// The disk as a kernel left it.
    pub fn disk(&self, kernel: Kernel) -> PathBuf {
        self.session.scratch_file(match kernel {
            Kernel::Linux => "linux.img",
            Kernel::Koito => "koito.img",
        })
    }

    /// Boots a machine with a fresh copy of the image.
    pub fn boot(&self, kernel: Kernel, clock: Clock) -> Result<Guest> {
        let disk = self.disk(kernel);
        fs::copy(&self.image, &disk).context("cannot copy the image")?;
        let count = clock == Clock::Instructions;
        let machine = Machine {
            disk: Some(Disk { image: disk, writes: Writes::Kept }),
            count_instructions: count,
            features: if count { "-erms,-fsrm" } else { "" },
            ..self.session.machine.clone()
        };
        let (medium, prompt) = match kernel {
            Kernel::Linux => (&self.linux, LINUX_PROMPT),
            Kernel::Koito => (self.session.medium(), KOITO_PROMPT),
        };
        Guest::boot(
            &mut machine.command(medium, &Serial::Pipe),
            prompt,
            &self.transcripts[kernel as usize],
        )
    }

    /// Starts a program by its path.
    pub fn start(guest: &mut Guest, kernel: Kernel, program: &str) -> Result<()> {
        match kernel {
            Kernel::Linux => guest.enter(program),
            Kernel::Koito => guest.enter(&format!("{KOITO_STARTS}{program}")),
        }
    }

    /// Whether a kernel can run a first program at all.
    pub fn runs_programs(&self, kernel: Kernel) -> Result<bool> {
        let mut guest = self.boot(kernel, Clock::Real)?;
        Self::start(&mut guest, kernel, PROBE)?;
        Ok(guest.wait_for(SIGN, Instant::now() + PROBE_LIMIT))
    }
}
