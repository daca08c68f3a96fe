//! Editing a line on a terminal: keys in, what the terminal has to show out.
//!
//! Printable ASCII, and the keys that a VT100 sends (ECMA-48 control sequences): arrows, Home, End,
//! Delete, Backspace, and Control with A, C, D, E, K, L, U. The arrows up and down go through the
//! lines entered before.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod history;
mod keys;
#[cfg(test)]
mod tests;

use core::fmt::{self, Write};

use heapless::String;
use history::History;
use keys::{Key, Keys};

/// Longest line, in bytes.
pub const LINE_BYTES: usize = 320;

/// A line.
pub type Line = String<LINE_BYTES>;

/// What a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to keep the line in")]
pub enum Event {
    /// The line is still being edited.
    Editing,
    /// It was entered.
    Entered(Line),
    /// It was given up (Control-C).
    Cancelled,
    /// The screen has to be cleared, and the line [shown](Editor::show) anew (Control-L).
    Clear,
    /// There is nothing more to come (Control-D in an empty line).
    Closed,
}

/// A line that is being edited.
#[derive(Debug, Default)]
pub struct Editor {
    line: Line,
    /// Position in the line.
    cursor: usize,
    keys: Keys,
    history: History,
}

impl Editor {
    /// An empty line, without a history.
    pub const fn new() -> Self {
        Self { line: Line::new(), cursor: 0, keys: Keys::new(), history: History::new() }
    }

    /// What is in the line so far.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Takes a byte that the terminal sent, and writes to `screen` what it has to show.
    pub fn take(&mut self, byte: u8, screen: &mut impl Write) -> Result<Event, fmt::Error> {
        let Some(key) = self.keys.take(byte) else { return Ok(Event::Editing) };
        match key {
            Key::Printable(character) => self.insert(character, screen)?,
            Key::Enter => return Ok(self.enter()),
            Key::Cancel => {
                self.forget();
                return Ok(Event::Cancelled);
            }
            Key::Clear => return Ok(Event::Clear),
            Key::Left if self.cursor > 0 => self.move_to(self.cursor - 1, screen)?,
            Key::Right if self.cursor < self.line.len() => self.move_to(self.cursor + 1, screen)?,
            Key::Home => self.move_to(0, screen)?,
            Key::End => self.move_to(self.line.len(), screen)?,
            Key::Backspace if self.cursor > 0 => {
                self.move_to(self.cursor - 1, screen)?;
                self.remove(screen)?;
            }
            Key::EndOfInput if self.line.is_empty() => return Ok(Event::Closed),
            Key::Delete | Key::EndOfInput if self.cursor < self.line.len() => {
                self.remove(screen)?;
            }
            Key::CutBefore => {
                let rest = self.line.get(self.cursor..).unwrap_or_default().chars().collect();
                self.replace(rest, 0, screen)?;
            }
            Key::CutBehind => {
                let start = self.line.get(..self.cursor).unwrap_or_default().chars().collect();
                self.replace(start, self.cursor, screen)?;
            }
            Key::Up => {
                if let Some(line) = self.history.older(&self.line) {
                    let end = line.len();
                    self.replace(line, end, screen)?;
                }
            }
            Key::Down => {
                if let Some(line) = self.history.newer() {
                    let end = line.len();
                    self.replace(line, end, screen)?;
                }
            }
            _ => {}
        }
        Ok(Event::Editing)
    }

    /// Writes the line to `screen`, whose cursor is at its beginning.
    pub fn show(&self, screen: &mut impl Write) -> fmt::Result {
        screen.write_str(&self.line)?;
        move_left(self.line.len() - self.cursor, screen)
    }

    fn insert(&mut self, character: char, screen: &mut impl Write) -> fmt::Result {
        if self.line.insert(self.cursor, character).is_err() {
            // The line is full.
            return Ok(());
        }
        self.cursor += 1;
        screen.write_char(character)?;
        self.show_rest(screen)
    }

    /// Removes the character at the cursor.
    fn remove(&mut self, screen: &mut impl Write) -> fmt::Result {
        self.line.remove(self.cursor);
        self.show_rest(screen)
    }

    /// Shows what stands from the cursor on, and nothing behind.
    fn show_rest(&self, screen: &mut impl Write) -> fmt::Result {
        let rest = self.line.get(self.cursor..).unwrap_or_default();
        write!(screen, "{rest}\x1b[K")?;
        move_left(rest.len(), screen)
    }

    fn move_to(&mut self, position: usize, screen: &mut impl Write) -> fmt::Result {
        let from = core::mem::replace(&mut self.cursor, position);
        match position.checked_sub(from) {
            Some(0) => Ok(()),
            Some(right) => write!(screen, "\x1b[{right}C"),
            None => move_left(from - position, screen),
        }
    }

    fn replace(&mut self, line: Line, cursor: usize, screen: &mut impl Write) -> fmt::Result {
        self.move_to(0, screen)?;
        self.line = line;
        self.show_rest(screen)?;
        self.move_to(cursor, screen)
    }

    fn enter(&mut self) -> Event {
        self.history.add(&self.line);
        let line = self.line.clone();
        self.forget();
        Event::Entered(line)
    }

    fn forget(&mut self) {
        self.line.clear();
        self.cursor = 0;
        self.history.leave();
    }
}

fn move_left(columns: usize, screen: &mut impl Write) -> fmt::Result {
    if columns > 0 { write!(screen, "\x1b[{columns}D") } else { Ok(()) }
}
