//! Editing the line that is being typed.

use crate::output::is_control;
use crate::settings::{Character, Input, Local};
use crate::terminal::{MOST_INPUT, Terminal};

/// Whether a byte is a letter, a digit or `_`; above ASCII as ISO 8859-1 has it, which is what Linux does, so
/// that the first byte of any longer character of UTF-8 is one.
const fn is_in_word(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | 192..=214 | 216..=246 | 248..)
}

/// How much is erased.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Erase {
    Character,
    Word,
    Line,
}

impl Terminal {
    /// Whether a key edits the line or ends it.
    pub(crate) fn edit(&mut self, byte: u8) -> bool {
        let settings = self.settings;
        let extended = settings.local.contains(Local::EXTENDED);
        let echoes = settings.local.contains(Local::ECHO);
        let is = |which| settings.is(which, byte);
        if is(Character::Erase) {
            self.erase(Erase::Character, byte);
        } else if is(Character::Kill) {
            self.erase(Erase::Line, byte);
        } else if extended && is(Character::WordErase) {
            self.erase(Erase::Word, byte);
        } else if extended && is(Character::Literal) {
            self.literal = true;
            if echoes && settings.local.contains(Local::ECHO_CONTROL) {
                self.put(b'^');
                self.put(8);
            }
        } else if extended && echoes && is(Character::Reprint) {
            self.echo(byte);
            self.put(b'\n');
            for at in 0..self.editing.len() {
                self.echo(self.editing[at]);
            }
        } else if byte == b'\n' {
            if echoes || settings.local.contains(Local::ECHO_NL) {
                self.put(b'\n');
            }
            self.end_line(Some(b'\n'));
        } else if is(Character::EndOfFile) {
            self.end_line(None);
        } else if is(Character::EndOfLine) || (extended && is(Character::EndOfLine2)) {
            if echoes {
                if self.editing.is_empty() {
                    self.first_column = self.column;
                }
                self.echo(byte);
            }
            self.end_line(Some(byte));
        } else {
            return false;
        }
        true
    }

    /// The line can be read, with the byte that ends it. There is always room for that one.
    fn end_line(&mut self, end: Option<u8>) {
        if self.ready.len() + self.editing.len() > MOST_INPUT {
            return;
        }
        self.editing.extend(end);
        self.lines.push_back(self.editing.len());
        self.ready.extend(self.editing.drain(..));
    }

    /// Whether a byte goes on with a character that an earlier one began.
    pub(crate) fn is_continuation(&self, byte: u8) -> bool {
        self.settings.input.contains(Input::UTF8) && byte & 0xc0 == 0x80
    }

    fn erase(&mut self, what: Erase, key: u8) {
        if self.editing.is_empty() {
            return;
        }
        let local = self.settings.local;
        let echoes = local.contains(Local::ECHO);
        if what == Erase::Line {
            let vanishes = Local::ECHO_KILL | Local::ECHO_KILL_ERASE | Local::ECHO_ERASE;
            if !echoes || !local.contains(vanishes) {
                self.editing.clear();
                if echoes {
                    self.echo(key);
                    if local.contains(Local::ECHO_KILL) {
                        self.put(b'\n');
                    }
                }
                return;
            }
        }
        let mut in_word = false;
        while let Some(length) = self.last_length() {
            let byte = self.editing[self.editing.len() - length];
            if what == Erase::Word {
                if is_in_word(byte) {
                    in_word = true;
                } else if in_word {
                    break;
                }
            }
            self.editing.truncate(self.editing.len() - length);
            if echoes {
                self.unshow(byte, what, key);
            }
            if what == Erase::Character {
                break;
            }
        }
    }

    /// Bytes of the last character; `None` if there is no whole one.
    fn last_length(&self) -> Option<usize> {
        let mut from_end = self.editing.iter().rev();
        from_end.position(|byte| !self.is_continuation(*byte)).map(|at| at + 1)
    }

    /// Shows that a character was erased.
    fn unshow(&mut self, byte: u8, what: Erase, key: u8) {
        let local = self.settings.local;
        if what == Erase::Character && !local.contains(Local::ECHO_ERASE) {
            return self.echo(key);
        }
        if byte == b'\t' {
            return self.untab();
        }
        let shown_as_two = local.contains(Local::ECHO_CONTROL);
        if is_control(byte) && shown_as_two {
            self.blank();
        }
        if !is_control(byte) || shown_as_two {
            self.blank();
        }
    }
}
