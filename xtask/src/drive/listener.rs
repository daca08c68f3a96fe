//! What a machine says on its console, and what of it was expected.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::console::{Cleaner, Event, Port};
use crate::qemu::Ending;

/// Lines of output shown with a failure.
const TAIL_LINES: usize = 15;

/// What was heard on the console, and how much of it was matched.
pub struct Listener<F> {
    show: F,
    cleaner: Cleaner,
    heard: Vec<u8>,
    from: usize,
}

impl<F: FnMut(&[u8])> Listener<F> {
    /// Nothing was heard yet; `show` gets all of it.
    pub fn new(show: F) -> Self {
        Self { show, cleaner: Cleaner::default(), heard: vec![], from: 0 }
    }

    /// Waits for a text that comes after what was expected before.
    pub fn expect(&mut self, port: &mut dyn Port, text: &str, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let wanted = text.as_bytes();
        let mut unsearched = self.from;
        loop {
            let fresh = &self.heard[unsearched..];
            if let Some(at) = fresh.windows(wanted.len()).position(|window| window == wanted) {
                self.from = unsearched + at + wanted.len();
                return Ok(());
            }
            // A match may begin in the last bytes and end in output to come.
            unsearched = unsearched.max((self.heard.len() + 1).saturating_sub(wanted.len()));
            if Instant::now() >= deadline {
                bail!("expected {text:?}, which did not come within {} s", timeout.as_secs());
            }
            match port.next(deadline) {
                Event::Output(bytes) => {
                    let text = self.cleaner.clean(&bytes);
                    (self.show)(&text);
                    self.heard.extend(text);
                }
                Event::Ended(ending) => {
                    bail!("expected {text:?}, but {}\n{}", ending.describe(), port.complaints())
                }
                Event::Silence => {}
            }
        }
    }

    /// The whole line in which a text comes.
    pub fn line(&mut self, port: &mut dyn Port, text: &str, timeout: Duration) -> Result<String> {
        self.expect(port, text, timeout)?;
        let within = self.from;
        self.expect(port, "\n", timeout)?;
        let before = self.heard[..within].iter().rposition(|byte| *byte == b'\n');
        let line = &self.heard[before.map_or(0, |at| at + 1)..self.from];
        Ok(String::from_utf8_lossy(line).trim().to_owned())
    }

    /// Waits for the machine's end, which has to be a good one.
    pub fn expect_end(&mut self, port: &mut dyn Port, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            match port.next(deadline) {
                Event::Output(bytes) => {
                    let text = self.cleaner.clean(&bytes);
                    (self.show)(&text);
                    self.heard.extend(text);
                }
                Event::Ended(Ending::Quiet | Ending::Passed) => return Ok(()),
                Event::Ended(ending) => bail!("it ended badly: {}", ending.describe()),
                Event::Silence if Instant::now() >= deadline => {
                    bail!("the machine did not end within {} s", timeout.as_secs())
                }
                Event::Silence => {}
            }
        }
    }

    /// The last lines, for whoever must find out what went wrong.
    pub fn tail(&self) -> String {
        let text = String::from_utf8_lossy(&self.heard);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        tail.iter().map(|line| format!("    | {line}")).collect::<Vec<_>>().join("\n")
    }
}
