//! Characters that the font lacks: lines and blocks are drawn, signs of typography look like those of ASCII.

use crate::{GLYPH_HEIGHT, GLYPH_WIDTH, Glyph};

/// Where lines cross, in pixels from the left and from the top.
const MIDDLE: (usize, usize) = (GLYPH_WIDTH / 2 - 1, GLYPH_HEIGHT / 2);
/// The pixels of a line across: all, those from its left end to the middle, those from there on.
const LEFT: u8 = 0xff << (GLYPH_WIDTH - 1 - MIDDLE.0);
const RIGHT: u8 = 0xff >> MIDDLE.0;
/// The pixel in the middle of one.
const UPRIGHT: u8 = LEFT & RIGHT;

/// The pixels of a line or a block, if `character` is one.
pub fn glyph(character: char) -> Option<Glyph> {
    // To where the lines go: up, down, left, right.
    let lines = match character {
        '─' | '━' | '═' => (false, false, true, true),
        '│' | '┃' | '║' => (true, true, false, false),
        '┌' | '╭' | '╔' => (false, true, false, true),
        '┐' | '╮' | '╗' => (false, true, true, false),
        '└' | '╰' | '╚' => (true, false, false, true),
        '┘' | '╯' | '╝' => (true, false, true, false),
        '├' | '╠' => (true, true, false, true),
        '┤' | '╣' => (true, true, true, false),
        '┬' | '╦' => (false, true, true, true),
        '┴' | '╩' => (true, false, true, true),
        '┼' | '╬' => (true, true, true, true),
        _ => return block(character),
    };
    Some(core::array::from_fn(|line| lines_across(lines, line)))
}

fn lines_across((up, down, left, right): (bool, bool, bool, bool), line: usize) -> u8 {
    let when = |is_there: bool, pixels: u8| if is_there { pixels } else { 0 };
    match line.cmp(&MIDDLE.1) {
        core::cmp::Ordering::Less => when(up, UPRIGHT),
        core::cmp::Ordering::Equal => when(left, LEFT) | when(right, RIGHT) | UPRIGHT,
        core::cmp::Ordering::Greater => when(down, UPRIGHT),
    }
}

fn block(character: char) -> Option<Glyph> {
    let across: fn(usize) -> u8 = match character {
        '█' => |_| 0xff,
        '▀' => |line| if line < MIDDLE.1 { 0xff } else { 0 },
        '▄' => |line| if line < MIDDLE.1 { 0 } else { 0xff },
        '▌' => |_| 0xf0,
        '▐' => |_| 0x0f,
        '░' => |line| [0x88, 0x22][line % 2],
        '▒' => |line| [0xaa, 0x55][line % 2],
        '▓' => |line| [0x77, 0xdd][line % 2],
        '⎺' => |line| if line == 0 { 0xff } else { 0 },
        '⎻' => |line| if line == MIDDLE.1 / 2 { 0xff } else { 0 },
        '⎼' => |line| if line == MIDDLE.1 * 3 / 2 { 0xff } else { 0 },
        '⎽' => |line| if line + 1 == GLYPH_HEIGHT { 0xff } else { 0 },
        _ => return None,
    };
    Some(core::array::from_fn(across))
}

/// The character of the font that looks most like `character`.
pub const fn plain(character: char) -> char {
    match character {
        '‐'..='―' | '−' => '-',
        '‘' | '’' | '′' => '\'',
        '“' | '”' | '″' => '"',
        '•' | '●' | '◆' => '·',
        '…' => '_',
        '←' | '‹' => '<',
        '→' | '›' => '>',
        '↑' => '^',
        '≤' => '<',
        '≥' => '>',
        '≠' => '#',
        '√' | '✓' | '✔' => 'v',
        _ => character,
    }
}
