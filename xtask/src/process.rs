//! Running other programs: a clean environment, captured output, progress while they work.

use std::env;
use std::io::{BufRead, BufReader, IsTerminal, Read, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::console::Cleaner;
use crate::progress::Step;
use crate::supervise::Supervised;

/// Cargo variables that a user sets on purpose and that inner builds should see.
const KEPT: &[&str] = &[
    "CARGO_HOME",
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_BUILD_JOBS",
    "CARGO_TERM_",
];
/// Variables that belong to the cargo that started xtask and would mislead another one.
const FOREIGN: &[&str] =
    &["CARGO", "RUSTC", "RUSTFLAGS", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUST_RECURSION_COUNT"];

/// First words of the lines by which cargo shows its progress.
const PROGRESS: &[&str] = &[
    "Adding ",
    "Blocking ",
    "Checking ",
    "Compiling ",
    "Documenting ",
    "Downloaded ",
    "Downloading ",
    "Dirty ",
    "Finished ",
    "Fresh ",
    "Generated ",
    "Locking ",
    "Removing ",
    "Running ",
    "Updating ",
];

/// Whether a variable of this name would leak from the outer cargo into an inner build.
fn is_foreign(name: &str) -> bool {
    FOREIGN.iter().any(|prefix| name.starts_with(prefix))
        && !KEPT.iter().any(|prefix| name.starts_with(prefix))
}

/// Removes what the outer cargo left in the environment: its own variables, and the library
/// path that it set for xtask.
pub fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_foreign) {
            command.env_remove(&name);
        }
    }
    command.env_remove("LD_LIBRARY_PATH");
}

/// Removes only the variables that describe xtask's own package; the toolchain choice stays.
pub fn forget_outer_package(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// The cargo that runs xtask.
pub fn host_cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// A host cargo command in the repository, for instance `cargo test`.
pub fn host_cargo_command(root: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(host_cargo());
    command.arg(subcommand).current_dir(root);
    forget_outer_package(&mut command);
    command
}

/// The full path of a program on the PATH.
pub fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// What a finished program left behind.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Both streams, for a reader who must find out what went wrong.
    pub fn transcript(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs `command` to its end, showing its last line of output as progress of `step`.
/// Ends it at `limit`, where one is given. An error means that it could not run to its end,
/// not that it failed.
pub fn watch(command: &mut Command, step: &Step, limit: Option<Duration>) -> Result<Finished> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = Supervised::spawn(command)?;
    let (sender, lines) = mpsc::channel::<(bool, String)>();
    let stderr_sender = sender.clone();
    let stdout = child.take_stdout();
    let stderr = child.take_stderr();
    thread::spawn(move || stdout.map(|stream| forward(stream, &sender, false)));
    thread::spawn(move || stderr.map(|stream| forward(stream, &stderr_sender, true)));

    let deadline = limit.map(|limit| Instant::now() + limit);
    let mut finished = (String::new(), String::new());
    loop {
        step.still_working();
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok((is_stderr, line)) => {
                step.detail(&line);
                let stream = if is_stderr { &mut finished.1 } else { &mut finished.0 };
                stream.push_str(&line);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            bail!("{} did not finish in time", command.get_program().display());
        }
    }
    let Some(status) = child.wait(deadline) else {
        bail!("{} did not finish in time", command.get_program().display());
    };
    Ok(Finished { status, stdout: finished.0, stderr: finished.1 })
}

fn forward(stream: impl Read, sender: &mpsc::Sender<(bool, String)>, is_stderr: bool) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
        if sender.send((is_stderr, String::from_utf8_lossy(&line).into_owned())).is_err() {
            return;
        }
        line.clear();
    }
}

/// Runs a build command and fails with its whole output when it does; its warnings are shown.
/// `step` shows its progress.
pub fn build(what: &str, command: &mut Command, step: &Step) -> Result<()> {
    if stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let finished = watch(command, step, None)?;
    if !finished.status.success() {
        bail!("building {what} failed\n{}", finished.transcript().trim_end());
    }
    step.say(&diagnostics(&finished.stderr));
    Ok(())
}

/// What cargo's output says beside its own progress lines.
fn diagnostics(output: &str) -> String {
    let is_progress = |line: &&str| {
        let text = Cleaner::default().clean(line.as_bytes());
        let text = String::from_utf8_lossy(&text);
        PROGRESS.iter().any(|verb| text.trim_start().starts_with(verb))
    };
    output.split_inclusive('\n').filter(|line| !is_progress(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_cargo_does_not_leak() {
        for name in [
            "CARGO",
            "RUSTC",
            "RUSTUP_TOOLCHAIN",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PKG_NAME",
            "RUSTC_WRAPPER",
            "CARGO_TARGET_DIR",
        ] {
            assert!(is_foreign(name), "{name}");
        }
        for name in
            ["CARGO_HOME", "CARGO_NET_OFFLINE", "PATH", "HOME", "RUSTUP_HOME", "CARGO_HTTP_PROXY"]
        {
            assert!(!is_foreign(name), "{name}");
        }
    }

    #[test]
    fn only_diagnostics_remain_of_a_good_build() {
        let output =
            "   Compiling a v0.1.0\nwarning: unused\n --> a.rs\n\u{1b}[1m    Finished\u{1b}[0m x\n";
        assert_eq!(diagnostics(output), "warning: unused\n --> a.rs\n");
    }

    #[test]
    fn output_and_status_are_collected() {
        let step = Step::start("test");
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let finished = watch(&mut command, &step, None).unwrap();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(finished.status.code(), Some(3));
    }

    #[test]
    fn a_program_that_never_ends_is_ended() {
        let step = Step::start("test");
        let limit = Some(Duration::from_millis(100));
        assert!(watch(Command::new("sleep").arg("600"), &step, limit).is_err());
    }

    #[test]
    fn a_missing_program_is_named() {
        let step = Step::start("test");
        let error = watch(&mut Command::new("no-such-program"), &step, None).err().unwrap();
        assert!(format!("{error:#}").contains("no-such-program"));
    }
}
