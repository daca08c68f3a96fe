//! A set of interrupt vectors.

/// Vectors, 0 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vectors([u64; 4]);

impl Vectors {
    /// No vector.
    pub const NONE: Self = Self([0; 4]);

    /// Adds or takes away a vector.
    pub const fn set(&mut self, vector: u8, is_in: bool) {
        let (word, bit) = (&mut self.0[vector as usize / 64], 1 << (vector % 64));
        *word = if is_in { *word | bit } else { *word & !bit };
    }

    /// Whether a vector is in it.
    pub const fn has(&self, vector: u8) -> bool {
        self.0[vector as usize / 64] >> (vector % 64) & 1 != 0
    }

    /// The highest.
    pub fn highest(&self) -> Option<u8> {
        let (index, word) = self.0.iter().enumerate().rfind(|(_, word)| **word != 0)?;
        Some((index as u32 * 64 + word.ilog2()) as u8)
    }

    /// The 32 vectors from `32 * index` on, a bit for each.
    pub fn part(&self, index: usize) -> u32 {
        let word = self.0.get(index / 2).copied().unwrap_or(0);
        (word >> (index % 2 * 32)) as u32
    }
}
