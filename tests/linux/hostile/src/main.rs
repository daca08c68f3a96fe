//! Does all the harm that a program for Linux can do, and looks whether anybody else notices.
//!
//!     linux-hostile SEED SECONDS [ATTACK]
//!
//! Attackers of one user run for a while each, random system calls always among them; a victim of another user looks
//! after its memory, its files and its clock all the time. All attacks run twice, or the one that is named: what memory
//! is left after the first time has to be left after the second. The last line says `hostile: all is well`, or what is
//! not.

#![no_std]
#![no_main]

mod bombs;
mod calls;
mod channels;
mod code;
mod files;
mod frames;
mod hoards;
mod programs;
mod races;
mod raw;
mod stops;
mod urgency;
mod victim;

use core::ffi::CStr;
use core::sync::atomic::{AtomicU64, Ordering};

use a9n_linux_programs::system::{close, dup2, exit, fork, kill, open, pread, setsid, wait};
use a9n_linux_programs::{Arguments, entry, println};
use linux_raw_sys::general as linux;
use victim::Watched;

entry!(main);

/// Users and groups of the attackers, and of the victim.
const ATTACKER: usize = 1000;
const VICTIM: usize = 1001;
/// Their folders.
const FOLDERS: [(&CStr, usize); 2] = [(c"/home/attacker", ATTACKER), (c"/home/victim", VICTIM)];
/// Where the numbers lie that processes share.
const NUMBERS: [usize; 2] = [0x1_0000_0000, 0x2_0000_0000];
/// Milliseconds that a process of attackers has before the next one has its place.
const TURN: u64 = 400;
/// Rounds that the victim comes to in the worst of times.
const LEAST_ROUNDS: u64 = 20;
/// Milliseconds in which the victim, left alone, comes to a round.
const PATIENCE: u64 = 60_000;
/// Looks at a child that may be beyond itself, a millisecond apart, before it is killed.
const LOOKS: usize = 10;
/// What may be missing afterwards of free memory, and what the server may have more, in KiB.
const SLACK: u64 = 1024;

/// An attack: its name, and what its processes do with a seed.
type Attack = (&'static str, fn(u64) -> !);

const ATTACKS: [Attack; 17] = [
    ("calls", |_| {
        loop {
            sleep(1000);
        }
    }),
    ("threads", races::threads),
    ("signals", races::signals),
    ("code", code::attack),
    ("processes", bombs::processes),
    ("memory", bombs::memory),
    ("tables", bombs::tables),
    ("descriptors", bombs::descriptors),
    ("pipes", bombs::pipes),
    ("cycles", channels::cycles),
    ("terminals", channels::terminals),
    ("frames", frames::attack),
    ("programs", programs::attack),
    ("hoards", hoards::attack),
    ("files", files::attack),
    ("stops", stops::attack),
    ("urgency", urgency::attack),
];

/// What all processes count.
struct Counts {
    calls: &'static AtomicU64,
    victim: Watched,
}

fn main(arguments: Arguments) -> i32 {
    let number = |at| arguments.get(at).and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
    let (Some(seed), Some(seconds)) = (number(1), number(2)) else {
        println!("usage: linux-hostile SEED SECONDS [ATTACK]");
        return 2;
    };
    let [calls, ..] = raw::shared(NUMBERS[0]);
    let [rounds, step, found, ..] = raw::shared(NUMBERS[1]);
    let counts = Counts { calls, victim: Watched { rounds, step, found } };
    for (folder, user) in FOLDERS {
        raw::call2(linux::__NR_mkdir, folder.as_ptr() as usize, 0o755);
        raw::call(linux::__NR_chown, [folder.as_ptr() as usize, user, user, 0, 0, 0]);
    }
    let victim = fork();
    if victim == 0 {
        become_user(FOLDERS[1]);
        let Err(found) = victim::watch(&counts.victim);
        // Its standard output is the one thing that it does not have.
        counts.victim.found.store(found.cast_unsigned(), Ordering::Relaxed);
        return 1;
    }
    let named = arguments.get(3).and_then(|name| name.to_str().ok());
    match attack_twice(seed, seconds, named, victim, &counts) {
        Ok(()) => println!("hostile: all is well"),
        Err(wrong) => println!("hostile: {wrong}; {}", counts.victim),
    }
    kill(victim, linux::SIGKILL);
    0
}

fn attack_twice(
    seed: u64,
    seconds: u64,
    named: Option<&str>,
    victim: isize,
    counts: &Counts,
) -> Result<(), &'static str> {
    let is_meant = |attack: &&Attack| named.is_none_or(|name| name == attack.0);
    let count = ATTACKS.iter().filter(is_meant).count() as u64;
    let share =
        (seconds * 1_000_000_000 / 2).checked_div(count).ok_or("there is no such attack")?;
    let mut levels = [(0, 0); 2];
    let mut starts = 0;
    for (time, level) in levels.iter_mut().enumerate() {
        for (index, attack) in ATTACKS.iter().filter(is_meant).enumerate() {
            let rounds = counts.victim.rounds.load(Ordering::Relaxed);
            let seed = seed.wrapping_mul(1_000_003) + (time * ATTACKS.len() + index) as u64;
            starts += run(*attack, seed << 20, share, counts);
            end_attackers(victim)?;
            // It may have been kept from its work; now it has to go on.
            let late = now() + PATIENCE * 1_000_000;
            while counts.victim.rounds.load(Ordering::Relaxed) < rounds + 2 {
                if has_ended(victim) {
                    return Err("the victim ended");
                }
                if now() > late {
                    return Err("the victim does not go on");
                }
                sleep(1);
            }
            println!("hostile: survived {}", attack.0);
        }
        *level = clean_up()?;
    }
    let (calls, rounds) = (&counts.calls, &counts.victim.rounds);
    let (calls, rounds) = (calls.load(Ordering::Relaxed), rounds.load(Ordering::Relaxed));
    println!("hostile: {calls} calls, {starts} processes, {rounds} rounds of the victim");
    let [(free, own), (free_now, own_now)] = levels;
    println!("hostile: {free} KiB free, then {free_now}; the server's own {own}, then {own_now}");
    if rounds < LEAST_ROUNDS {
        return Err("the victim hardly came to do anything");
    }
    if free_now + SLACK < free || own_now > own + SLACK {
        return Err("memory is gone");
    }
    Ok(())
}

