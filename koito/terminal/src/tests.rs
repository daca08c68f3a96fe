//! Text on a virtual screen, and keys.

use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use proptest::prelude::*;

use crate::{
    Cell, Colour, GLYPH_HEIGHT, GLYPH_WIDTH, Glyphs, Grid, Keys, Painter, Stroke, Style, Surface,
    Terminal,
};

/// The rows of a screen of 10 by 4, without the spaces at their ends.
fn rows(terminal: &Terminal<'_>) -> Vec<String> {
    let grid = terminal.grid();
    let text = |row| grid.row(row).iter().map(|cell| cell.character).collect::<String>();
    (0..grid.rows()).map(|row| text(row).trim_end().into()).collect()
}

fn shown(text: &str) -> Vec<String> {
    let mut cells = [Cell::EMPTY; 40];
    let mut terminal = Terminal::new(Grid::new(&mut cells, 10, 4));
    terminal.write(text.as_bytes());
    rows(&terminal)
}

#[test]
fn text_wraps_and_scrolls() {
    assert_eq!(shown("ab\ncd"), ["ab", "cd", "", ""]);
    assert_eq!(shown("0123456789"), ["0123456789", "", "", ""], "a full row does not scroll yet");
    assert_eq!(shown("0123456789x"), ["0123456789", "x", "", ""]);
    assert_eq!(shown("1\n2\n3\n4\n5"), ["2", "3", "4", "5"]);
    assert_eq!(shown("abc\rX\tY\x08Z"), ["Xbc     Z", "", "", ""]);
}

#[test]
fn the_cursor_goes_where_it_is_sent() {
    assert_eq!(shown("\x1b[2;3Hx\x1b[Ay\x1b[2Bz"), ["   y", "  x", "    z", ""]);
    assert_eq!(shown("abcd\x1b[2DX\x1b[99CY\x1b[GZ"), ["ZbXd     Y", "", "", ""]);
    assert_eq!(shown("a\x1b7\x1b[4;1Hb\x1b8c"), ["ac", "", "", "b"]);
    let mut cells = [Cell::EMPTY; 40];
    let mut terminal = Terminal::new(Grid::new(&mut cells, 10, 4));
    terminal.write(b"\x1b[99;99H");
    assert_eq!(terminal.cursor(), Some((3, 9)));
    terminal.write(b"\x1b[?25l");
    assert_eq!(terminal.cursor(), None);
}

#[test]
fn parts_are_erased_and_moved() {
    let full = "0123456789abcdefghijABCDEFGHIJ\x1b[2;4H";
    let after = |sequence: &str| shown(&format!("{full}{sequence}"));
    assert_eq!(after("\x1b[K")[1], "abc");
    assert_eq!(after("\x1b[1K")[1], "    efghij");
    assert_eq!(after("\x1b[J"), ["0123456789", "abc", "", ""]);
    assert_eq!(after("\x1b[1J"), ["", "    efghij", "ABCDEFGHIJ", ""]);
    assert_eq!(after("\x1b[2J"), ["", "", "", ""]);
    assert_eq!(after("\x1b[2P")[1], "abcfghij");
    assert_eq!(after("\x1b[2@")[1], "abc  defgh");
    assert_eq!(after("\x1b[2X")[1], "abc  fghij");
    assert_eq!(after("\x1b[L"), ["0123456789", "", "abcdefghij", "ABCDEFGHIJ"]);
    assert_eq!(after("\x1b[M"), ["0123456789", "ABCDEFGHIJ", "", ""]);
}

#[test]
fn margins_keep_rows_in_place() {
    let text = "top\n1\n2\nend\x1b[2;3r\x1b[3;1H\n3";
    assert_eq!(shown(text), ["top", "2", "3", "end"]);
    assert_eq!(shown("top\n1\n2\nend\x1b[2;3r\x1b[2;1H\x1bM0"), ["top", "0", "1", "end"]);
}

#[test]
fn a_style_lasts_until_the_next() {
    let mut cells = [Cell::EMPTY; 40];
    let mut terminal = Terminal::new(Grid::new(&mut cells, 10, 4));
    terminal.write(b"\x1b[1;31;44ma\x1b[38;5;208mb\x1b[38;2;1;2;3;7mc\x1b[md");
    let styles: Vec<Style> = terminal.grid().row(0).iter().take(4).map(|it| it.style).collect();
    let first = Style { text: Colour(1), background: Colour(4), bold: true, ..Style::PLAIN };
    let second = Style { text: Colour(208), ..first };
    let third = Style { text: Colour(16), reversed: true, ..second };
    assert_eq!(styles, [first, second, third, Style::PLAIN]);
    assert_eq!(Colour::nearest(0xff, 0x80, 0x00), Colour(208));
    assert_eq!(Colour(208).rgb(), 0xff8700);
    assert_eq!(Colour(255).rgb(), 0xeeeeee);
}

