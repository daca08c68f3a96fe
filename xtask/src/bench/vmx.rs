//! Exits of guests with Intel's technique, counted in Bochs, whose time-stamp counter counts instructions by
//! itself: nearly, as it is brought up to date now and then. So these figures are shown, and not recorded.

use std::process::ExitCode;

use anyhow::Result;

use super::boot;
use crate::bochs::{Bochs, NEEDS};
use crate::packages;
use crate::progress::Step;
use crate::repository::Repository;

/// Memory of the machine.
const MEBIBYTES: u32 = 256;
/// How the names of paths begin that guests are left by.
const PATHS: &str = "virt.";

/// Measures and shows them.
pub fn run(repository: &Repository) -> Result<ExitCode> {
    packages::ensure(&NEEDS)?;
    let session = boot::prepare(repository, 1)?;
    let folder = session.scratch_file("bochs");
    let step = Step::start("measuring in Bochs");
    let mut bochs = Bochs::start(&session.volume, 1, MEBIBYTES, &folder, &step)?;
    let figures = boot::collect(&mut bochs, &step)?;
    step.done();
    for (name, figure) in figures.iter().filter(|(name, _)| name.starts_with(PATHS)) {
        println!("{name:12} {figure:6}");
    }
    Ok(ExitCode::SUCCESS)
}
