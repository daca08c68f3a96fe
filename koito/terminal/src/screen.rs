//! What the cells of a screen go through: where the next character goes, what is erased, how rows move.

use core::ops::Range;

use heapless::Vec;
use unicode_width::UnicodeWidthChar;

use crate::charset::{Charset, Charsets};
use crate::{Cell, Colour, Grid, Style};

/// Columns from one tabulator stop to the next.
const TAB: usize = 8;
/// Most bytes of answers that wait to be taken: a program that asks more often at once is not heard.
pub const ANSWER_BYTES: usize = 32;

/// Where the next character goes, and how it looks.
#[derive(Clone, Copy)]
pub struct Position {
    pub row: usize,
    pub column: usize,
    /// The last column was written: the next character begins a row.
    is_past_end: bool,
    pub style: Style,
    pub charsets: Charsets,
}

const HOME: Position = Position {
    row: 0,
    column: 0,
    is_past_end: false,
    style: Style::PLAIN,
    charsets: Charsets::PLAIN,
};

/// Which of its grids a screen shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// The one that it begins with.
    Main,
    /// That of full-screen programs, which comes empty and goes without a trace.
    Alternate,
}

pub struct Screen<'a> {
    /// The grid that is shown.
    pub grid: Grid<'a>,
    /// The one that is not, if there is a second.
    hidden: Option<Grid<'a>>,
    picture: Picture,
    pub at: Position,
    saved: Position,
    /// The rows that scroll: the first, and the one after the last.
    pub margins: (usize, usize),
    pub is_cursor_shown: bool,
    /// A line feed also returns the carriage.
    pub feeds_return: bool,
    /// A character moves those behind it.
    pub inserts: bool,
    /// A character behind the last column begins a row.
    pub wraps: bool,
    /// The character that was printed last.
    last: char,
    /// What the terminal answers to whoever asked it.
    pub answers: Vec<u8, ANSWER_BYTES>,
}

impl<'a> Screen<'a> {
    pub const fn new(grid: Grid<'a>, hidden: Option<Grid<'a>>) -> Self {
        let margins = (0, grid.rows());
        Self {
            grid,
            hidden,
            picture: Picture::Main,
            at: HOME,
            saved: HOME,
            margins,
            is_cursor_shown: true,
            feeds_return: true,
            inserts: false,
            wraps: true,
            last: ' ',
            answers: Vec::new(),
        }
    }

    /// What comes where something was erased.
    pub const fn blank(&self) -> Cell {
        Cell::empty(self.at.style)
    }

    /// Puts a character where the cursor is. Wide ones take two cells, combining ones none.
    pub fn put(&mut self, character: char) {
        let character = self.at.charsets.meaning(character);
        let width = character.width().unwrap_or(0);
        if width == 0 || width > self.grid.columns() {
            return;
        }
        if self.wraps && (self.at.is_past_end || self.at.column + width > self.grid.columns()) {
            self.go(self.at.row, 0);
            self.feed();
        }
        let Position { row, column, style, .. } = self.at;
        if self.inserts {
            let blank = self.blank();
            self.grid.insert(row, column, width, blank);
        }
        self.grid.set(row, column, Cell { character, style });
        self.grid.fill(row, column + 1..column + width, Cell::empty(style));
        if column + width < self.grid.columns() {
            self.at.column += width;
        } else {
            self.at.is_past_end = self.wraps;
        }
        self.last = character;
    }

    /// Puts the character that came last once more, `count` times.
    pub fn repeat(&mut self, count: usize) {
        for _ in 0..count.min(self.grid.columns() * self.grid.rows()) {
            self.put(self.last);
        }
    }

    /// Goes to a place, or to the nearest that there is.
    pub fn go(&mut self, row: usize, column: usize) {
        self.at.row = row.min(self.grid.rows().saturating_sub(1));
        self.at.column = column.min(self.grid.columns().saturating_sub(1));
        self.at.is_past_end = false;
    }

    /// Goes up or down, not out of the margins if it is within them.
    pub fn go_vertically(&mut self, up: usize, down: usize) {
        let (top, bottom) = self.margins;
        let row = self.at.row;
        let first = if row >= top { top } else { 0 };
        let end = if row < bottom { bottom } else { self.grid.rows() };
        let row = (row + down).min(end.saturating_sub(1)).saturating_sub(up).max(first);
        self.go(row, self.at.column);
    }

    /// Goes `count` tabulator stops on.
    pub fn tab(&mut self, count: usize) {
        self.go(self.at.row, (self.at.column / TAB + count.min(self.grid.columns())) * TAB);
    }

    /// Goes `count` tabulator stops back.
    pub fn tab_back(&mut self, count: usize) {
        let stop = self.at.column.div_ceil(TAB).saturating_sub(count);
        self.go(self.at.row, stop * TAB);
    }

