//! What a terminal says.

use a9n_linux_programs::system::{Descriptor, read, write};

/// Text that is searched for what is awaited, at most.
const WINDOW: usize = 16384;

/// A terminal, and what it said since the last match.
pub struct Heard {
    terminal: Descriptor,
    window: [u8; WINDOW],
    length: usize,
}

impl Heard {
    /// Nothing yet.
    pub fn new(terminal: Descriptor) -> Self {
        Self { terminal, window: [0; WINDOW], length: 0 }
    }

    /// Reads and shows until `text` came; whether it did before the terminal was closed.
    pub fn until(&mut self, text: &[u8]) -> bool {
        loop {
            let heard = &self.window[..self.length];
            if let Some(at) = heard.windows(text.len().max(1)).position(|it| it == text) {
                self.forget(at + text.len());
                return true;
            }
            if self.length == WINDOW {
                self.forget(WINDOW / 2);
            }
            if !self.hear() {
                return false;
            }
        }
    }

    /// Reads and shows until the terminal is closed.
    pub fn rest(&mut self) {
        self.length = 0;
        while self.hear() {
            self.length = 0;
        }
    }

    fn hear(&mut self) -> bool {
        let room = &mut self.window[self.length..];
        let Ok(heard @ 1..) = usize::try_from(read(self.terminal, room)) else {
            return false;
        };
        write(1, &room[..heard]);
        self.length += heard;
        true
    }

    fn forget(&mut self, bytes: usize) {
        self.window.copy_within(bytes..self.length, 0);
        self.length -= bytes;
    }
}
