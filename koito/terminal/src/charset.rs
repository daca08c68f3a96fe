//! Character sets: ASCII, and the one of DEC's terminals by which programs draw lines.

/// What characters of ASCII stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Themselves.
    Plain,
    /// Small letters and what is around them are lines and signs.
    Lines,
}

/// The two sets that a program has at hand, and which of them counts.
#[derive(Clone, Copy, Debug)]
pub struct Charsets {
    /// By number: G0 and G1.
    pub sets: [Charset; 2],
    /// The one that counts.
    pub used: usize,
}

/// What the characters from `_` on stand for: those that lines are drawn with, and signs.
const LINES: [char; 32] = [
    ' ', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─',
    '⎼', '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

impl Charsets {
    /// ASCII is itself.
    pub const PLAIN: Self = Self { sets: [Charset::Plain; 2], used: 0 };

    /// What a character stands for.
    pub fn meaning(&self, character: char) -> char {
        if self.sets[self.used & 1] == Charset::Plain {
            return character;
        }
        let index = u32::from(character).wrapping_sub(u32::from('_')) as usize;
        LINES.get(index).copied().unwrap_or(character)
    }
}