    pub fn feed(&mut self) {
        let (top, bottom) = self.margins;
        if self.at.row + 1 == bottom {
            let blank = self.blank();
            self.grid.scroll_up(top..bottom, 1, blank);
        } else {
            self.go(self.at.row + 1, self.at.column);
        }
    }

    pub fn feed_backwards(&mut self) {
        let (top, bottom) = self.margins;
        if self.at.row == top {
            let blank = self.blank();
            self.grid.scroll_down(top..bottom, 1, blank);
        } else {
            self.go(self.at.row.saturating_sub(1), self.at.column);
        }
    }

    pub fn erase_in_screen(&mut self, what: usize) {
        let (row, rows) = (self.at.row, self.grid.rows());
        let region = match what {
            0 => row + 1..rows,
            1 => 0..row,
            2 | 3 => 0..rows,
            _ => return,
        };
        let count = region.len();
        self.grid.scroll_up(region, count, self.blank());
        if what < 2 {
            self.erase_in_line(what);
        }
    }

    pub fn erase_in_line(&mut self, what: usize) {
        let (column, columns) = (self.at.column, self.grid.columns());
        let range = match what {
            0 => column..columns,
            1 => 0..column + 1,
            2 => 0..columns,
            _ => return,
        };
        let blank = self.blank();
        self.grid.fill(self.at.row, range, blank);
    }

    /// Inserts or deletes whole rows at the cursor, within the margins.
    pub fn shift_rows(&mut self, shift: fn(&mut Grid<'a>, Range<usize>, usize, Cell), by: usize) {
        let (top, bottom) = self.margins;
        if (top..bottom).contains(&self.at.row) {
            let blank = self.blank();
            shift(&mut self.grid, self.at.row..bottom, by, blank);
            self.go(self.at.row, 0);
        }
    }

    pub fn set_margins(&mut self, first: usize, last: usize) {
        let bottom = if last == 0 { self.grid.rows() } else { last.min(self.grid.rows()) };
        let top = first.saturating_sub(1);
        if top + 1 < bottom {
            self.margins = (top, bottom);
            self.go(0, 0);
        }
    }

    /// Keeps the cursor's place and style.
    pub const fn save(&mut self) {
        self.saved = self.at;
    }

    /// Goes back to what was kept.
    pub const fn restore(&mut self) {
        self.at = self.saved;
    }

    /// Shows the other picture, if there is one; an alternate one comes empty.
    pub fn turn_to(&mut self, picture: Picture) {
        if picture == self.picture {
            return;
        }
        let Some(hidden) = &mut self.hidden else { return };
        core::mem::swap(hidden, &mut self.grid);
        self.picture = picture;
        if picture == Picture::Alternate {
            self.erase_in_screen(2);
        }
    }

    /// Chooses which characters those of ASCII stand for, in one of the two places for that.
    pub const fn choose_charset(&mut self, place: usize, byte: u8) {
        let charset = if byte == b'0' { Charset::Lines } else { Charset::Plain };
        self.at.charsets.sets[place & 1] = charset;
    }

    /// Answers whoever asked, if there is room.
    pub fn answer(&mut self, bytes: &[u8]) {
        // Who asks faster than he reads gets fewer answers.
        let _ = self.answers.extend_from_slice(bytes);
    }

    pub fn reset(&mut self) {
        self.turn_to(Picture::Main);
        self.grid.scroll_up(0..self.grid.rows(), self.grid.rows(), Cell::EMPTY);
        (self.at, self.saved, self.margins) = (HOME, HOME, (0, self.grid.rows()));
        (self.is_cursor_shown, self.inserts, self.wraps) = (true, false, true);
    }
}

/// How the characters to come look, as `numbers` say it.
pub fn select(style: &mut Style, numbers: impl Iterator<Item = u16>) {
    let mut numbers = numbers;
    while let Some(number) = numbers.next() {
        match number {
            0 => *style = Style::PLAIN,
            1 => style.bold = true,
            4 | 21 => style.underlined = true,
            7 => style.reversed = true,
            22 => style.bold = false,
            24 => style.underlined = false,
            27 => style.reversed = false,
            30..=37 => style.text = Colour(number as u8 - 30),
            90..=97 => style.text = Colour(number as u8 - 90 + 8),
            39 => style.text = Colour::TEXT,
            40..=47 => style.background = Colour(number as u8 - 40),
            100..=107 => style.background = Colour(number as u8 - 100 + 8),
            49 => style.background = Colour::BACKGROUND,
            38 | 48 => {
                let mut next = || numbers.next().map(|it| it as u8);
                let colour = match next() {
                    Some(5) => next().map(Colour),
                    Some(2) => match [next(), next(), next()] {
                        [Some(red), Some(green), Some(blue)] => {
                            Some(Colour::nearest(red, green, blue))
                        }
                        _ => None,
                    },
                    _ => None,
                };
                match colour {
                    Some(colour) if number == 38 => style.text = colour,
                    Some(colour) => style.background = colour,
                    None => {}
                }
            }
            _ => {}
        }
    }
}
