//! The 256 colours of a terminal, as xterm numbers them.

/// A colour by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8);

/// What a channel of the first eight colours has, and of the bright eight.
const DARK: u32 = 0xaa;
const BRIGHT: (u32, u32) = (0x55, 0xff);

impl Colour {
    /// The usual colour of text.
    pub const TEXT: Self = Self(7);
    /// The usual colour behind it.
    pub const BACKGROUND: Self = Self(0);

    /// One that looks like red, green and blue of so much each.
    pub const fn nearest(red: u8, green: u8, blue: u8) -> Self {
        let steps = [step(red), step(green), step(blue)];
        Self(16 + 36 * steps[0] + 6 * steps[1] + steps[2])
    }

    /// It as red, green and blue, a byte each, red the highest.
    pub fn rgb(self) -> u32 {
        let number = self.0 as u32;
        match self.0 {
            0..=7 => channels(number, 0, DARK),
            8..=15 => channels(number, BRIGHT.0, BRIGHT.1),
            16..=231 => {
                let cube = number - 16;
                join(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
            }
            232..=255 => {
                let grey = 8 + 10 * (number - 232);
                join(grey, grey, grey)
            }
        }
    }
}

/// Bits 0, 1 and 2 of `number` are red, green and blue: each is `off` or `on`.
fn channels(number: u32, off: u32, on: u32) -> u32 {
    let channel = |set| if set { on } else { off };
    join(channel(number & 1 != 0), channel(number & 2 != 0), channel(number & 4 != 0))
}

/// The step of the colour cube whose level is nearest.
const fn step(level: u8) -> u8 {
    match level {
        0..48 => 0,
        48..115 => 1,
        _ => (level - 35) / 40,
    }
}

/// Level 0 to 5 of the colour cube.
fn level(step: u32) -> u32 {
    if step == 0 { 0 } else { 55 + 40 * step }
}

const fn join(red: u32, green: u32, blue: u32) -> u32 {
    red << 16 | green << 8 | blue
}
