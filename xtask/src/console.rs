//! The serial console of a running machine, as a stream of events with deadlines.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::qemu::Ending;
use crate::supervise::Supervised;

/// How long QEMU may take to end once it closed its output.
const EXIT_LIMIT: Duration = Duration::from_secs(60);

/// What the console has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The guest wrote this.
    Output(Vec<u8>),
    /// QEMU is gone.
    Ended(Ending),
    /// The deadline passed without either.
    Silence,
}

/// A serial console: what a script or a test talks to.
pub trait Port {
    /// The next event, at `deadline` at the latest.
    fn next(&mut self, deadline: Instant) -> Event;
    /// Types `bytes`.
    fn send(&mut self, bytes: &[u8]) -> Result<()>;
    /// What QEMU itself complained about so far.
    fn complaints(&self) -> String {
        String::new()
    }
}

/// A running QEMU. It ends when this is dropped.
pub struct Console {
    child: Supervised,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    complaints: Arc<Mutex<String>>,
}

impl Console {
    /// Starts QEMU with its serial port on a pipe, out of reach of the terminal's Ctrl-C.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::spawn(command.process_group(0))
    }

    /// Starts QEMU with its serial input on the terminal.
    pub fn start_on_terminal(command: &mut Command) -> Result<Self> {
        Self::spawn(command)
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let child = Supervised::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let (Some(mut stdout), Some(mut stderr)) = (child.take_stdout(), child.take_stderr())
        else {
            bail!("QEMU was started without pipes");
        };
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let complaints = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&complaints);
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = stderr.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                collected.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Self { input: child.take_stdin(), child, output, complaints })
    }
}

impl Port for Console {
    fn next(&mut self, deadline: Instant) -> Event {
        let patience = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(patience) {
            Ok(bytes) => Event::Output(bytes),
            Err(RecvTimeoutError::Timeout) => Event::Silence,
            Err(RecvTimeoutError::Disconnected) => {
                match self.child.wait(Some(Instant::now() + EXIT_LIMIT)) {
                    Some(status) => Event::Ended(Ending::from_status(status)),
                    None => Event::Silence,
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let input = self.input.as_mut().context("this console takes no input")?;
        input.write_all(bytes).and_then(|()| input.flush()).context("QEMU takes no more input")
    }

    fn complaints(&self) -> String {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Turns serial output into plain text: terminal escape sequences (ECMA-48), carriage returns
/// and other control characters go.
#[derive(Default)]
pub struct Cleaner {
    state: Escape,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Text,
    Started,
    Sequence,
}

impl Cleaner {
    /// The text in `bytes`, which continue what came before.
    pub fn clean(&mut self, bytes: &[u8]) -> Vec<u8> {
        bytes.iter().copied().filter(|byte| self.keep(*byte)).collect()
    }

    fn keep(&mut self, byte: u8) -> bool {
        let (next, keep) = match (self.state, byte) {
            (_, 0x1b) => (Escape::Started, false),
            (Escape::Started, b'[') => (Escape::Sequence, false),
            (Escape::Started, _) | (Escape::Sequence, 0x40..=0x7e) => (Escape::Text, false),
            (Escape::Sequence, _) => (Escape::Sequence, false),
            (Escape::Text, _) => {
                (Escape::Text, byte >= b' ' && byte != 0x7f || matches!(byte, b'\n' | b'\t'))
            }
        };
        self.state = next;
        keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_go_even_when_cut() {
        let mut cleaner = Cleaner::default();
        let mut text = cleaner.clean(b"a\x1b[2");
        text.extend(cleaner.clean(b"J\x1b=b\r\n\xc3\xa4\0"));
        assert_eq!(text, "ab\nä".as_bytes());
    }

    #[test]
    fn output_then_ending_are_reported() {
        let mut command = Command::new("sh");
        command.args(["-c", "read line; echo got $line; echo why >&2; exit 33"]);
        let mut console = Console::start(command.stdin(Stdio::piped())).unwrap();
        console.send(b"this\n").unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(console.next(deadline), Event::Output(b"got this\n".to_vec()));
        assert_eq!(console.next(deadline), Event::Ended(Ending::Passed));
    }

    #[test]
    fn silence_ends_at_the_deadline() {
        let mut command = Command::new("sleep");
        let mut console = Console::start(command.arg("600")).unwrap();
        assert_eq!(console.next(Instant::now() + Duration::from_millis(50)), Event::Silence);
    }
}
