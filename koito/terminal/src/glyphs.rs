//! Characters as pixels.

use core::convert::Infallible;

use embedded_graphics::mono_font::iso_8859_1::{FONT_8X13, FONT_8X13_BOLD};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Baseline, Text};

use crate::drawn;

/// Pixels across a cell.
pub const GLYPH_WIDTH: usize = 8;
/// Pixels down a cell.
pub const GLYPH_HEIGHT: usize = 13;
/// Characters of the font: those of ISO 8859-1.
const CHARACTERS: usize = 256;

/// The pixels of a character: a byte each line, the highest bit on the left.
pub type Glyph = [u8; GLYPH_HEIGHT];

/// The pixels of all characters, drawn once.
pub struct Glyphs {
    plain: [Glyph; CHARACTERS],
    bold: [Glyph; CHARACTERS],
}

impl Glyphs {
    /// Draws them.
    pub fn new() -> Self {
        Self { plain: draw_all(&FONT_8X13), bold: draw_all(&FONT_8X13_BOLD) }
    }

    /// The pixels of `character`: of a question mark, where it is not known.
    pub fn of(&self, character: char, bold: bool) -> Glyph {
        if let Some(glyph) = drawn::glyph(character) {
            return glyph;
        }
        let all = if bold { &self.bold } else { &self.plain };
        let known = all.get(u32::from(drawn::plain(character)) as usize);
        known.or_else(|| all.get(usize::from(b'?'))).copied().unwrap_or_default()
    }
}

impl Default for Glyphs {
    fn default() -> Self {
        Self::new()
    }
}

fn draw_all(font: &MonoFont<'_>) -> [Glyph; CHARACTERS] {
    core::array::from_fn(|code| draw(font, char::from(code as u8)))
}

fn draw(font: &MonoFont<'_>, character: char) -> Glyph {
    let mut canvas = Canvas([0; GLYPH_HEIGHT]);
    let style = MonoTextStyle::new(font, BinaryColor::On);
    let mut bytes = [0; 4];
    let text = character.encode_utf8(&mut bytes);
    let Ok(_) = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut canvas);
    canvas.0
}

/// One cell to draw on.
struct Canvas(Glyph);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(GLYPH_WIDTH as u32, GLYPH_HEIGHT as u32)
    }
}

impl DrawTarget for Canvas {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        let cell = self.bounding_box();
        for Pixel(point, colour) in pixels.into_iter().filter(|it| cell.contains(it.0)) {
            if let Some(line) = self.0.get_mut(point.y as usize) {
                let pixel = 0x80 >> point.x;
                *line = if colour.is_on() { *line | pixel } else { *line & !pixel };
            }
        }
        Ok(())
    }
}
