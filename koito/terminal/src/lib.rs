//! A terminal without its hardware: what text shows on a screen, and what keys send.
//!
//! Bytes go through the parser of the crate `vte` to a [`Terminal`], a grid of cells with a cursor;
//! a [`Painter`] brings those cells that changed to the pixels of a [`Surface`]. [`Keys`] makes of a
//! keyboard's scan codes the bytes that such a terminal sends. The drivers of screen and keyboard
//! add the hardware, tests a surface of their own.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod cells;
mod charset;
mod colour;
mod drawn;
mod glyphs;
mod keys;
mod painter;
mod screen;
mod sequences;
mod terminal;
#[cfg(test)]
mod tests;

pub use cells::{Cell, Grid, Style};
pub use colour::Colour;
pub use glyphs::{GLYPH_HEIGHT, GLYPH_WIDTH, Glyph, Glyphs};
pub use keys::{Keys, Sent, Stroke};
pub use painter::{Painter, Surface};
pub use screen::ANSWER_BYTES;
pub use terminal::Terminal;
