//! Building the bare-metal crates: which target, flags and folder each of them needs.
//!
//! Kernel, loader and programs differ in compiler flags, so that each kind has a target folder
//! of its own: they never evict each other's build products, nor the host's.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cli::{BuildOptions, Entry};
use crate::process;
use crate::repository::Repository;
use crate::system::{Module, System};
use crate::toolchain::{BARE_TARGET, Toolchain, UEFI_TARGET};
use crate::volume::Volume;

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
        if options.debug {
            Self::Checked
        } else {
            Self::Release
        }
    }

    /// Cargo's name of the profile, and of its folder.
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Checked => "checked",
        }
    }
}

/// A group of crates built alike.
struct Kind {
    folder: &'static str,
    target: &'static str,
    flags: &'static [&'static str],
}

const KERNEL: Kind = Kind {
    folder: "kernel",
    target: BARE_TARGET,
    flags: &["-Crelocation-model=static", "-Ccode-model=kernel"],
};

const LOADER: Kind = Kind {
    folder: "loader",
    target: UEFI_TARGET,
    flags: &[],
};

/// Programs are linked at a fixed low address, 0x20_0000.
const PROGRAM: Kind = Kind {
    folder: "program",
    target: BARE_TARGET,
    flags: &[
        "-Crelocation-model=static",
        "-Ccode-model=small",
        "-Clink-arg=--image-base=0x200000",
    ],
};

/// Builds for one toolchain and profile.
pub struct Builder<'a> {
    repository: &'a Repository,
    toolchain: Toolchain,
    profile: Profile,
}

impl<'a> Builder<'a> {
    /// Finds the toolchain first, installing it where necessary.
    pub fn new(repository: &'a Repository, profile: Profile) -> Result<Self> {
        Ok(Self {
            repository,
            toolchain: Toolchain::choose()?,
            profile,
        })
    }

    /// Builds the kernel; returns its ELF file.
    pub fn kernel(&self) -> Result<PathBuf> {
        self.build(
            &KERNEL,
            "the kernel",
            self.repository.root(),
            &["--package", "a9n-image"],
        )?;
        self.product(&KERNEL, "a9n-kernel")
    }

    /// Builds the UEFI loader; returns its PE file.
    pub fn loader(&self) -> Result<PathBuf> {
        self.build(
            &LOADER,
            "the loader",
            self.repository.root(),
            &["--package", "a9n-loader"],
        )?;
        self.product(&LOADER, "a9n-loader.efi")
    }

    /// Builds everything that `system` boots with, and collects it into a boot volume.
    pub fn volume(&self, system: &System, entry: Entry) -> Result<Volume> {
        let kernel = self.kernel()?;
        let loader = match entry {
            Entry::Uefi => Some(self.loader()?),
            Entry::Direct => None,
        };
        let binaries = system.binaries();
        let arguments: Vec<&str> = binaries.iter().flat_map(|name| ["--bin", name]).collect();
        self.build(&PROGRAM, &system.name, &system.folder, &arguments)?;
        let modules = system
            .modules
            .iter()
            .map(|module| {
                let file = match module {
                    Module::Binary(name) => self.product(&PROGRAM, name)?,
                    Module::File(path) => path.clone(),
                };
                Ok((module.name(), file))
            })
            .collect::<Result<_>>()?;
        Ok(Volume {
            loader,
            kernel,
            init: self.product(&PROGRAM, &system.init)?,
            modules,
            command_line: system.command_line.clone(),
        })
    }

    fn build(&self, kind: &Kind, what: &str, folder: &Path, arguments: &[&str]) -> Result<()> {
        let mut command = self.toolchain.cargo_build(kind.target);
        command
            .current_dir(folder)
            .arg("--target-dir")
            .arg(self.target_folder(kind))
            .args(["--profile", self.profile.name()])
            .args(arguments)
            .env("CARGO_ENCODED_RUSTFLAGS", kind.flags.join("\u{1f}"));
        process::build(format!("building {what}"), &mut command)
    }

    fn target_folder(&self, kind: &Kind) -> PathBuf {
        self.repository.products().join(kind.folder)
    }

    fn product(&self, kind: &Kind, file: &str) -> Result<PathBuf> {
        let path = self
            .target_folder(kind)
            .join(kind.target)
            .join(self.profile.name())
            .join(file);
        if !path.is_file() {
            bail!("the build succeeded but left no {}", path.display());
        }
        Ok(path)
    }
}
