//! `cargo xtask rootfs`: a root file system from packages or a folder, the same image each time.

use std::path::{Path, absolute};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::cli::RootfsOptions;
use crate::packages::{self, E2FSPROGS};
use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;
use crate::userland::{Freshness, LIST, Userland};

const PACKAGE: &str = "koito-fs-make";
/// Size of an image with a folder's contents, where nobody says another.
const MEBIBYTES: u32 = 64;

/// Makes the image.
pub fn run(repository: &Repository, options: &RootfsOptions) -> Result<ExitCode> {
    for folder in options.tree.iter().chain(&options.overlay) {
        ensure!(folder.is_dir(), "there is no folder {}", folder.display());
    }
    let output = options.output.clone().unwrap_or_else(|| repository.products().join("rootfs.img"));
    let step = Step::start(format!("making {}", output.display()));
    if let Some(tree) = &options.tree {
        make(repository, tree, options.mebibytes.unwrap_or(MEBIBYTES), &output, &step)?;
        step.done();
        println!("{} holds {}.", output.display(), tree.display());
    } else {
        let freshness = if options.refresh { Freshness::Newest } else { Freshness::Cached };
        let mut userland = Userland::gather(repository, &repository.path(LIST), freshness, &step)?;
        userland.mebibytes = options.mebibytes.unwrap_or(userland.mebibytes);
        let packages = userland.packages;
        userland.write(repository, &options.overlay, &output, &step)?;
        step.done();
        println!("{} holds {packages} Debian packages.", output.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the image `output` of `mebibytes` with the contents of the folder or archive `tree`.
pub fn make(
    repository: &Repository,
    tree: &Path,
    mebibytes: u32,
    output: &Path,
    step: &Step,
) -> Result<()> {
    packages::ensure(&[E2FSPROGS])?;
    let mut command = host_cargo_command(repository.root(), "run");
    command.args(["--release", "--quiet", "--package", PACKAGE, "--"]);
    command.arg(absolute(output)?).arg(mebibytes.to_string()).arg(absolute(tree)?);
    let finished = watch(&mut command, step, None).context("cannot run cargo")?;
    if !finished.status.success() {
        bail!("{}", finished.stderr.trim_end());
    }
    Ok(())
}

/// Where the programs of e2fsprogs are found: among others, where the superuser's are.
pub fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/sbin")
}

/// Whether `e2fsck` finds nothing to mend in the image; the error is what it found.
pub fn judge(image: &Path) -> Result<()> {
    let mut command = Command::new("e2fsck");
    command.env("PATH", search_path()).args(["-fn"]).arg(image);
    let output = command.output().context("cannot run e2fsck (package e2fsprogs)")?;
    if !output.status.success() {
        bail!("e2fsck complains: {}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}
