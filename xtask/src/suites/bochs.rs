//! The conformance program in Bochs, on a CPU with PCIDs: what it checks about address spaces has to
//! hold where their translations stay cached.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Tally;
use super::conformance::{KERNEL, Report, SYSTEM};
use crate::bochs::{Bochs, NEEDS};
use crate::cli::{BootOptions, BuildOptions, Entry};
use crate::console::{Cleaner, Event, Port};
use crate::packages;
use crate::progress::Step;
use crate::repository::Repository;
use crate::session::Session;

/// Numbers of CPUs that it runs with.
const CPUS: [u32; 2] = [1, 2];
/// A program that printed nothing for so long hangs.
const LINE_LIMIT: Duration = Duration::from_secs(120);
/// The kernel says that it uses PCIDs.
const TAGS: &str = "PCID";

/// Builds, boots and judges the conformance program.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    packages::ensure(&NEEDS)?;
    let mut sum = Tally::default();
    for cpus in CPUS {
        let options = BootOptions {
            build: BuildOptions { system: Some(SYSTEM.into()), ..BuildOptions::default() },
            entry: Some(Entry::Direct),
            ..BootOptions::default()
        };
        let session = Session::prepare(repository, &options)?;
        let folder = session.scratch_file("bochs");
        let mut tally = listen(&mut Bochs::start(&session.volume, cpus, &folder, step)?, step);
        for failure in &mut tally.failures {
            failure.push_str(&format!(" (in Bochs with {cpus} CPUs)"));
        }
        sum.add(tally);
    }
    Ok(sum)
}

/// Follows the program to its sum: it cannot end Bochs by itself.
fn listen(port: &mut dyn Port, step: &Step) -> Tally {
    let (mut report, mut cleaner) = (Report::new(&KERNEL), Cleaner::default());
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
    let tagged = report.says(TAGS);
    let mut tally = report.judge(ending, &port.complaints());
    if !tagged {
        tally.fail("the kernel does not use PCIDs");
    }
    tally
}
