//! What the text of a program does to the cells: a subset of ECMA-48 and of xterm's sequences, as
//! line editors and full-screen editors use it.

use core::ops::Range;

use vte::{Params, Parser, Perform};

use crate::{Cell, Colour, Grid, Style};

/// Columns from one tabulator stop to the next.
const TAB: usize = 8;
/// Longest string of an operating system command; none has a meaning here.
const COMMAND_BYTES: usize = 64;

/// A screen that understands text.
pub struct Terminal<'a> {
    parser: Parser<COMMAND_BYTES>,
    screen: Screen<'a>,
}

impl<'a> Terminal<'a> {
    /// A screen that shows `grid`, its cursor in the first cell.
    pub fn new(grid: Grid<'a>) -> Self {
        Self { parser: Parser::new_with_size(), screen: Screen::new(grid) }
    }

    /// Shows `text`, in UTF-8. A line feed also returns the carriage. Characters and sequences may
    /// be cut anywhere.
    pub fn write(&mut self, text: &[u8]) {
        self.screen.feeds_return = true;
        self.parser.advance(&mut self.screen, text);
    }

    /// The same for what a line discipline wrote: a line feed only feeds a line.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.screen.feeds_return = false;
        self.parser.advance(&mut self.screen, bytes);
    }

    /// The cells.
    pub const fn grid(&self) -> &Grid<'a> {
        &self.screen.grid
    }

    /// Row and column of the cursor, unless it is hidden.
    pub fn cursor(&self) -> Option<(usize, usize)> {
        self.screen.is_cursor_shown.then_some((self.screen.at.row, self.screen.at.column))
    }
}

/// Where the next character goes, and how it looks.
#[derive(Clone, Copy)]
struct Position {
    row: usize,
    column: usize,
    /// The last column was written: the next character begins a row.
    is_past_end: bool,
    style: Style,
}

struct Screen<'a> {
    grid: Grid<'a>,
    at: Position,
    saved: Position,
    /// The rows that scroll: the first, and the one after the last.
    margins: (usize, usize),
    is_cursor_shown: bool,
    /// A line feed also returns the carriage.
    feeds_return: bool,
}

const HOME: Position = Position { row: 0, column: 0, is_past_end: false, style: Style::PLAIN };

impl<'a> Screen<'a> {
    const fn new(grid: Grid<'a>) -> Self {
        let margins = (0, grid.rows());
        let (is_cursor_shown, feeds_return) = (true, true);
        Self { grid, at: HOME, saved: HOME, margins, is_cursor_shown, feeds_return }
    }

    /// What comes where something was erased.
    fn blank(&self) -> Cell {
        Cell::empty(self.at.style)
    }

    /// Goes to a place, or to the nearest that there is.
    fn go(&mut self, row: usize, column: usize) {
        self.at.row = row.min(self.grid.rows().saturating_sub(1));
        self.at.column = column.min(self.grid.columns().saturating_sub(1));
        self.at.is_past_end = false;
    }

    /// Goes up or down, not out of the margins if it is within them.
    fn go_vertically(&mut self, up: usize, down: usize) {
        let (top, bottom) = self.margins;
        let row = self.at.row;
        let first = if row >= top { top } else { 0 };
        let end = if row < bottom { bottom } else { self.grid.rows() };
        let row = (row + down).min(end.saturating_sub(1)).saturating_sub(up).max(first);
        self.go(row, self.at.column);
    }

    fn feed(&mut self) {
        let (top, bottom) = self.margins;
        if self.at.row + 1 == bottom {
            let blank = self.blank();
            self.grid.scroll_up(top..bottom, 1, blank);
        } else {
            self.go(self.at.row + 1, self.at.column);
        }
    }

    fn feed_backwards(&mut self) {
        let (top, bottom) = self.margins;
        if self.at.row == top {
            let blank = self.blank();
            self.grid.scroll_down(top..bottom, 1, blank);
        } else {
            self.go(self.at.row.saturating_sub(1), self.at.column);
        }
    }

    fn erase_in_screen(&mut self, what: usize) {
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

    fn erase_in_line(&mut self, what: usize) {
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
    fn shift_rows(&mut self, shift: fn(&mut Grid<'a>, Range<usize>, usize, Cell), by: usize) {
        let (top, bottom) = self.margins;
        if (top..bottom).contains(&self.at.row) {
            let blank = self.blank();
            shift(&mut self.grid, self.at.row..bottom, by, blank);
            self.go(self.at.row, 0);
        }
    }

    fn set_margins(&mut self, first: usize, last: usize) {
        let bottom = if last == 0 { self.grid.rows() } else { last.min(self.grid.rows()) };
        let top = first.saturating_sub(1);
        if top + 1 < bottom {
            self.margins = (top, bottom);
            self.go(0, 0);
        }
    }

    /// Selects how the characters to come look.
    fn select(&mut self, params: &Params) {
        let mut numbers = params.iter().flatten().copied();
        let style = &mut self.at.style;
        while let Some(number) = numbers.next() {
            match number {
                0 => *style = Style::PLAIN,
                1 => style.bold = true,
                4 => style.underlined = true,
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
                38 | 48 => match (numbers.next(), numbers.next()) {
                    (Some(5), Some(colour)) if number == 38 => style.text = Colour(colour as u8),
                    (Some(5), Some(colour)) => style.background = Colour(colour as u8),
                    // Red, green and blue: green and blue are still there.
                    (Some(2), _) => {
                        numbers.nth(1);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn reset(&mut self) {
        self.grid.scroll_up(0..self.grid.rows(), self.grid.rows(), Cell::EMPTY);
        (self.at, self.saved, self.margins) = (HOME, HOME, (0, self.grid.rows()));
        self.is_cursor_shown = true;
    }
}

impl Perform for Screen<'_> {
    fn print(&mut self, character: char) {
        if self.at.is_past_end {
            self.go(self.at.row, 0);
            self.feed();
        }
        let Position { row, column, style, .. } = self.at;
        self.grid.set(row, column, Cell { character, style });
        if column + 1 < self.grid.columns() {
            self.at.column += 1;
        } else {
            self.at.is_past_end = true;
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\x08' => self.go(self.at.row, self.at.column.saturating_sub(1)),
            b'\t' => self.go(self.at.row, (self.at.column / TAB + 1) * TAB),
            b'\n' | b'\x0b' | b'\x0c' => {
                if self.feeds_return {
                    self.go(self.at.row, 0);
                }
                self.feed();
            }
            b'\r' => self.go(self.at.row, 0),
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
            (b"?", 'h' | 'l') if params.iter().flatten().any(|it| *it == 25) => {
                self.is_cursor_shown = action == 'h';
            }
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
            ([], 'm') => self.select(params),
            ([], 'r') => self.set_margins(what, or_zero(1)),
            ([], 's') => self.saved = self.at,
            ([], 'u') => self.at = self.saved,
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, marks: &[u8], is_cut: bool, byte: u8) {
        match (marks, byte) {
            _ if is_cut => {}
            ([], b'7') => self.saved = self.at,
            ([], b'8') => self.at = self.saved,
            ([], b'D') => self.feed(),
            ([], b'E') => {
                self.go(self.at.row, 0);
                self.feed();
            }
            ([], b'M') => self.feed_backwards(),
            ([], b'c') => self.reset(),
            _ => {}
        }
    }
}
