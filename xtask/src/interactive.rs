//! `cargo xtask run`: a system on this terminal.

use std::io::{self, Write, stdin, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::termios::tcgetwinsize;

use crate::cli::RunOptions;
use crate::console::{Console, Event, Port};
use crate::qemu::{Ending, Serial};
use crate::repository::Repository;
use crate::session::Session;
use crate::supervise::restore_terminal;

/// The kernel's greeting begins like this; the loader's name is `A9NLoader`.
const SIGN_OF_LIFE: &[u8] = b"A9N ";
/// Firmware needs seconds; a kernel that did not greet by then never will.
const BOOT_LIMIT: Duration = Duration::from_secs(90);
/// QEMU prints this when its user leaves by Ctrl-A X.
const LEFT: &[u8] = b"QEMU: Terminated";

/// `cargo xtask run`.
pub fn run(repository: &Repository, options: &RunOptions) -> Result<ExitCode> {
    for folder in &options.overlay {
        ensure!(folder.is_dir(), "--overlay: there is no folder {}", folder.display());
    }
    let mut boot = options.boot.clone();
    boot.build.system = boot.build.system.or_else(|| options.name.clone());
    boot.linux = Some(options.overlay.clone());
    boot.window = tcgetwinsize(stdin()).ok().map(|size| (size.ws_row, size.ws_col));
    let mut session = Session::prepare(repository, &boot)?;
    // A system with a disk can be told to reboot, and finds on it what it had written.
    session.machine.resets = session.machine.disk.is_some();
    let off = if session.machine.resets { Off::IsAnEnd } else { Off::IsAFailure };
    eprintln!("  booting {} (Ctrl-A X leaves)", session.name);
    let mut console = Console::start_on_terminal(&mut session.command(&Serial::Terminal))?;
    let limit = options.timeout.map(Duration::from_secs);
    let verdict = watch(&mut console, (limit, off), |bytes| {
        let mut screen = stdout().lock();
        screen.write_all(bytes)?;
        screen.flush()
    });
    drop(console);
    restore_terminal();
    verdict.map(|()| ExitCode::SUCCESS)
}

/// What it means that a machine is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Off {
    /// Somebody said so.
    IsAnEnd,
    /// A reset looks the same, so it may have failed.
    IsAFailure,
}

/// Shows the console until QEMU ends, the boot proves dead or the time is up.
fn watch(
    console: &mut dyn Port,
    (limit, off): (Option<Duration>, Off),
    mut show: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<()> {
    let start = Instant::now();
    let mut alive = Finder::new(SIGN_OF_LIFE);
    let mut left = Finder::new(LEFT);
    loop {
        let boot_deadline = (!alive.found).then(|| start + BOOT_LIMIT);
        let end = limit.map(|limit| start + limit);
        let deadline = [boot_deadline, end].into_iter().flatten().min();
        match console.next(deadline.unwrap_or_else(|| Instant::now() + BOOT_LIMIT)) {
            Event::Output(bytes) => {
                alive.feed(&bytes);
                left.feed(&bytes);
                show(&bytes).context("cannot write to the terminal")?;
            }
            Event::Ended(Ending::Passed) => return Ok(()),
            Event::Ended(Ending::Quiet) if left.found || off == Off::IsAnEnd => return Ok(()),
            Event::Ended(ending) => {
                let complaints = console.complaints();
                let reason = complaints.trim();
                let separator = if reason.is_empty() { "" } else { ": " };
                bail!("{}{separator}{reason}", ending.describe());
            }
            Event::Silence => {
                let now = Instant::now();
                if let Some(limit) = limit.filter(|limit| now >= start + *limit) {
                    bail!("the {} s given with --timeout are over", limit.as_secs());
                }
                if !alive.found && now >= start + BOOT_LIMIT {
                    bail!(
                        "the boot hangs: after {} s there is no greeting from the kernel; \
                         `cargo xtask gdb` shows where it stands",
                        BOOT_LIMIT.as_secs()
                    );
                }
            }
        }
    }
}

/// Looks for a text in a stream that arrives in pieces.
struct Finder {
    text: &'static [u8],
    tail: Vec<u8>,
    found: bool,
}

impl Finder {
    fn new(text: &'static [u8]) -> Self {
        Self { text, tail: vec![], found: false }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        self.found |= self.tail.windows(self.text.len()).any(|window| window == self.text);
        let surplus = self.tail.len().saturating_sub(self.text.len());
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Events(Vec<Event>);

    impl Port for Events {
        fn next(&mut self, _: Instant) -> Event {
            if self.0.is_empty() { Event::Silence } else { self.0.remove(0) }
        }
        fn send(&mut self, _: &[u8]) -> Result<()> {
            Ok(())
        }
    }

    fn verdict(off: Off, events: &[Event]) -> Result<()> {
        watch(&mut Events(events.to_vec()), (Some(Duration::ZERO), off), |_| Ok(()))
    }

    #[test]
    fn leaving_is_a_success_and_a_reset_is_not() {
        let output = |text: &str| Event::Output(text.as_bytes().to_vec());
        let verdict = |events: &[Event]| verdict(Off::IsAFailure, events);
        assert!(
            verdict(&[output("QEMU: Ter"), output("minated"), Event::Ended(Ending::Quiet)]).is_ok()
        );
        assert!(verdict(&[Event::Ended(Ending::Passed)]).is_ok());
        assert!(verdict(&[output("A9N"), Event::Ended(Ending::Quiet)]).is_err());
        assert!(verdict(&[Event::Ended(Ending::Killed(9))]).is_err());
        assert!(verdict(&[]).is_err());
    }

    #[test]
    fn a_machine_that_somebody_switched_off_was_left() {
        assert!(verdict(Off::IsAnEnd, &[Event::Ended(Ending::Quiet)]).is_ok());
        assert!(verdict(Off::IsAnEnd, &[Event::Ended(Ending::Killed(9))]).is_err());
    }
}
