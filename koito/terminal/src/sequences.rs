//! What each control character and sequence does to a screen.

use core::fmt::Write;

use vte::{Params, Perform};

use crate::Grid;
use crate::screen::{Picture, Position, Screen, select};

/// What a terminal with these abilities says it is: a VT102, as Linux's console does.
const IDENTITY: &[u8] = b"\x1b[?6c";
/// It is well.
const STATUS: &[u8] = b"\x1b[0n";

impl Screen<'_> {
    /// Turns modes of DEC's terminals and of xterm on or off.
    fn set_private_mode(&mut self, mode: u16, is_on: bool) {
        let picture = if is_on { Picture::Alternate } else { Picture::Main };
        match mode {
            7 => self.wraps = is_on,
            25 => self.is_cursor_shown = is_on,
            47 | 1047 => self.turn_to(picture),
            1048 if is_on => self.save(),
            1048 => self.restore(),
            1049 if is_on => {
                self.save();
                self.turn_to(picture);
            }
            1049 => {
                self.turn_to(picture);
                self.restore();
            }
            _ => {}
        }
    }

    /// Answers where the cursor is.
    fn tell_place(&mut self) {
        let (row, column) = (self.at.row + 1, self.at.column + 1);
        let mut answer = heapless::String::<16>::new();
        // There is room for two numbers.
        let _ = write!(answer, "\x1b[{row};{column}R");
        self.answer(answer.as_bytes());
    }
}

impl Perform for Screen<'_> {
    fn print(&mut self, character: char) {
        self.put(character);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\x08' => self.go(self.at.row, self.at.column.saturating_sub(1)),
            b'\t' => self.tab(1),
            b'\n' | b'\x0b' | b'\x0c' => {
                if self.feeds_return {
                    self.go(self.at.row, 0);
                }
                self.feed();
            }
            b'\r' => self.go(self.at.row, 0),
            b'\x0e' => self.at.charsets.used = 1,
            b'\x0f' => self.at.charsets.used = 0,
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, marks: &[u8], is_cut: bool, action: char) {
        let number = |index| params.iter().nth(index).and_then(|it| it.first()).copied();
        let or_zero = |index| usize::from(number(index).unwrap_or(0));
        let (what, count) = (or_zero(0), or_zero(0).max(1));
        let Position { row, column, .. } = self.at;
        let blank = self.blank();
        let (top, bottom) = self.margins;
        match (marks, action) {
            _ if is_cut => {}
            (b"?", 'h' | 'l') => {
                params.iter().flatten().for_each(|it| self.set_private_mode(*it, action == 'h'));
            }
            ([], 'h' | 'l') if what == 4 => self.inserts = action == 'h',
            ([], 'A') => self.go_vertically(count, 0),
            ([], 'B' | 'e') => self.go_vertically(0, count),
            ([], 'C' | 'a') => self.go(row, column + count),
            ([], 'D') => self.go(row, column.saturating_sub(count)),
            ([], 'E') => {
                self.go_vertically(0, count);
                self.go(self.at.row, 0);
            }
            ([], 'F') => {
                self.go_vertically(count, 0);
                self.go(self.at.row, 0);
            }
            ([], 'G' | '`') => self.go(row, count - 1),
            ([], 'I') => self.tab(count),
            ([], 'Z') => self.tab_back(count),
            ([], 'd') => self.go(count - 1, column),
            ([], 'H' | 'f') => self.go(count - 1, or_zero(1).max(1) - 1),
            ([], 'J') => self.erase_in_screen(what),
            ([], 'K') => self.erase_in_line(what),
            ([], 'L') => self.shift_rows(Grid::scroll_down, count),
            ([], 'M') => self.shift_rows(Grid::scroll_up, count),
            ([], '@') => self.grid.insert(row, column, count, blank),
            ([], 'P') => self.grid.delete(row, column, count, blank),
            ([], 'X') => self.grid.fill(row, column..column + count, blank),
            ([], 'S') => self.grid.scroll_up(top..bottom, count, blank),
            ([], 'T') => self.grid.scroll_down(top..bottom, count, blank),
            ([], 'b') => self.repeat(count),
            ([], 'm') => select(&mut self.at.style, params.iter().flatten().copied()),
            ([], 'n') if what == 5 => self.answer(STATUS),
            ([], 'n') if what == 6 => self.tell_place(),
            ([], 'c') if what == 0 => self.answer(IDENTITY),
            ([], 'r') => self.set_margins(what, or_zero(1)),
            ([], 's') => self.save(),
            ([], 'u') => self.restore(),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, marks: &[u8], is_cut: bool, byte: u8) {
        match (marks, byte) {
            _ if is_cut => {}
            (b"(", byte) => self.choose_charset(0, byte),
            (b")", byte) => self.choose_charset(1, byte),
            ([], b'7') => self.save(),
            ([], b'8') => self.restore(),
            ([], b'D') => self.feed(),
            ([], b'E') => {
                self.go(self.at.row, 0);
                self.feed();
            }
            ([], b'M') => self.feed_backwards(),
            ([], b'Z') => self.answer(IDENTITY),
            ([], b'c') => self.reset(),
            _ => {}
        }
    }
}
