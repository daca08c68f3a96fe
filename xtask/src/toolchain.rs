//! The compiler for bare-metal targets.
//!
//! Two ways lead there, and [`Toolchain::choose`] takes the first that works:
//!
//! 1. the active rustup toolchain, if the targets' core library is installed or rustup can
//!    fetch it;
//! 2. Debian's own compiler, which brings the library as source and builds it (`build-std`).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::packages::{self, Need};
use crate::process::{self, find_program, forget_outer_cargo, forget_outer_package};
use crate::progress::Step;

/// Targets of the kernel and all programs, and of the loader.
pub const BARE_TARGET: &str = "x86_64-unknown-none";
/// See [`BARE_TARGET`].
pub const UEFI_TARGET: &str = "x86_64-unknown-uefi";

/// Oldest minor version of Rust 1 that the sources accept (`rust-version` in Cargo.toml).
const OLDEST_MINOR: u32 = 95;
/// Patience with rustup's download, which fails fast on a machine without network.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Where Debian puts the library's sources: a link to a folder named after the version.
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust";

const DEBIAN_NEEDS: &[Need] = &[
    Need {
        what: "rustc 1.95 or newer, with the sources of its core library",
        package: "rustc-web",
        present: || Path::new("/usr/bin/rustc").is_file() && debian_sources_are_new(),
    },
    Need {
        what: "the sources of Rust's core library",
        package: "rust-web-src",
        present: debian_sources_are_new,
    },
    Need {
        what: "cargo 1.95 or newer",
        package: "cargo-web",
        present: || Path::new("/usr/bin/cargo").is_file() && debian_sources_are_new(),
    },
    Need {
        what: "lld (the linker: ld.lld and lld-link)",
        package: "lld",
        present: || find_program("ld.lld").is_some() && find_program("lld-link").is_some(),
    },
];

/// A compiler that can build for [`BARE_TARGET`] and [`UEFI_TARGET`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The active toolchain has the targets.
    Active { cargo: PathBuf },
    /// Debian's compiler builds the core library itself.
    Debian,
}

impl Toolchain {
    /// Finds a toolchain, or installs one, or says what to do. The same goes for `needs`, so
    /// that one command can install everything.
    pub fn choose(needs: &[Need]) -> Result<Self> {
        let cargo = process::host_cargo();
        let debian_is_complete = || DEBIAN_NEEDS.iter().all(|need| (need.present)());
        if active_has_targets(&cargo)
            || !debian_is_complete() && add_targets() && active_has_targets(&cargo)
        {
            packages::ensure(needs)?;
            return Ok(Self::Active { cargo });
        }
        packages::ensure(&[needs, DEBIAN_NEEDS].concat())?;
        Ok(Self::Debian)
    }

    /// `cargo build` for `target`, free of the outer cargo's environment. The caller adds what
    /// to build.
    pub fn cargo_build(&self, target: &str) -> Command {
        let mut command = match self {
            Self::Active { cargo } => {
                let mut command = Command::new(cargo);
                forget_outer_package(&mut command);
                for name in [
                    "RUSTFLAGS",
                    "CARGO_ENCODED_RUSTFLAGS",
                    "CARGO_BUILD_TARGET",
                    "CARGO_TARGET_DIR",
                ] {
                    command.env_remove(name);
                }
                command.arg("build");
                command
            }
            Self::Debian => {
                let mut command = Command::new("/usr/bin/cargo");
                forget_outer_cargo(&mut command);
                command
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER", "ld.lld")
                    .env("CARGO_TARGET_X86_64_UNKNOWN_UEFI_LINKER", "lld-link")
                    .args(["build", "-Zbuild-std=core,alloc,compiler_builtins"])
                    .arg("-Zbuild-std-features=compiler-builtins-mem");
                command
            }
        };
        command.args(["--target", target]);
        command
    }
}

/// Whether the toolchain of `cargo` has the core library of both targets.
fn active_has_targets(cargo: &Path) -> bool {
    let Some(root) = cargo.parent().and_then(Path::parent) else {
        return false;
    };
    [BARE_TARGET, UEFI_TARGET]
        .iter()
        .all(|target| root.join("lib/rustlib").join(target).join("lib").is_dir())
}

/// Asks rustup for the targets; `false` if there is no rustup or it cannot.
fn add_targets() -> bool {
    rustup_add("fetching the bare-metal targets", &["target", "add"], &[BARE_TARGET, UEFI_TARGET])
}

/// Asks rustup for parts of the active toolchain; `false` if it cannot.
pub fn rustup_add(title: &str, verb: &[&str], what: &[&str]) -> bool {
    let (Some(rustup), Some(toolchain)) = (find_program("rustup"), env::var_os("RUSTUP_TOOLCHAIN"))
    else {
        return false;
    };
    let step = Step::start(title);
    let mut command = Command::new(rustup);
    command.args(verb).arg("--toolchain").arg(toolchain).args(what);
    match process::watch(&mut command, &step, Some(RUSTUP_LIMIT)) {
        Ok(finished) if finished.status.success() => {
            step.done();
            true
        }
        _ => false,
    }
}

fn debian_sources_are_new() -> bool {
    fs::read_link(DEBIAN_SOURCES)
        .ok()
        .and_then(|folder| minor_version(folder.file_name()?.to_str()?))
        .is_some_and(|minor| minor >= OLDEST_MINOR)
}

/// The minor version in a folder name such as `rustc-1.96.0`.
fn minor_version(folder: &str) -> Option<u32> {
    folder.strip_prefix("rustc-1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_folder_names() {
        assert_eq!(minor_version("rustc-1.96.0"), Some(96));
        assert_eq!(minor_version("rustc-1.85.0+dfsg3"), Some(85));
        assert_eq!(minor_version("rustc-web"), None);
    }

    #[test]
    fn debian_builds_see_no_outer_cargo() {
        let command = Toolchain::Debian.cargo_build(BARE_TARGET);
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_owned())
            .collect();
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text == "CARGO" || text == "RUSTUP_TOOLCHAIN" {
                assert!(removed.contains(&name), "{text}");
            }
        }
    }
}
