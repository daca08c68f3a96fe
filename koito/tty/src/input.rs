//! What is typed: signals, flow control, lines.

use crate::settings::{Character, Input, Local};
use crate::terminal::{MOST_INPUT, Signal, Terminal};

impl Terminal {
    /// Takes what was typed.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.columns_before = (self.column, self.first_column);
        for byte in bytes {
            self.key(*byte);
        }
    }

    fn key(&mut self, byte: u8) {
        let (input, local) = (self.settings.input, self.settings.local);
        let mut byte = if input.contains(Input::STRIP) { byte & 0x7f } else { byte };
        if input.contains(Input::LOWER) && local.contains(Local::EXTENDED) {
            byte = byte.to_ascii_lowercase();
        }
        if core::mem::take(&mut self.literal) {
            return self.ordinary(byte);
        }
        if input.contains(Input::FLOW) && self.flow(byte) {
            return;
        }
        if local.contains(Local::SIGNALS) && self.signal(byte) {
            return;
        }
        if self.stopped && input.contains(Input::FLOW | Input::ANY_STARTS) {
            self.stopped = false;
        }
        let typed = byte;
        match byte {
            b'\r' if input.contains(Input::IGNORE_CR) => return,
            b'\r' if input.contains(Input::CR_TO_NL) => byte = b'\n',
            b'\n' if input.contains(Input::NL_TO_CR) => byte = b'\r',
            _ => {}
        }
        if self.is_canonical() && self.edit(byte) {
            return;
        }
        if typed == b'\r' && byte == b'\n' && local.contains(Local::ECHO) {
            // A line feed that was none is shown as one.
            if self.add(byte) {
                self.put(byte);
            }
            return;
        }
        self.ordinary(byte);
    }

    /// Whether a key holds the output or lets it go.
    fn flow(&mut self, byte: u8) -> bool {
        let settings = &self.settings;
        if settings.is(Character::Start, byte) {
            self.stopped = false;
        } else if settings.is(Character::Stop, byte) {
            self.stopped = true;
        } else {
            return false;
        }
        true
    }

    /// Whether a key is a signal, which is shown, and drops what was typed and is not shown yet.
    fn signal(&mut self, byte: u8) -> bool {
        let settings = self.settings;
        let signal = if settings.is(Character::Interrupt, byte) {
            Signal::Interrupt
        } else if settings.is(Character::Quit, byte) {
            Signal::Quit
        } else if settings.is(Character::Suspend, byte) {
            Signal::Suspend
        } else {
            return false;
        };
        if !settings.local.contains(Local::NO_FLUSH) {
            self.flush(crate::Flush::Both);
            (self.column, self.first_column) = self.columns_before;
        }
        if settings.input.contains(Input::FLOW) {
            self.stopped = false;
        }
        if settings.local.contains(Local::ECHO) {
            self.echo(byte);
        }
        self.signals.push(signal);
        true
    }

    /// A key without a meaning is added to the input, and shown.
    fn ordinary(&mut self, byte: u8) {
        if self.editing.is_empty() {
            self.first_column = self.column;
        }
        if self.add(byte) && self.settings.local.contains(Local::ECHO) {
            self.echo(byte);
        }
    }

    /// Adds a byte to the input, if there is room.
    fn add(&mut self, byte: u8) -> bool {
        if self.ready.len() + self.editing.len() >= MOST_INPUT {
            if self.settings.input.contains(Input::BELL_WHEN_FULL) {
                self.put(7);
            }
            return false;
        }
        if self.is_canonical() {
            self.editing.push(byte);
        } else {
            self.ready.push_back(byte);
        }
        true
    }
}
