//! From cells to pixels.

use crate::{Cell, GLYPH_HEIGHT, GLYPH_WIDTH, Glyphs, Grid, Terminal};

/// The line of a cell that an underline takes, from the top.
const UNDERLINE: usize = GLYPH_HEIGHT - 2;

/// Where pixels go.
pub trait Surface {
    /// Sets [`GLYPH_WIDTH`] pixels from column `x` of line `y` on, as red, green and blue, red the
    /// highest byte of the lower three.
    fn set(&mut self, x: usize, y: usize, pixels: &[u32; GLYPH_WIDTH]);
}

/// Paints what changed: it knows what the surface shows, so it never reads it, which is slow where
/// the surface is a device's memory, and scrolling costs only those cells that look different.
pub struct Painter<'a> {
    glyphs: Glyphs,
    shown: Grid<'a>,
}

impl<'a> Painter<'a> {
    /// For a surface that shows `shown`.
    pub fn new(shown: Grid<'a>) -> Self {
        Self { glyphs: Glyphs::new(), shown }
    }

    /// Brings `surface` up to date with `terminal`; answers how many cells that took.
    pub fn paint(&mut self, terminal: &Terminal<'_>, surface: &mut impl Surface) -> usize {
        let mut painted = 0;
        let grid = terminal.grid();
        for row in 0..grid.rows() {
            for (column, cell) in grid.row(row).iter().enumerate() {
                let mut cell = *cell;
                cell.style.reversed ^= terminal.cursor() == Some((row, column));
                if self.shown.row(row).get(column) != Some(&cell) {
                    self.shown.set(row, column, cell);
                    self.paint_cell((column * GLYPH_WIDTH, row * GLYPH_HEIGHT), cell, surface);
                    painted += 1;
                }
            }
        }
        painted
    }

    fn paint_cell(&self, (x, y): (usize, usize), cell: Cell, surface: &mut impl Surface) {
        let Cell { character, style } = cell;
        let (text, background) = match style.reversed {
            false => (style.text.rgb(), style.background.rgb()),
            true => (style.background.rgb(), style.text.rgb()),
        };
        for (line, bits) in self.glyphs.of(character, style.bold).into_iter().enumerate() {
            let bits = if style.underlined && line == UNDERLINE { 0xff } else { bits };
            let pixel = |column| if bits & (0x80u8 >> column) != 0 { text } else { background };
            surface.set(x, y + line, &core::array::from_fn(pixel));
        }
    }
}
