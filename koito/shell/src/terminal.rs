//! The console, or screen and keyboard, as something to write to and to read from.

use core::fmt;

use koito::services::{
    ConsoleClient, KEY_BYTES, KeyboardClient, Keys, ScreenClient, TEXT_BYTES, UNREAD_BYTES,
    VmTerminal,
};
use koito::{Environment, Missing};
use nun::heapless::Deque;
use nun::service::{CallError, Failure, String, Vec};

/// How urgent it is that the system's session is seen where a guest is brought along.
const GUESTS_RANK: u8 = 2;

/// Where text goes, and where keys come from.
enum Line {
    /// The serial port, for both.
    Console(ConsoleClient),
    /// What is on the desk.
    Desk(ScreenClient, KeyboardClient),
}

/// Collects text, so that a line is one call, and hands out keys one by one.
pub struct Terminal {
    line: Line,
    text: String<TEXT_BYTES>,
    /// Keys that are to be read before all others: a program did not read them.
    unread: Deque<u8, UNREAD_BYTES>,
    /// Keys that came, and the number of the next of them.
    keys: Keys,
    taken: u64,
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
        let (text, unread, keys) = (String::new(), Deque::new(), Keys::default());
        Ok(Self { line, text, unread, keys, taken: 0 })
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

    /// Writes what a program's terminal shows. What the screen answers comes to be read.
    pub fn show(&mut self, bytes: &Vec<u8, TEXT_BYTES>) -> fmt::Result {
        let answers = insist(|| match &self.line {
            Line::Console(console) => console.write_bytes(bytes.clone()).map(|()| Vec::new()),
            Line::Desk(screen, _) => screen.write_bytes(bytes.clone()),
        })?;
        for byte in answers {
            // A program that asks and never reads is not answered for ever.
            let _ = self.unread.push_back(byte);
        }
        Ok(())
    }

    /// Which one it is, for who shows something there by itself.
    pub const fn which(&self) -> VmTerminal {
        match self.line {
            Line::Console(_) => VmTerminal::Console,
            Line::Desk(..) => VmTerminal::Screen,
        }
    }

    /// Rows and columns, where they are known.
    pub fn size(&self) -> (u16, u16) {
        match &self.line {
            Line::Console(_) => (0, 0),
            Line::Desk(screen, _) => screen.size().map_or((0, 0), |size| (size.rows, size.columns)),
        }
    }

    /// The next key; waits for it.
    pub fn read(&mut self) -> Result<u8, fmt::Error> {
        self.flush()?;
        loop {
            if let Some(key) = self.next() {
                return Ok(key);
            }
            let keys = insist(|| match &self.line {
                Line::Console(console) => console.read(self.taken),
                Line::Desk(_, keyboard) => keyboard.read(self.taken),
            })?;
            self.take(keys);
        }
    }

    /// The keys that were typed since; none are waited for.
    pub fn look(&mut self) -> Result<Vec<u8, KEY_BYTES>, fmt::Error> {
        if self.unread.is_empty() && self.taken == self.keys.end() {
            let keys = insist(|| match &self.line {
                Line::Console(console) => console.look(self.taken),
                Line::Desk(_, keyboard) => keyboard.look(self.taken),
            })?;
            self.take(keys);
        }
        let mut bytes = Vec::new();
        while !bytes.is_full()
            && let Some(key) = self.next()
        {
            // There is room.
            let _ = bytes.push(key);
        }
        Ok(bytes)
    }

    /// Keys that a program did not read: the next to be read here.
    pub fn give_back(&mut self, keys: &[u8]) {
        for key in keys.iter().rev() {
            // More than a program gives back there cannot be.
            let _ = self.unread.push_front(*key);
        }
    }

    /// Brings the system's session to the front, for guests.
    pub fn come_forward(&self) {
        if let Line::Console(console) = &self.line {
            // A console that just died shows this session anyway.
            let _ = console.come_forward(GUESTS_RANK);
        }
    }

    /// Lets the other session come to the front, with what was typed since; whether there is one.
    pub fn step_back(&mut self) -> bool {
        let Line::Console(console) = &self.line else { return false };
        let stepped = console.step_back(self.taken).unwrap_or(false);
        if stepped {
            self.keys = Keys { first: self.taken, ..Keys::default() };
        }
        stepped
    }

    fn take(&mut self, keys: Keys) {
        if !keys.bytes.is_empty() {
            self.taken = keys.first;
            self.keys = keys;
        }
    }

    fn next(&mut self) -> Option<u8> {
        if let Some(key) = self.unread.pop_front() {
            return Some(key);
        }
        let at = self.taken.checked_sub(self.keys.first)?;
        let key = self.keys.bytes.get(at as usize)?;
        self.taken += 1;
        Some(*key)
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
