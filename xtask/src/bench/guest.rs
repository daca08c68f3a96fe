//! `cargo xtask bench --guest`: how long Debian's kernel takes from its first word to a shell, as a guest of
//! Amateras and on the bare emulator; and what exits cost under KVM there, to be held against ours.
//!
//! Both machines have one CPU and as much memory, and get the same files and the same command line. An
//! instruction takes a nanosecond, so the time that the kernel itself tells, of its clock, is the same on every run.
//! It begins once the kernel is unpacked, in which no monitor takes part.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::boot::Figures;
use super::{kvm, manual};
use crate::cli::BenchOptions;
use crate::console::{Cleaner, Console, Event, Port};
use crate::guest;
use crate::progress::Step;
use crate::qemu::{Machine, Medium, Serial};
use crate::repository::Repository;
use crate::session::Session;

const RESULTS: &str = "bench/guest.json";
/// Memory of the guest, as its system has it, and of the bare machine.
const MEMORY: &str = "128M";
/// What the first program says: seconds stand behind it.
const SIGN: &str = "The guest is up after ";
/// Patience with a boot.
const LIMIT: Duration = Duration::from_secs(300);
/// What a guest may take, in hundredths of the time without a monitor.
const GOAL: u64 = 110;
/// How much more than recorded is none yet: the kernel's clock tells hundredths of seconds.
const TOLERANCE: u64 = 10;

/// What exits cost under KVM, as its monitor calls them.
const KVM: [&str; 2] = ["kvm.virt.cpuid", "kvm.virt.io"];
/// Who boots the kernel, which takes so many milliseconds.
const GUEST: &str = "guest";
const BARE: &str = "bare";

/// Measures, prints, records or compares.
pub fn run(repository: &Repository, options: &BenchOptions) -> Result<ExitCode> {
    let figures = measure(repository)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", table(&figures));
    }
    let file = repository.path(RESULTS);
    if options.update {
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        fs::write(&file, text).with_context(|| format!("cannot write {RESULTS}"))?;
        manual::update_guest(repository, &table(&figures))?;
    }
    if options.check {
        judge(&figures, &super::read_results(&file)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The table for the manual that follows from what is recorded.
pub fn recorded(repository: &Repository) -> Result<String> {
    Ok(table(&super::read_results(&repository.path(RESULTS))?))
}

fn measure(repository: &Repository) -> Result<Figures> {
    let mut session = Session::prepare(repository, &guest::alone())?;
    session.machine.count_instructions = true;
    let part = |name: &str| -> Result<_> {
        let module = session.volume.modules.iter().find(|(module, _)| module == name);
        Ok(&module.with_context(|| format!("there is no {name}"))?.1)
    };
    let bare = Medium::Direct {
        kernel: part("guest-kernel")?.to_owned(),
        archive: part("guest-initrd")?.to_owned(),
        command_line: fs::read_to_string(part("guest-cmdline")?)?,
    };
    let machine = Machine { memory: MEMORY.into(), ..session.machine.clone() };
    let guest = time(&mut Console::start(&mut session.command(&Serial::Pipe))?, GUEST)?;
    let alone = time(&mut Console::start(&mut machine.command(&bare, &Serial::Pipe))?, BARE)?;
    let mut figures = kvm::measure(repository, &session.machine, repository.products())?;
    figures.extend([(GUEST.to_owned(), guest), (BARE.to_owned(), alone)]);
    Ok(figures)
}

/// What the kernel takes on a machine, in milliseconds.
fn time(port: &mut dyn Port, name: &str) -> Result<u64> {
    let step = Step::start(format!("booting Debian's kernel: {name}"));
    let (deadline, mut cleaner) = (Instant::now() + LIMIT, Cleaner::default());
    let mut said = String::new();
    loop {
        match port.next(deadline) {
            Event::Output(bytes) if Instant::now() < deadline => {
                said.push_str(&String::from_utf8_lossy(&cleaner.clean(&bytes)));
            }
            _ => bail!("it does not come up ({name})\n{}{}", said.trim_end(), port.complaints()),
        }
        if let Some(milliseconds) = milliseconds(&said) {
            step.done();
            return milliseconds;
        }
    }
}

/// What is told in `said`, if that is whole.
fn milliseconds(said: &str) -> Option<Result<u64>> {
    let (seconds, _) = said.split_once(SIGN)?.1.split_once(" s.")?;
    let read = |seconds: &str| {
        let seconds: f64 = seconds.parse().with_context(|| format!("{seconds:?} is no time"))?;
        Ok((seconds * 1000.0).round() as u64)
    };
    Some(read(seconds))
}

fn table(figures: &Figures) -> String {
    let of = |name| figures.get(name).copied().unwrap_or_default();
    let (guest, bare) = (of(GUEST), of(BARE));
    let ratio = hundredths(guest, bare);
    let verdict = if ratio <= GOAL { "reached" } else { "not reached" };
    format!(
        "| Debian's cloud kernel, one CPU, to its first program's last word | virtual time |\n\
         |---|--:|\n\
         | on the bare emulator | {bare} ms |\n\
         | as a guest | {guest} ms |\n\
         | the guest's as part of that; goal: at most {} | {} ({verdict}) |\n\n\
         | an exit under KVM, from one RDTSC of the guest to the next | instructions |\n\
         |---|--:|\n\
         | CPUID, answered in the kernel | {} |\n\
         | OUT, which goes to the monitor and back | {} |\n",
        decimal(GOAL),
        decimal(ratio),
        of(KVM[0]),
        of(KVM[1]),
    )
}

/// Fails if a guest takes longer than recorded, or than it may.
fn judge(figures: &Figures, recorded: &Figures) -> Result<()> {
    let of = |figures: &Figures, name| figures.get(name).copied().context("a figure is missing");
    let (now, before) = (of(figures, GUEST)?, of(recorded, GUEST)?);
    ensure!(now <= before + TOLERANCE, "a guest's boot takes {now} ms; recorded are {before}");
    let ratio = hundredths(now, of(figures, BARE)?);
    ensure!(ratio <= GOAL, "a guest's boot takes {} of the bare one's time", decimal(ratio));
    Ok(())
}

fn hundredths(part: u64, whole: u64) -> u64 {
    part * 100 / whole.max(1)
}

fn decimal(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(guest: u64, bare: u64) -> Figures {
        Figures::from([(GUEST.to_owned(), guest), (BARE.to_owned(), bare)])
    }

    #[test]
    fn the_time_is_read_when_it_is_whole() {
        assert!(milliseconds("The guest is up after 1.4").is_none());
        assert_eq!(milliseconds("x\nThe guest is up after 1.42 s.").unwrap().unwrap(), 1420);
        assert!(milliseconds("The guest is up after all s.").unwrap().is_err());
    }

    #[test]
    fn a_boot_may_not_become_slower() {
        assert!(judge(&figures(1430, 1600), &figures(1420, 1600)).is_ok());
        assert!(judge(&figures(1440, 1600), &figures(1420, 1600)).is_err(), "slower than recorded");
        assert!(judge(&figures(1420, 1200), &figures(1420, 1600)).is_err(), "beyond the goal");
        assert!(table(&figures(1420, 1600)).contains("0.88 (reached)"));
    }
}
