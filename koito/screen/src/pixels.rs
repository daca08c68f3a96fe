//! The framebuffer. It is only written to: reading it is slow.

use koito::{Framebuffer, PixelOrder};
use koito_terminal::{GLYPH_WIDTH, Surface};
use nun::mapped::Mapped;

/// Bytes of a pixel.
const PIXEL_BYTES: usize = 4;
/// Bytes that are written at once: two pixels.
const WORD_BYTES: usize = size_of::<u64>();

/// The pixels of the screen.
pub struct Pixels {
    memory: Mapped,
    layout: Framebuffer,
}

impl Pixels {
    /// All of them, black.
    pub fn black(layout: Framebuffer) -> Self {
        let memory = Mapped::in_workspace(layout.address, layout.bytes);
        (0..memory.bytes()).step_by(WORD_BYTES).for_each(|offset| memory.write(offset, 0));
        Self { memory, layout }
    }
}

impl Surface for Pixels {
    fn set(&mut self, x: usize, y: usize, pixels: &[u32; GLYPH_WIDTH]) {
        let offset = (y * self.layout.stride as usize + x) * PIXEL_BYTES;
        let in_order = |rgb: u32| match self.layout.order {
            PixelOrder::BlueFirst => rgb,
            PixelOrder::RedFirst => rgb.swap_bytes() >> 8,
        };
        let (pairs, _) = pixels.as_chunks();
        for (offset, [left, right]) in (offset..).step_by(WORD_BYTES).zip(pairs) {
            let word = u64::from(in_order(*left)) | u64::from(in_order(*right)) << 32;
            if offset.is_multiple_of(WORD_BYTES) {
                self.memory.write(offset, word);
            } else {
                // Lines with an odd number of pixels.
                self.memory.copy_from(offset, &word.to_le_bytes());
            }
        }
    }
}