/// Pixels, and how many cells' worth of them were set.
struct Pixels(Vec<u32>);

const WIDTH: usize = 10 * GLYPH_WIDTH;

impl Surface for Pixels {
    fn set(&mut self, x: usize, y: usize, pixels: &[u32; GLYPH_WIDTH]) {
        self.0[y * WIDTH + x..][..GLYPH_WIDTH].copy_from_slice(pixels);
    }
}

#[test]
fn only_what_changed_is_painted() {
    let (mut cells, mut shown) = ([Cell::EMPTY; 40], [Cell::EMPTY; 40]);
    let mut terminal = Terminal::new(Grid::new(&mut cells, 10, 4));
    let mut painter = Painter::new(Grid::new(&mut shown, 10, 4));
    let mut pixels = Pixels(vec![0; WIDTH * 4 * GLYPH_HEIGHT]);
    terminal.write(b"\x1b[?25lA\nB");
    assert_eq!(painter.paint(&terminal, &mut pixels), 2);
    let drawn = |pixels: &Pixels, row: usize| -> Vec<u8> {
        (row * GLYPH_HEIGHT..(row + 1) * GLYPH_HEIGHT)
            .map(|y| {
                let line = &pixels.0[y * WIDTH..][..GLYPH_WIDTH];
                line.iter().fold(0, |bits, it| bits << 1 | u8::from(*it == Colour::TEXT.rgb()))
            })
            .collect()
    };
    let glyphs = Glyphs::new();
    assert_ne!(glyphs.of('A', false), glyphs.of('A', true));
    assert_eq!(drawn(&pixels, 0), glyphs.of('A', false));
    assert_eq!(drawn(&pixels, 1), glyphs.of('B', false));
    assert_eq!(painter.paint(&terminal, &mut pixels), 0);
    terminal.write(b"\n\n\n");
    assert_eq!(painter.paint(&terminal, &mut pixels), 2, "scrolling moves one letter of two");
    assert_eq!(drawn(&pixels, 0), glyphs.of('B', false));
    assert_eq!(drawn(&pixels, 1), glyphs.of(' ', false));
}

#[test]
fn characters_that_can_be_read_differ() {
    let glyphs = Glyphs::new();
    let all: Vec<_> = ('!'..='~').map(|character| glyphs.of(character, false)).collect();
    for (index, glyph) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|it| it == glyph), Some(index));
    }
}

fn typed(codes: &[u8]) -> Vec<u8> {
    let mut keys = Keys::new();
    let sent = |code: &u8| match keys.take(*code) {
        Stroke::Sends(bytes) => bytes,
        Stroke::Chooses(number) => panic!("terminal {number} was chosen"),
    };
    codes.iter().flat_map(sent).collect()
}

#[test]
fn keys_send_what_a_terminal_sends() {
    assert_eq!(typed(&[0x1e, 0x9e]), b"a");
    assert_eq!(typed(&[0x2a, 0x1e, 0x9e, 0xaa, 0x1e]), b"Aa", "while Shift is held");
    assert_eq!(typed(&[0x1d, 0x2e]), b"\x03", "Control-C");
    assert_eq!(typed(&[0x38, 0x30, 0xb0, 0xb8, 0x30]), b"\x1bbb", "Alt-B, B");
    assert_eq!(typed(&[0x1c, 0x0e, 0xe0, 0x53]), b"\r\x7f\x1b[3~");
    assert_eq!(typed(&[0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x4b, 0x40]), b"\x1b[A\x1b[D\x1b[17~");
    assert_eq!(typed(&[0x3b, 0xe0, 0x47]), b"\x1b[[A\x1b[1~", "as Linux's console has F1 and Home");
    assert_eq!(typed(&[0x1d, 0x2b, 0x1a, 0x39]), b"\x1c\x1b\0", "Control with \\, [ and space");
    assert_eq!(typed(&[0xfa, 0x7f, 0x1e]), b"a", "what means nothing is passed over");
}