/// Lets attackers run for so many nanoseconds, one that makes random calls beside two others; answers how many it were.
fn run((_, attack): Attack, seed: u64, duration: u64, counts: &Counts) -> u64 {
    let end = now() + duration;
    let mut places = [(0_isize, 0_u64); 3];
    let mut starts = 0;
    while now() < end {
        for (place, (child, since)) in places.iter_mut().enumerate() {
            if *child > 0 && now() > *since + TURN * 1_000_000 {
                kill(*child, linux::SIGKILL);
            }
            if *child > 0 && !has_ended(*child) {
                continue;
            }
            starts += 1;
            *since = now();
            *child = fork();
            if *child == 0 {
                // What the victim tells is not to be told by them.
                raw::unmap(counts.victim.rounds);
                become_user(FOLDERS[0]);
                match place {
                    0 => calls::attack(seed + starts, counts.calls),
                    _ => attack(seed + starts),
                }
            }
        }
        sleep(1);
    }
    starts
}

/// Ends all that the attackers left, wherever it hides; fails if the victim ended.
fn end_attackers(victim: isize) -> Result<(), &'static str> {
    // The second time for those that were just coming to be.
    for _ in 0..2 {
        let killer = fork();
        if killer == 0 {
            become_user(FOLDERS[0]);
            kill(-1, linux::SIGKILL);
            exit(0);
        }
        if killer < 0 {
            return Err("there is no process left to end them");
        }
        loop {
            match wait_for(-1, 0) {
                child if child == killer => break,
                child if child == victim => return Err("the victim ended"),
                _ => {}
            }
        }
    }
    while wait_for(-1, linux::WNOHANG) > 0 {}
    Ok(())
}

/// Takes the attackers' files away, and tells the free memory and the server's own, in KiB.
fn clean_up() -> Result<(u64, u64), &'static str> {
    let words = [c"busybox", c"rm", c"-rf", FOLDERS[0].0, c"/tmp/x"].map(CStr::as_ptr);
    let [name, rm, force, folder, file] = words;
    let arguments = [name, rm, force, folder, file, core::ptr::null()];
    let cleaner = fork();
    if cleaner == 0 {
        let place = c"/usr/bin/busybox".as_ptr() as usize;
        raw::call(linux::__NR_execve, [place, arguments.as_ptr() as usize, 0, 0, 0, 0]);
    }
    if cleaner < 0 || wait(cleaner) != 0 {
        return Err("no program can be started any more");
    }
    raw::call2(linux::__NR_mkdir, FOLDERS[0].0.as_ptr() as usize, 0o755);
    raw::call(linux::__NR_chown, [FOLDERS[0].0.as_ptr() as usize, ATTACKER, ATTACKER, 0, 0, 0]);
    raw::call(linux::__NR_sync, [0; 6]);
    let mut text = [0; 2048];
    let file = open(c"/proc/meminfo", linux::O_RDONLY);
    let length = pread(file, &mut text).max(0) as usize;
    close(file);
    let text = core::str::from_utf8(&text[..length]).unwrap_or_default();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    number("MemAvailable:").zip(number("Slab:")).ok_or("nobody tells what memory there is")
}

/// Leaves the superuser's session and rights.
fn become_user((folder, user): (&CStr, usize)) {
    setsid();
    let nothing = open(c"/dev/null", linux::O_RDWR);
    for descriptor in 0..3 {
        dup2(nothing, descriptor);
    }
    raw::call2(linux::__NR_setgroups, 0, 0);
    raw::call(linux::__NR_setresgid, [user, user, user, 0, 0, 0]);
    raw::call(linux::__NR_setresuid, [user, user, user, 0, 0, 0]);
    raw::call2(linux::__NR_chdir, folder.as_ptr() as usize, 0);
}

/// Waits for a child, as `options` say; answers which one ended, 0 for none yet.
fn wait_for(child: isize, options: u32) -> isize {
    raw::call(linux::__NR_wait4, [child as usize, 0, options as usize, 0, 0, 0])
}

/// Whether a child has ended, which is then forgotten.
fn has_ended(child: isize) -> bool {
    wait_for(child, linux::WNOHANG) > 0
}

/// Waits for a child, and kills it if that takes too long.
fn outlive(child: isize) {
    for _ in 0..LOOKS {
        if wait_for(child, linux::WNOHANG) != 0 {
            return;
        }
        sleep(1);
    }
    kill(child, linux::SIGKILL);
    wait_for(child, 0);
}

/// The number of the calling process.
fn process_number() -> isize {
    a9n_linux_programs::system::getpid()
}

/// Nanoseconds since the machine started.
fn now() -> u64 {
    let mut time = [0_u64; 2];
    let clock = linux::CLOCK_MONOTONIC as usize;
    raw::call2(linux::__NR_clock_gettime, clock, time.as_mut_ptr() as usize);
    time[0] * 1_000_000_000 + time[1]
}

/// Waits for so many milliseconds.
fn sleep(milliseconds: u64) {
    let time = [milliseconds / 1000, milliseconds % 1000 * 1_000_000];
    raw::call2(linux::__NR_nanosleep, time.as_ptr() as usize, 0);
}
