//! A screen that understands text: a subset of ECMA-48, of xterm's sequences and of those of Linux's console, as
//! line editors and full-screen programs use them.

use heapless::Vec;
use vte::Parser;

use crate::Grid;
use crate::screen::{ANSWER_BYTES, Screen};

/// Longest string of an operating system command; none has a meaning here.
const COMMAND_BYTES: usize = 64;
/// What ends such a string.
const END_OF_STRING: u8 = b'\x07';
/// Digits of a colour of Linux's palette.
const PALETTE_DIGITS: u8 = 7;

/// A screen that understands text.
pub struct Terminal<'a> {
    parser: Parser<COMMAND_BYTES>,
    palette: Palette,
    screen: Screen<'a>,
}

impl<'a> Terminal<'a> {
    /// A screen that shows `grid`, its cursor in the first cell.
    pub fn new(grid: Grid<'a>) -> Self {
        Self::over(Screen::new(grid, None))
    }

    /// The same with a second grid of the same size, that full-screen programs may have for themselves.
    pub fn with_alternate(grid: Grid<'a>, alternate: Grid<'a>) -> Self {
        Self::over(Screen::new(grid, Some(alternate)))
    }

    fn over(screen: Screen<'a>) -> Self {
        Self { parser: Parser::new_with_size(), palette: Palette::default(), screen }
    }

    /// Shows `text`, in UTF-8. A line feed also returns the carriage. Characters and sequences may
    /// be cut anywhere.
    pub fn write(&mut self, text: &[u8]) {
        self.screen.feeds_return = true;
        self.parse(text);
    }

    /// The same for what a line discipline wrote: a line feed only feeds a line.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.screen.feeds_return = false;
        self.parse(bytes);
    }

    fn parse(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| self.palette.is_end(*byte)) {
            let (command, text) = rest.split_at(end + 1);
            self.parser.advance(&mut self.screen, command);
            self.parser.advance(&mut self.screen, &[END_OF_STRING]);
            rest = text;
        }
        self.parser.advance(&mut self.screen, rest);
    }

    /// What the terminal answers to questions in what was written, as if somebody had typed it.
    pub fn take_answers(&mut self) -> Vec<u8, ANSWER_BYTES> {
        core::mem::take(&mut self.screen.answers)
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

/// Where text is in one of the commands by which Linux's console changes its palette. They begin like a string
/// and have no end, so everything behind them would belong to it.
#[derive(Clone, Copy, Debug, Default)]
enum Palette {
    #[default]
    Outside,
    /// After ESC.
    Escape,
    /// After ESC and `]`.
    Command,
    /// With so many digits to come.
    Digits(u8),
}

impl Palette {
    /// Whether `byte` is the last of such a command.
    const fn is_end(&mut self, byte: u8) -> bool {
        let (next, ends) = match (*self, byte) {
            (_, b'\x1b') => (Self::Escape, false),
            (Self::Escape, b']') => (Self::Command, false),
            (Self::Command, b'R') | (Self::Digits(1), _) => (Self::Outside, true),
            (Self::Command, b'P') => (Self::Digits(PALETTE_DIGITS), false),
            (Self::Digits(left), _) => (Self::Digits(left - 1), false),
            _ => (Self::Outside, false),
        };
        *self = next;
        ends
    }
}
