//! `cargo xtask rootfs`: a root file system from a folder, the same image each time.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cli::RootfsOptions;
use crate::packages::{self, E2FSPROGS};
use crate::process::{host_cargo_command, watch};
use crate::progress::Step;
use crate::repository::Repository;

const PACKAGE: &str = "koito-fs-make";

/// Makes the image.
pub fn run(repository: &Repository, options: &RootfsOptions) -> Result<ExitCode> {
    packages::ensure(&[E2FSPROGS])?;
    let output = options.output.clone().unwrap_or_else(|| repository.products().join("rootfs.img"));
    let tree = std::path::absolute(&options.tree)?;
    let step = Step::start(format!("making {}", output.display()));
    let mut command = host_cargo_command(repository.root(), "run");
    command.args(["--release", "--quiet", "--package", PACKAGE, "--"]);
    command.arg(std::path::absolute(&output)?).arg(options.mebibytes.to_string()).arg(tree);
    let finished = watch(&mut command, &step, None).context("cannot run cargo")?;
    if !finished.status.success() {
        bail!("{}", finished.stderr.trim_end());
    }
    step.done();
    println!("{} holds {}.", output.display(), options.tree.display());
    Ok(ExitCode::SUCCESS)
}
