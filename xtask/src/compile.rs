//! Building the bare-metal crates: which target, flags and folder each of them needs.
//!
//! Kernel and programs share one target folder, so that the core library is built once for
//! both; the loader's target needs another. Neither evicts the host's build products.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context, Result, bail};

use crate::cli::{BuildOptions, Entry};
use crate::packages::Need;
use crate::process;
use crate::progress::Step;
use crate::repository::Repository;
use crate::system::{Module, System};
use crate::toolchain::{BARE_TARGET, Toolchain, UEFI_TARGET};
use crate::volume::Volume;
use crate::workspace::packages_with;

/// Whether debug assertions are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// What ships.
    #[default]
    Release,
    /// Optimised, with debug assertions and overflow checks (cargo profile `checked`).
    Checked,
}

impl Profile {
    /// The profile that the command line asks for.
    pub fn from_options(options: &BuildOptions) -> Self {
        if options.debug { Self::Checked } else { Self::Release }
    }

    /// Cargo's name of the profile, and of its folder.
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Checked => "checked",
        }
    }
}

/// Where the kernel will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A real machine, or whatever looks like one: the image that ships.
    Hardware,
    /// An emulator under our supervision: the guest can end it (feature `debug-exit`), and it may
    /// load the kernel without firmware (feature `direct`).
    Emulator,
}

/// A group of crates built alike.
struct Kind {
    folder: &'static str,
    target: &'static str,
    flags: &'static [&'static str],
}

/// Kernel and programs are linked at fixed addresses: the build scripts of kernel image and Nun
/// tell the linker which. The code
/// model is the target's own (`kernel`, whose sign-extended addresses suit the lowest 2 GiB as
/// well as the highest): another would not link with a core library that came compiled. Functions
/// are inlined only while they are short, which keeps the kernel within its size; what must be
/// inlined says so itself.
const KERNEL: Kind = Kind {
    folder: "kernel",
    target: BARE_TARGET,
    flags: &["-Crelocation-model=static", "-Cllvm-args=--inline-threshold=25"],
};

const PROGRAMS: Kind = Kind {
    folder: "bare",
    target: BARE_TARGET,
    flags: &["-Crelocation-model=static", "-Cllvm-args=--inline-threshold=90"],
};

const LOADER: Kind = Kind { folder: "loader", target: UEFI_TARGET, flags: &[] };

/// Builds for one toolchain and profile.
pub struct Builder<'a> {
    repository: &'a Repository,
    toolchain: Toolchain,
    profile: Profile,
}

impl<'a> Builder<'a> {
    /// Finds the toolchain first, installing it and `needs` where necessary.
    pub fn new(repository: &'a Repository, profile: Profile, needs: &[Need]) -> Result<Self> {
        Ok(Self { repository, toolchain: Toolchain::choose(needs)?, profile })
    }

    /// Builds the kernel; returns its ELF file.
    pub fn kernel(&self, destination: Destination) -> Result<PathBuf> {
        let step = Step::start("building the kernel");
        self.build_kernel(destination, &step)?;
        step.done();
        self.product(&KERNEL, "a9n-kernel")
    }

    /// Builds everything that `system` boots with, side by side, and collects it into a boot
    /// volume.
    pub fn volume(
        &self,
        system: &System,
        entry: Entry,
        destination: Destination,
    ) -> Result<Volume> {
        let step = Step::start(match entry {
            Entry::Uefi => format!("building kernel, loader and {}", system.name),
            Entry::Direct => format!("building kernel and {}", system.name),
        });
        thread::scope(|scope| {
            let kernel = scope.spawn(|| self.build_kernel(destination, &step));
            let loader = scope.spawn(|| match entry {
                Entry::Uefi => self.build_loader(&step),
                Entry::Direct => Ok(()),
            });
            let programs = scope.spawn(|| self.build_programs(system, &step));
            join(kernel)?;
            join(loader)?;
            join(programs)
        })?;
        step.done();

        let modules = system
            .modules
            .iter()
            .map(|module| {
                let file = match module {
                    Module::Binary(name) => self.product(&PROGRAMS, name)?,
                    Module::File(path) => path.clone(),
                    Module::Manifest(packed) => {
                        let path =
                            self.repository.products().join(format!("{}.manifest", system.name));
                        fs::write(&path, packed)
                            .with_context(|| format!("cannot write {}", path.display()))?;
                        path
                    }
                };
                Ok((module.name(), file))
            })
            .collect::<Result<_>>()?;
        let loader = match entry {
            Entry::Uefi => Some(self.product(&LOADER, "a9n-loader.efi")?),
            Entry::Direct => None,
        };
        Ok(Volume {
            loader,
            kernel: self.product(&KERNEL, "a9n-kernel")?,
            init: self.product(&PROGRAMS, &system.init)?,
            modules,
            command_line: system.command_line.clone(),
        })
    }

    /// Builds programs of one package that need no system of ours; their ELF files, in order.
    pub fn programs(&self, package: &str, names: &[&str]) -> Result<Vec<PathBuf>> {
        let step = Step::start(format!("building {package}"));
        self.build_package(&PROGRAMS, package, &[], &step)?;
        step.done();
        names.iter().map(|name| self.product(&PROGRAMS, name)).collect()
    }

    fn build_kernel(&self, destination: Destination, step: &Step) -> Result<()> {
        let features: &[&str] = match destination {
            Destination::Hardware => &[],
            Destination::Emulator => &["debug-exit", "direct"],
        };
        self.build_package(&KERNEL, "a9n-image", features, step)
    }

    fn build_loader(&self, step: &Step) -> Result<()> {
        self.build_package(&LOADER, "a9n-loader", &[], step)
    }

    fn build_programs(&self, system: &System, step: &Step) -> Result<()> {
        let mut command = self.cargo_build(&PROGRAMS, &system.folder);
        let binaries = system.binaries();
        if system.manifest.is_some() {
            for package in packages_with(&system.folder, &binaries, step)? {
                command.args(["--package", &package]);
            }
        }
        for name in binaries {
            command.args(["--bin", name]);
        }
        process::build(&system.name, &mut command, step)
    }

    fn build_package(
        &self,
        kind: &Kind,
        package: &str,
        features: &[&str],
        step: &Step,
    ) -> Result<()> {
        let mut command = self.cargo_build(kind, self.repository.root());
        command.args(["--package", package]);
        for feature in features {
            command.args(["--features", feature]);
        }
        process::build(package, &mut command, step)
    }

    fn cargo_build(&self, kind: &Kind, folder: &Path) -> Command {
        let mut command = self.toolchain.cargo_build(kind.target);
        command
            .current_dir(folder)
            .arg("--target-dir")
            .arg(self.target_folder(kind))
            .args(["--profile", self.profile.name()])
            .env("CARGO_ENCODED_RUSTFLAGS", kind.flags.join("\u{1f}"));
        command
    }

    fn target_folder(&self, kind: &Kind) -> PathBuf {
        self.repository.products().join(kind.folder)
    }

    fn product(&self, kind: &Kind, file: &str) -> Result<PathBuf> {
        let path = self.target_folder(kind).join(kind.target).join(self.profile.name()).join(file);
        if !path.is_file() {
            bail!("the build succeeded but left no {}", path.display());
        }
        Ok(path)
    }
}

/// The result of a build that ran beside others.
fn join(build: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    build.join().unwrap_or_else(|_| bail!("a build thread panicked"))
}
