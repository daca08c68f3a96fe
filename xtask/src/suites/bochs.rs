//! Programs of cases in Bochs, whose CPUs have what QEMU's lack: the conformance program with PCIDs,
//! as what it checks about address spaces has to hold where their translations stay cached; and guests
//! with Intel's VMX.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Tally;
use super::conformance::{GUESTS, KERNEL, Program, Report};
use crate::bochs::{Bochs, NEEDS};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::console::{Cleaner, Event, Port};
use crate::packages;
use crate::progress::Step;
use crate::repository::Repository;
use crate::session::Session;

/// Numbers of CPUs that they run with.
const CPUS: [u32; 2] = [1, 2];
/// Memory that they run with.
const MEBIBYTES: u32 = 256;
/// A program that printed nothing for so long hangs.
const LINE_LIMIT: Duration = Duration::from_secs(300);

/// A program, and what the kernel has to say at boot for the run to be what it claims to be.
pub struct Run {
    program: &'static Program,
    uses: &'static str,
}

/// The kernel's interface, with PCIDs.
pub const TAGS: Run = Run { program: &KERNEL, uses: "PCID" };
/// Guests, with VMX.
pub const VMX: Run = Run { program: &GUESTS, uses: "VMX" };

/// Builds, boots and judges the program of `run`.
pub fn run(repository: &Repository, step: &Step, run: &Run) -> Result<Tally> {
    packages::ensure(&NEEDS)?;
    let mut sum = Tally::default();
    for cpus in CPUS {
        let options = BootOptions {
            build: BuildOptions {
                system: Some(run.program.system.into()),
                ..BuildOptions::default()
            },
            entry: Some(Entry::Direct),
            ..BootOptions::default()
        };
        let session = Session::prepare(repository, &options)?;
        let folder = session.scratch_file("bochs");
        let mut tally =
            listen(&mut Bochs::start(&session.volume, cpus, MEBIBYTES, &folder, step)?, step, run);
        for failure in &mut tally.failures {
            failure.push_str(&format!(" (in Bochs with {cpus} CPUs)"));
        }
        sum.add(tally);
    }
    Ok(sum)
}

/// Follows the program to its sum: it cannot end Bochs by itself.
fn listen(port: &mut dyn Port, step: &Step, run: &Run) -> Tally {
    let (mut report, mut cleaner) = (Report::new(run.program), Cleaner::default());
    let ending = loop {
        match port.next(Instant::now() + LINE_LIMIT) {
            Event::Output(bytes) => report.feed(&cleaner.clean(&bytes), step),
            Event::Ended(ending) => break Some(ending),
            Event::Silence => break None,
        }
        if let Some(ending) = report.announced() {
            break Some(ending);
        }
    };
    let suits = report.says(run.uses);
    let mut tally = report.judge(ending, &port.complaints());
    if !suits {
        tally.fail(format!("the kernel does not use {}", run.uses));
    }
    tally
}
