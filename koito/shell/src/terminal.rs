//! The console, or screen and keyboard, as something to write to and to read from.

use core::fmt;

use koito::services::{ConsoleClient, KEY_BYTES, KeyboardClient, ScreenClient, TEXT_BYTES};
use koito::{Environment, Missing};
use nun::service::{CallError, Failure, String, Vec};

/// Where text goes, and where keys come from.
enum Line {
    /// The serial port, for both.
    Console(ConsoleClient),
    /// What is on the desk.
    Desk(ScreenClient, KeyboardClient),
}

/// Collects text, so that a line is one call.
pub struct Terminal {
    line: Line,
    text: String<TEXT_BYTES>,
}

impl Terminal {
    /// Through the service `console`, if the environment gives that; else through `screen` and
    /// `keyboard`.
    pub fn new(environment: &Environment) -> Result<Self, Missing> {
        let line = match environment.service("console") {
            Ok(port) => Line::Console(ConsoleClient::new(port)),
            Err(_) => Line::Desk(
                ScreenClient::new(environment.service("screen")?),
                KeyboardClient::new(environment.service("keyboard")?),
            ),
        };
        Ok(Self { line, text: String::new() })
    }

    /// Writes out what was collected.
    pub fn flush(&mut self) -> fmt::Result {
        let text = core::mem::take(&mut self.text);
        if text.is_empty() {
            return Ok(());
        }
        insist(|| match &self.line {
            Line::Console(console) => console.write(text.clone()),
            Line::Desk(screen, _) => screen.write(text.clone()),
        })
    }

    /// The next keys; waits for them.
    pub fn read(&mut self) -> Result<Vec<u8, KEY_BYTES>, fmt::Error> {
        self.flush()?;
        insist(|| match &self.line {
            Line::Console(console) => console.read(),
            Line::Desk(_, keyboard) => keyboard.read(),
        })
    }
}

/// Calls until there is an answer. A server that died is restarted, and what is typed meanwhile is
/// lost; where there is none, on a machine without a screen say, there is nothing for a shell to do.
fn insist<T>(call: impl Fn() -> Result<T, Failure>) -> Result<T, fmt::Error> {
    loop {
        match call() {
            Ok(answer) => return Ok(answer),
            Err(Failure::Call(CallError::ServerDied(_) | CallError::Busy)) => {}
            Err(Failure::Call(CallError::Gone)) => return Err(fmt::Error),
            Err(error) => panic!("no terminal: {error}"),
        }
    }
}

impl fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.text.len() + character.len_utf8() > TEXT_BYTES {
                self.flush()?;
            }
            // There is room.
            let _ = self.text.push(character);
        }
        if text.ends_with('\n') {
            self.flush()?;
        }
        Ok(())
    }
}
