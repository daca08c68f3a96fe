//! Hostile programs for Linux under KOITO: a program that does all the harm it can (`tests/linux/hostile`) beside a
//! victim, and afterwards a system that has to be as it was.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Tally;
use crate::cli::TestOptions;
use crate::linux::{Clock, Kernel, Systems, USUAL};
use crate::progress::Step;
use crate::repository::Repository;
use crate::rootfs;

/// How long the attacks take where nobody says otherwise, in seconds of the machine's time.
const SECONDS: u64 = 15;
const SEED: u64 = 1;
/// Patience with the next line: an attack may keep the machine busy beyond its share.
const LIMIT: Duration = Duration::from_secs(150);
/// What the program's lines begin with, and what its last line says.
const MARK: &str = "hostile: ";
const GOOD: &str = "all is well";
/// What leaves the disk in order; what is told then, as this machine cannot be switched off; and what ends it.
const LEAVE: (&str, &str) = ("power off", "the machine does not say how");
const END: &str = "exit";
/// What is typed afterwards, and what has to come of it: a fresh shell of Linux, a service of KOITO's, and no component
/// but in its first instance.
const AFTERWARDS: [(&str, &str); 4] = [
    ("linux /usr/bin/bash -c 'sync; echo it is done'", "it is done\n"),
    ("linux /usr/bin/bash -c 'ls / | sort | tail -n 1; ps -e | grep -c hostile'", "var\n0\n"),
    ("add 40 2", "42\n"),
    ("list", "posix        running      160        1        0 "),
];

/// Boots, attacks, and looks what is left.
pub fn run(repository: &Repository, options: &TestOptions, step: &Step) -> Result<Tally> {
    let mut systems = Systems::prepare(repository, &USUAL, step)?;
    systems.cpus = options.cpus.unwrap_or(1);
    let (seed, seconds) = (options.seed.unwrap_or(SEED), options.seconds.unwrap_or(SECONDS));
    step.detail(&format!("attacking for {seconds} s"));
    let mut guest = systems.boot(Kernel::Koito, Clock::Real)?;
    let attack = options.attack.as_deref().unwrap_or_default();
    Systems::start(
        &mut guest,
        Kernel::Koito,
        &format!("/checks/bin/linux-hostile {seed} {seconds} {attack}"),
    )?;
    let mut tally = Tally::default();
    let mut last = String::new();
    while last != GOOD {
        let Some(line) = guest.line(Instant::now() + LIMIT) else {
            tally.fail(format!("seed {seed}: nothing comes after {last:?}"));
            return Ok(tally);
        };
        let Some(text) = line.trim().strip_prefix(MARK) else {
            continue;
        };
        last = text.to_owned();
        if text.starts_with("survived ") {
            tally.passed += 1;
            step.detail(text);
        } else if text.contains(" calls, ") || text.contains(" KiB free, ") {
            tally.notes.push(last.clone());
        } else if text != GOOD {
            tally.fail(format!("seed {seed}: {text}"));
            break;
        }
    }
    for (typed, wanted) in AFTERWARDS {
        guest.enter(typed)?;
        match guest.wait_for(wanted, Instant::now() + LIMIT) {
            true => tally.passed += 1,
            false => {
                tally.fail(format!("seed {seed}: afterwards {typed:?} does not show {wanted:?}"))
            }
        }
    }
    let (leave, told) = LEAVE;
    guest.enter(leave)?;
    ensure!(guest.wait_for(told, Instant::now() + LIMIT), "the disk is not left");
    guest.enter(END)?;
    ensure!(guest.ends(Instant::now() + LIMIT), "the machine does not end");
    match rootfs::judge(&systems.disk(Kernel::Koito)) {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("seed {seed}: the disk: {error:#}")),
    }
    Ok(tally)
}
