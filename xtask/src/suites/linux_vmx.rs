//! An unmodified Linux as a guest with Intel's VMX, in Bochs: it has to come up to its shell. Nothing can be
//! typed there.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Tally;
use crate::bochs::{Bochs, NEEDS};
use crate::console::{Cleaner, Event, Port};
use crate::guest;
use crate::packages;
use crate::progress::Step;
use crate::repository::Repository;
use crate::session::Session;

const MEBIBYTES: u32 = 512;
/// The whole boot takes less, in an emulator in which a second lasts one or two.
const LIMIT: Duration = Duration::from_secs(900);
/// What is said in this order: by the kernel, by the guest's first program, by its shell.
const SIGNS: [&str; 3] = [", VMX", "The guest is up", "guest# "];
/// Bytes of output that are shown when it does not come up.
const TAIL: usize = 1500;

/// Boots it, and waits for the shell.
pub fn run(repository: &Repository, step: &Step) -> Result<Tally> {
    packages::ensure(&NEEDS)?;
    let session = Session::prepare(repository, &guest::alone())?;
    let folder = session.scratch_file("bochs");
    Ok(wait(&mut Bochs::start(&session.volume, 1, MEBIBYTES, &folder, step)?, step))
}

fn wait(port: &mut dyn Port, step: &Step) -> Tally {
    let (mut tally, mut cleaner, mut said) = (Tally::default(), Cleaner::default(), String::new());
    let end = Instant::now() + LIMIT;
    let mut seen = 0;
    for sign in SIGNS {
        while !said[seen..].contains(sign) {
            match port.next(end) {
                Event::Output(bytes) => {
                    said.push_str(&String::from_utf8_lossy(&cleaner.clean(&bytes)));
                    step.detail(said.lines().next_back().unwrap_or_default());
                }
                Event::Ended(_) | Event::Silence => {
                    let tail: String =
                        said.chars().skip(said.chars().count().saturating_sub(TAIL)).collect();
                    tally.fail(format!("{sign:?} does not come\n{tail}"));
                    return tally;
                }
            }
        }
        seen += said[seen..].find(sign).map_or(0, |place| place + sign.len());
        tally.passed += 1;
    }
    tally
}
