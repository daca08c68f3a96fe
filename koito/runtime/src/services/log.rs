//! Lines that components want to be found later.

use core::fmt;

use nun::IpcPort;
use nun::service::{String, Wire};

use crate::environment::Name;

/// Longest line, in bytes; what is beyond is cut off.
pub const LINE_BYTES: usize = 120;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
pub struct LogLine {
    /// Its number, counted from 0.
    pub number: u64,
    /// When it came, in milliseconds as [`Clock`](super::Clock) counts them.
    pub time: u64,
    /// Who wrote it: the supervisor's word.
    pub writer: Name,
    /// What it says.
    pub text: String<LINE_BYTES>,
}

/// Keeps the last lines of everybody.
#[nun::service(version = 1)]
pub trait Log {
    /// Adds a line, unless the caller wrote too many lately: those are counted instead. When the
    /// server dies, a line may be lost, or come twice.
    #[method(ordinal = 1, retry = idempotent)]
    fn line(&self, text: String<LINE_BYTES>);
    /// The first line that is kept and has at least this `number`.
    #[method(ordinal = 2, retry = idempotent)]
    fn read(&self, number: u64) -> Option<LogLine>;
}

/// The log as components write to it.
#[derive(Debug)]
pub struct Logger(LogClient);

impl Logger {
    /// Through `port`.
    pub const fn new(port: IpcPort) -> Self {
        Self(LogClient::new(port))
    }

    /// Writes a line; what is too long is cut off. That the log is out of reach stops nobody.
    pub fn line(&self, text: fmt::Arguments<'_>) {
        let mut line = Cut(String::new());
        // It never fails, unless a `Display` of the user's does.
        let _ = fmt::write(&mut line, text);
        let _ = self.0.line(line.0);
    }
}

/// Text of which only the beginning is kept.
struct Cut(String<LINE_BYTES>);

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let _ = self.0.push(character);
        }
        Ok(())
    }
}
