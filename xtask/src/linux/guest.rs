//! A machine with a prompt on its serial console.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::console::{Cleaner, Console, Event, Port};

/// Patience with a boot.
const BOOT_LIMIT: Duration = Duration::from_secs(300);
/// What the Enter key sends.
const ENTER: &str = "\r";

/// A running machine.
pub struct Guest {
    console: Console,
    cleaner: Cleaner,
    /// What it said that nobody took yet.
    text: String,
    /// All that it said, for a reader who must find out what went wrong.
    transcript: File,
}

impl Guest {
    /// Starts a machine and waits for its prompt. What it says goes to the end of `transcript`, too.
    pub fn boot(command: &mut Command, prompt: &str, transcript: &Path) -> Result<Self> {
        let transcript = File::options().create(true).append(true).open(transcript)?;
        let console = Console::start(command)?;
        let (cleaner, text) = (Cleaner::default(), String::new());
        let mut guest = Self { console, cleaner, text, transcript };
        if !guest.wait_for(prompt, Instant::now() + BOOT_LIMIT) {
            bail!("it comes to no prompt: {}{}", guest.text, guest.console.complaints());
        }
        Ok(guest)
    }

    /// Types a line.
    pub fn enter(&mut self, line: &str) -> Result<()> {
        self.console.send(format!("{line}{ENTER}").as_bytes())
    }

    /// The next whole line; `None` if none comes until `deadline`, or the machine has ended.
    pub fn line(&mut self, deadline: Instant) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(line);
            }
            if !self.hear(deadline) {
                return None;
            }
        }
    }

    /// Waits for a text; what was said up to it is forgotten. Whether it came.
    pub fn wait_for(&mut self, text: &str, deadline: Instant) -> bool {
        loop {
            if let Some(at) = self.text.find(text) {
                self.text.drain(..at + text.len());
                return true;
            }
            if !self.hear(deadline) {
                return false;
            }
        }
    }

    /// Waits for the machine's end; whether it came.
    pub fn ends(&mut self, deadline: Instant) -> bool {
        loop {
            match self.console.next(deadline) {
                Event::Output(_) => {}
                Event::Ended(_) => return true,
                Event::Silence => return false,
            }
        }
    }

    fn hear(&mut self, deadline: Instant) -> bool {
        match self.console.next(deadline) {
            Event::Output(bytes) => {
                let text = self.cleaner.clean(&bytes);
                self.text += &String::from_utf8_lossy(&text);
                self.transcript.write_all(&text).is_ok() && Instant::now() < deadline
            }
            Event::Ended(_) | Event::Silence => false,
        }
    }
}
