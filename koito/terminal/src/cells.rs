//! The cells of a screen: what stands in each, and how rows move.

use core::ops::Range;

use crate::Colour;

/// How a character looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The colour of its lines.
    pub text: Colour,
    /// The colour behind it.
    pub background: Colour,
    /// Whether its lines are thick.
    pub bold: bool,
    /// Whether a line is below it.
    pub underlined: bool,
    /// Whether the colours are exchanged.
    pub reversed: bool,
}

impl Style {
    /// Plain text.
    pub const PLAIN: Self = Self {
        text: Colour::TEXT,
        background: Colour::BACKGROUND,
        bold: false,
        underlined: false,
        reversed: false,
    };
}

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The character.
    pub character: char,
    /// How it looks.
    pub style: Style,
}

impl Cell {
    /// Nothing.
    pub const EMPTY: Self = Self { character: ' ', style: Style::PLAIN };

    /// Nothing, on the background of `style`.
    pub const fn empty(style: Style) -> Self {
        Self { character: ' ', style: Style { background: style.background, ..Style::PLAIN } }
    }
}

/// Columns by rows of cells.
#[derive(Debug)]
pub struct Grid<'a> {
    columns: usize,
    rows: usize,
    cells: &'a mut [Cell],
}

impl<'a> Grid<'a> {
    /// Empty cells, `columns` by `rows`, or fewer rows if `cells` are not enough, or fewer columns
    /// if they are not enough for one row.
    pub fn new(cells: &'a mut [Cell], columns: usize, rows: usize) -> Self {
        let columns = columns.min(cells.len());
        let rows = cells.len().checked_div(columns).unwrap_or(0).min(rows);
        cells.fill(Cell::EMPTY);
        Self { columns, rows, cells }
    }

    /// How many columns there are.
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows there are.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Row `row` from left to right; nothing if there is no such row.
    pub fn row(&self, row: usize) -> &[Cell] {
        self.cells.get(self.region(row..row + 1)).unwrap_or_default()
    }

    /// Puts `cell` into a place; outside of the grid nothing happens.
    pub fn set(&mut self, row: usize, column: usize, cell: Cell) {
        if let Some(place) = self.rows_mut(row..row + 1).get_mut(column) {
            *place = cell;
        }
    }

    /// Fills `columns` of a row with `cell`.
    pub fn fill(&mut self, row: usize, columns: Range<usize>, cell: Cell) {
        let end = columns.end.min(self.columns);
        if let Some(cells) = self.rows_mut(row..row + 1).get_mut(columns.start..end) {
            cells.fill(cell);
        }
    }

    /// Moves the cells of a row from `column` on to the right by `count`; `cell` comes in.
    pub fn insert(&mut self, row: usize, column: usize, count: usize, cell: Cell) {
        let cells = self.rows_mut(row..row + 1).get_mut(column..);
        shift_right(cells.unwrap_or_default(), count, cell);
    }

    /// Moves the cells of a row behind `column` to the left by `count`; `cell` comes in at the end.
    pub fn delete(&mut self, row: usize, column: usize, count: usize, cell: Cell) {
        let cells = self.rows_mut(row..row + 1).get_mut(column..);
        shift_left(cells.unwrap_or_default(), count, cell);
    }

    /// Moves `rows` up by `count`; rows of `cell` come in at the bottom.
    pub fn scroll_up(&mut self, rows: Range<usize>, count: usize, cell: Cell) {
        let count = count.saturating_mul(self.columns);
        shift_left(self.rows_mut(rows), count, cell);
    }

    /// Moves `rows` down by `count`; rows of `cell` come in at the top.
    pub fn scroll_down(&mut self, rows: Range<usize>, count: usize, cell: Cell) {
        let count = count.saturating_mul(self.columns);
        shift_right(self.rows_mut(rows), count, cell);
    }

    /// Where the cells of `rows` are, as far as there are such rows.
    fn region(&self, rows: Range<usize>) -> Range<usize> {
        rows.start.min(self.rows) * self.columns..rows.end.min(self.rows) * self.columns
    }

    fn rows_mut(&mut self, rows: Range<usize>) -> &mut [Cell] {
        let region = self.region(rows);
        self.cells.get_mut(region).unwrap_or_default()
    }
}

fn shift_left(cells: &mut [Cell], count: usize, cell: Cell) {
    let count = count.min(cells.len());
    cells.rotate_left(count);
    cells.iter_mut().rev().take(count).for_each(|place| *place = cell);
}

fn shift_right(cells: &mut [Cell], count: usize, cell: Cell) {
    let count = count.min(cells.len());
    cells.rotate_right(count);
    cells.iter_mut().take(count).for_each(|place| *place = cell);
}
