//! The console as something to write to.

use core::fmt;

use koito::services::{ConsoleClient, KEY_BYTES, TEXT_BYTES};
use nun::IpcPort;
use nun::service::{CallError, Failure, String, Vec};

/// Collects text, so that a line is one call.
pub struct Terminal {
    console: ConsoleClient,
    text: String<TEXT_BYTES>,
}

impl Terminal {
    /// Through the console's `port`.
    pub const fn new(port: IpcPort) -> Self {
        Self { console: ConsoleClient::new(port), text: String::new() }
    }

    /// Writes out what was collected.
    pub fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = core::mem::take(&mut self.text);
            self.insist(|console| console.write(text.clone()));
        }
    }

    /// The next keys; waits for them.
    pub fn read(&mut self) -> Vec<u8, KEY_BYTES> {
        self.flush();
        self.insist(ConsoleClient::read)
    }

    /// Calls until there is an answer. A console that died is restarted, and what is typed
    /// meanwhile is lost; without one there is nothing for a shell to do.
    fn insist<T>(&self, call: impl Fn(&ConsoleClient) -> Result<T, Failure>) -> T {
        loop {
            match call(&self.console) {
                Ok(answer) => return answer,
                Err(Failure::Call(CallError::ServerDied(_) | CallError::Busy)) => {}
                Err(error) => panic!("no console: {error}"),
            }
        }
    }
}

impl fmt::Write for Terminal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.text.len() + character.len_utf8() > TEXT_BYTES {
                self.flush();
            }
            // There is room.
            let _ = self.text.push(character);
        }
        if text.ends_with('\n') {
            self.flush();
        }
        Ok(())
    }
}