proptest! {
    #[test]
    fn whatever_comes_the_cursor_stays_on_the_screen(
        bytes in proptest::collection::vec(
            prop_oneof![
                Just(0x1b), Just(b'['), Just(b';'), b'0'..=b'9', b'@'..=b'z', any::<u8>(),
            ],
            0..400,
        ),
        columns in 0usize..30,
        rows in 0usize..12,
    ) {
        let mut cells = [Cell::EMPTY; 200];
        let mut terminal = Terminal::new(Grid::new(&mut cells, columns, rows));
        terminal.write(&bytes);
        terminal.write(b"\x18\x1b[?25h");
        let (row, column) = terminal.cursor().unwrap();
        let grid = terminal.grid();
        prop_assert!(row < grid.rows().max(1) && column < grid.columns().max(1));
        terminal.write(b"\x1bcok");
        let start: Vec<Cell> = terminal.grid().row(0).iter().take(2).copied().collect();
        let plain = |character| Cell { character, style: Style::PLAIN };
        let expected = [plain('o'), plain('k')];
        prop_assert!(start == expected || columns < 2 || rows < 1, "a reset forgets it all");
    }
}

#[test]
fn alt_with_a_function_key_chooses_a_terminal() {
    let mut keys = Keys::new();
    let mut last = |codes: &[u8]| codes.iter().map(|code| keys.take(*code)).last().unwrap();
    let (alt, alt_up, f2) = (0x38, 0xb8, 0x3c);
    assert_eq!(last(&[alt, f2]), Stroke::Chooses(2));
    assert!(matches!(last(&[alt_up, f2]), Stroke::Sends(bytes) if bytes == *b"\x1b[[B"));
}

#[test]
fn raw_line_feeds_keep_the_column() {
    let mut cells = [Cell::EMPTY; 16];
    let mut terminal = Terminal::new(Grid::new(&mut cells, 8, 2));
    terminal.write_raw(b"ab\nc");
    assert_eq!(terminal.grid().row(1)[2].character, 'c');
    terminal.write(b"\x1b[Hab\nd");
    assert_eq!(terminal.grid().row(1)[0].character, 'd');
}

#[test]
fn full_screen_programs_leave_no_trace() {
    let (mut cells, mut others) = ([Cell::EMPTY; 40], [Cell::EMPTY; 40]);
    let (main, alternate) = (Grid::new(&mut cells, 10, 4), Grid::new(&mut others, 10, 4));
    let mut terminal = Terminal::with_alternate(main, alternate);
    terminal.write(b"$ vi\x1b[?1049h\x1b[H~\n~");
    assert_eq!(rows(&terminal), ["~", "~", "", ""]);
    terminal.write(b"\x1b[?1049l!");
    assert_eq!(rows(&terminal), ["$ vi!", "", "", ""]);
    terminal.write(b"\x1b[?1049h");
    assert_eq!(rows(&terminal), ["", "", "", ""], "it comes empty");
}

#[test]
fn questions_are_answered() {
    let mut cells = [Cell::EMPTY; 40];
    let mut terminal = Terminal::new(Grid::new(&mut cells, 10, 4));
    terminal.write(b"ab\n\x1b[6n\x1b[c\x1b[5n");
    assert_eq!(terminal.take_answers(), b"\x1b[2;1R\x1b[?6c\x1b[0n");
    assert_eq!(terminal.take_answers(), b"");
}

#[test]
fn characters_are_inserted_repeated_and_drawn() {
    assert_eq!(shown("bc\r\x1b[4ha\x1b[4lB")[0], "aBc");
    assert_eq!(shown("a\x1b[3b|")[0], "aaaa|");
    assert_eq!(shown("\x1b)0\x0elqk\x0flqk")[0], "┌─┐lqk");
    assert_eq!(shown("\x1b[?7l0123456789ab"), ["012345678b", "", "", ""]);
    assert_eq!(shown("123456789\u{6f22}x"), ["123456789", "\u{6f22} x", "", ""], "it is wide");
    assert_eq!(shown("e\u{301}!")[0], "e!");
    assert_eq!(shown("123456789\x1b[ZX")[0], "12345678X");
}

#[test]
fn commands_of_the_palette_end_by_themselves() {
    assert_eq!(shown("a\x1b]Rb\x1b]P0123456c")[0], "abc");
    assert_eq!(shown("a\x1b]0;title\x07b")[0], "ab");
}

#[test]
fn lines_meet_in_the_middle() {
    let glyphs = Glyphs::new();
    let of = |character| glyphs.of(character, false);
    let both = |a: char, b: char| core::array::from_fn(|line| of(a)[line] | of(b)[line]);
    assert_eq!(of('┼'), both('─', '│'));
    assert_eq!(of('├'), both('└', '┌'));
    assert_eq!(of('┴'), both('└', '┘'));
    assert_eq!(of('“'), of('"'));
}
