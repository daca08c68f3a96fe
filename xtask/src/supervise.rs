//! Child processes that never outlive their purpose.
//!
//! A [`Supervised`] child ends when it is dropped, when its deadline passes, and when xtask
//! itself is interrupted or terminated: first by SIGTERM, so that it can restore the terminal,
//! then by SIGKILL. Children are always ended by their own process identifier.

use std::io::{IsTerminal, stdin};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a child may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);
/// How often a waiting parent looks.
const POLL: Duration = Duration::from_millis(10);

static CHILDREN: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());
static TERMINAL: OnceLock<Termios> = OnceLock::new();
static KEYBOARD_IS_FOR_CHILD: AtomicBool = AtomicBool::new(false);

/// Ends all children, then xtask, on SIGINT, SIGTERM and SIGHUP. Called once, at the start.
pub fn install_signal_handler() -> Result<()> {
    if stdin().is_terminal()
        && let Ok(settings) = tcgetattr(stdin())
    {
        // It can be set only once, and nobody else does.
        let _ = TERMINAL.set(settings);
    }
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot install the signal handler")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if signal == SIGINT && KEYBOARD_IS_FOR_CHILD.load(Ordering::Relaxed) {
                continue;
            }
            for child in lock(&CHILDREN).iter().filter_map(Weak::upgrade) {
                end(&child);
            }
            restore_terminal();
            eprintln!("\ninterrupted");
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// From now on Ctrl-C is meant for a child (a debugger), not for xtask.
pub fn leave_keyboard_to_child() {
    KEYBOARD_IS_FOR_CHILD.store(true, Ordering::Relaxed);
}

/// Gives the terminal back the settings that it had when xtask started.
pub fn restore_terminal() {
    if let Some(settings) = TERMINAL.get() {
        // Nothing better can be done with a terminal that refuses.
        let _ = tcsetattr(stdin(), OptionalActions::Now, settings);
    }
}

/// A child process under supervision.
pub struct Supervised {
    child: Arc<Mutex<Child>>,
}

impl Supervised {
    /// Starts `command`. The error names the program.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let child = Arc::new(Mutex::new(child));
        let mut children = lock(&CHILDREN);
        children.retain(|other| other.strong_count() > 0);
        children.push(Arc::downgrade(&child));
        drop(children);
        Ok(Self { child })
    }

    /// The child's standard input, once, if it was piped.
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        lock(&self.child).stdin.take()
    }

    /// The child's standard output, once, if it was piped.
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        lock(&self.child).stdout.take()
    }

    /// The child's standard error, once, if it was piped.
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        lock(&self.child).stderr.take()
    }

    /// How the child ended, or `None` if it still runs.
    pub fn status(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().ok().flatten()
    }

    /// Waits for the child's end, at most until `deadline` where one is given.
    pub fn wait(&self, deadline: Option<Instant>) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.status() {
                return Some(status);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            thread::sleep(POLL);
        }
    }

    /// Ends the child, if it still runs, and waits for it.
    pub fn end(&self) {
        end(&self.child);
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.end();
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = lock(child);
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    // A failure here means that it is gone already, which try_wait tells next.
    let _ = kill_process(Pid::from_child(&child), Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        thread::sleep(POLL);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_child_is_gone() {
        let child = Supervised::spawn(Command::new("sleep").arg("600")).unwrap();
        let handle = Arc::clone(&child.child);
        drop(child);
        assert!(handle.lock().unwrap().try_wait().unwrap().is_some());
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]);
        command.stdout(std::process::Stdio::piped());
        let child = Supervised::spawn(&mut command).unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(&mut child.take_stdout().unwrap(), &mut ready).unwrap();
        child.end();
        assert!(child.status().is_some());
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        let child = Supervised::spawn(Command::new("sleep").arg("600")).unwrap();
        let deadline = Instant::now() + Duration::from_millis(50);
        assert!(child.wait(Some(deadline)).is_none());
    }
}
