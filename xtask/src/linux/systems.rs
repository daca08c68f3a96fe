//! The two systems that run Linux programs, made ready to boot.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::guest::Guest;
use super::{checks, kernel};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::compile::{Builder, Profile};
use crate::packages::{self, E2FSPROGS};
use crate::progress::Step;
use crate::qemu::{Debugger, Disk, Machine, Medium, Serial, Writes};
use crate::repository::Repository;
use crate::session::Session;
use crate::userland::Userland;
use crate::volume::Volume;

/// Programs of ours that are in the image, by their packages.
const PROGRAMS: [(&str, &[&str]); 2] = [
    ("a9n-linux-programs", &["linux-bench", "linux-typist", "linux-racers"]),
    ("a9n-linux-hostile", &["linux-hostile"]),
];
/// Where everything of ours lies in the image.
pub const FOLDER: &str = "checks";
const KOITO: &str = "koito";
const MEMORY: &str = "512M";
const SERVER: &str = "koito-posix";
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
    /// File with the names of those of them that it has to pass with several CPUs, too.
    pub several: Option<&'static str>,
    /// Patience with one check, which the runner ends a little earlier.
    pub patience: Duration,
}

/// What every run of all tests tries.
pub const USUAL: Collection = Collection {
    name: "linux",
    lists: &[],
    checks: "tests/linux/checks",
    passing: "tests/linux/passing.txt",
    several: Some("tests/linux/several-cpus.txt"),
    patience: Duration::from_secs(180),
};

/// Languages, compilers and other larger programs, on a disk of their own.
pub const LARGE: Collection = Collection {
    name: "linux-large",
    lists: &["tests/linux/large/userland.toml"],
    checks: "tests/linux/large/checks",
    passing: "tests/linux/large/passing.txt",
    several: None,
    patience: Duration::from_secs(360),
};

/// Prompts, and what is typed before a program's path.
const LINUX_PROMPT: &str = "linux> ";
const KOITO_PROMPT: &str = "koito> ";
const KOITO_STARTS: &str = "linux ";
/// How long the first program may take to say a word.
const PROBE_LIMIT: Duration = Duration::from_secs(120);
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
    /// The benchmark's ELF file.
    bench: PathBuf,
    /// What was said, a file for each kernel.
    transcripts: [PathBuf; 2],
    /// What is tried.
    pub collection: &'static Collection,
    /// CPUs of the machines that are booted.
    pub cpus: u32,
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
        let mut programs = vec![];
        for (package, names) in PROGRAMS {
            let files = builder.programs(package, names)?;
            for (name, file) in names.iter().zip(&files) {
                let program =
                    fs::read(file).with_context(|| format!("{} is gone", file.display()))?;
                let place = PathBuf::from(FOLDER).join("bin").join(name);
                userland.tree.add_file(&place, program, 0o755);
            }
            programs.extend(files);
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
        let bench = programs.into_iter().next().unwrap_or_default();
        let linux = kernel::medium(&folder, step)?;
        Ok(Self { linux, session, image, bench, transcripts, collection, cpus: 1 })
    }

    /// A number that another kernel, image or count of CPUs would hardly have.
    pub fn digest(&self) -> Result<u64> {
        let Medium::Direct { kernel, archive, .. } = &self.linux else { return Ok(0) };
        let mut hasher = DefaultHasher::new();
        self.cpus.hash(&mut hasher);
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

    /// The ELF file of the benchmark.
    pub fn bench(&self) -> &Path {
        &self.bench
    }

    /// The ELF files of KOITO's kernel and of its POSIX server.
    pub fn programs(&self) -> Result<[PathBuf; 2]> {
        let Volume { kernel, modules, .. } = &self.session.volume;
        let server = modules.iter().find(|(_, file)| file.ends_with(SERVER));
        let (_, server) = server.with_context(|| format!("{SERVER} is not in the system"))?;
        Ok([kernel.clone(), server.clone()])
    }

    /// A file that lives as long as the systems.
    pub fn scratch_file(&self, name: &str) -> PathBuf {
        self.session.scratch_file(name)
    }

    /// Boots a machine with a fresh copy of the image.
    pub fn boot(&self, kernel: Kernel, clock: Clock) -> Result<Guest> {
        let (machine, medium) = self.machine(kernel, clock)?;
        self.start_machine(kernel, &mut machine.command(medium, &Serial::Pipe))
    }

    /// The same with a socket for a debugger, and a log of changes of the memory management unit.
    pub fn boot_watched(
        &self,
        kernel: Kernel,
        clock: Clock,
        debugger: &Path,
        log: &Path,
    ) -> Result<Guest> {
        let (mut machine, medium) = self.machine(kernel, clock)?;
        machine.debugger = Some(Debugger::Later(debugger.into()));
        let mut command = machine.command(medium, &Serial::Pipe);
        self.start_machine(kernel, command.args(["-d", "mmu", "-D"]).arg(log))
    }

    fn machine(&self, kernel: Kernel, clock: Clock) -> Result<(Machine, &Medium)> {
        let disk = self.disk(kernel);
        fs::copy(&self.image, &disk).context("cannot copy the image")?;
        let count = clock == Clock::Instructions;
        let machine = Machine {
            cpus: self.cpus,
            disk: Some(Disk { image: disk, writes: Writes::Kept }),
            count_instructions: count,
            features: if count { "-erms,-fsrm" } else { "" },
            ..self.session.machine.clone()
        };
        let medium = match kernel {
            Kernel::Linux => &self.linux,
            Kernel::Koito => self.session.medium(),
        };
        Ok((machine, medium))
    }

    fn start_machine(&self, kernel: Kernel, command: &mut Command) -> Result<Guest> {
        let prompt = match kernel {
            Kernel::Linux => LINUX_PROMPT,
            Kernel::Koito => KOITO_PROMPT,
        };
        Guest::boot(command, prompt, &self.transcripts[kernel as usize])
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
