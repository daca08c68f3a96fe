//! The emulated machine's keyboard and screen: keys through QEMU's monitor, and what the screen
//! shows, read back pixel by pixel with the glyphs that it was drawn with.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use koito_terminal::{Colour, GLYPH_HEIGHT, GLYPH_WIDTH, Glyph, Glyphs};

/// How long QEMU may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// What QEMU's monitor says when it has carried out a command.
const PROMPT: &[u8] = b"(qemu) ";

/// Keyboard and screen.
pub struct Desk {
    monitor: UnixStream,
    picture: PathBuf,
    glyphs: Glyphs,
}

impl Desk {
    /// Those of the QEMU whose monitor listens at `socket`; pictures are written to `picture`.
    pub fn open(socket: &std::path::Path, picture: PathBuf) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let monitor = loop {
            match UnixStream::connect(socket) {
                Ok(monitor) => break monitor,
                Err(error) if Instant::now() >= deadline => {
                    return Err(error).context("QEMU's monitor does not answer");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        monitor.set_read_timeout(Some(PATIENCE))?;
        let mut desk = Self { monitor, picture, glyphs: Glyphs::new() };
        desk.wait_for_prompt()?;
        Ok(desk)
    }

    /// Presses the keys of `text`, and Enter.
    pub fn press(&mut self, text: &str) -> Result<()> {
        for character in text.chars() {
            let key = key(character).with_context(|| format!("no key for {character:?}"))?;
            self.command(&format!("sendkey {key}"))?;
        }
        self.command("sendkey ret")
    }

    /// Presses one key, or several at once, by the emulator's names: `alt-f2`.
    pub fn key(&mut self, name: &str) -> Result<()> {
        self.command(&format!("sendkey {name}"))
    }

    /// The rows of text on the screen.
    pub fn rows(&mut self) -> Result<Vec<String>> {
        self.command(&format!("screendump {}", self.picture.display()))?;
        let bytes = fs::read(&self.picture).context("QEMU wrote no picture of the screen")?;
        read_text(&self.glyphs, &bytes)
    }

    fn command(&mut self, command: &str) -> Result<()> {
        self.monitor.write_all(format!("{command}\n").as_bytes())?;
        self.wait_for_prompt()
    }

    fn wait_for_prompt(&mut self) -> Result<()> {
        let mut heard = vec![];
        let mut buffer = [0; 1024];
        while !heard.ends_with(PROMPT) {
            match self.monitor.read(&mut buffer).context("QEMU's monitor is silent")? {
                0 => bail!("QEMU's monitor is closed"),
                length => heard.extend(&buffer[..length]),
            }
        }
        Ok(())
    }
}

/// What QEMU calls the key of a character.
fn key(character: char) -> Option<String> {
    Some(match character {
        'a'..='z' | '0'..='9' => character.to_string(),
        'A'..='Z' => format!("shift-{}", character.to_ascii_lowercase()),
        ' ' => "spc".into(),
        '-' => "minus".into(),
        '_' => "shift-minus".into(),
        '.' => "dot".into(),
        '/' => "slash".into(),
        '=' => "equal".into(),
        ';' => "semicolon".into(),
        ':' => "shift-semicolon".into(),
        '|' => "shift-backslash".into(),
        _ => return None,
    })
}

/// The text in a picture, in the format PPM with a byte each for red, green and blue. A cell whose
/// pixels are those of no character reads as `\u{fffd}`.
fn read_text(glyphs: &Glyphs, picture: &[u8]) -> Result<Vec<String>> {
    let mut parts = picture.splitn(4, |byte| byte.is_ascii_whitespace());
    let (format, width, height) = (parts.next(), parts.next(), parts.next());
    let number =
        |part: Option<&[u8]>| -> Option<usize> { std::str::from_utf8(part?).ok()?.parse().ok() };
    let (Some(b"P6"), Some(width), Some(height)) = (format, number(width), number(height)) else {
        bail!("this is no picture in the format P6");
    };
    let pixels = parts.next().and_then(|rest| rest.strip_prefix(b"255\n")).unwrap_or_default();
    if pixels.len() != width * height * 3 {
        bail!("the picture has {} bytes for {width} by {height} pixels", pixels.len());
    }
    let characters: Vec<(Glyph, char)> =
        (' '..='~').map(|character| (glyphs.of(character, false), character)).collect();
    let cell = |row: usize, column: usize| {
        let mut glyph = [0; GLYPH_HEIGHT];
        for (line, bits) in glyph.iter_mut().enumerate() {
            let start = (row * GLYPH_HEIGHT + line) * width + column * GLYPH_WIDTH;
            let line = &pixels[start * 3..][..GLYPH_WIDTH * 3];
            let text = Colour::TEXT.rgb().to_be_bytes();
            *bits = line.chunks(3).fold(0, |bits, it| bits << 1 | u8::from(it == &text[1..]));
        }
        let found = characters.iter().find(|(known, _)| *known == glyph);
        found.map_or(char::REPLACEMENT_CHARACTER, |(_, character)| *character)
    };
    let row = |row| (0..width / GLYPH_WIDTH).map(|column| cell(row, column)).collect();
    Ok((0..height / GLYPH_HEIGHT).map(row).collect())
}

#[cfg(test)]
mod tests {
    use koito_terminal::{Cell, Grid, Painter, Surface, Terminal};

    use super::*;

    const COLUMNS: usize = 12;
    const WIDTH: usize = COLUMNS * GLYPH_WIDTH;

    struct Picture(Vec<u8>);

    impl Surface for Picture {
        fn set(&mut self, x: usize, y: usize, pixels: &[u32; GLYPH_WIDTH]) {
            for (index, pixel) in pixels.iter().enumerate() {
                let at = (y * WIDTH + x + index) * 3;
                self.0[at..at + 3].copy_from_slice(&pixel.to_be_bytes()[1..]);
            }
        }
    }

    #[test]
    fn what_is_painted_can_be_read() {
        let (mut cells, mut shown) = ([Cell::EMPTY; COLUMNS * 2], [Cell::EMPTY; COLUMNS * 2]);
        let mut terminal = Terminal::new(Grid::new(&mut cells, COLUMNS, 2));
        terminal.write(b"\x1b[?25lkoito> add\n42 \x1b[31mX");
        let mut picture = Picture(vec![0; WIDTH * 2 * GLYPH_HEIGHT * 3]);
        Painter::new(Grid::new(&mut shown, COLUMNS, 2)).paint(&terminal, &mut picture);
        let header = format!("P6\n{WIDTH} {}\n255\n", 2 * GLYPH_HEIGHT);
        let file = [header.as_bytes(), &picture.0].concat();
        let rows = read_text(&Glyphs::new(), &file).unwrap();
        assert_eq!(rows, ["koito> add  ", "42          "], "other colours are not text");
        assert!(read_text(&Glyphs::new(), &file[..file.len() - 1]).is_err());
        assert!(read_text(&Glyphs::new(), b"P5\n1 1\n255\n...").is_err());
    }

    #[test]
    fn keys_have_names() {
        assert_eq!(key('A').as_deref(), Some("shift-a"));
        assert_eq!(key(' ').as_deref(), Some("spc"));
        assert_eq!(key('ä'), None);
    }
}
