//! From bytes to keys.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Printable(char),
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    CutBefore,
    CutBehind,
    Cancel,
    EndOfInput,
    Clear,
}

/// Where in a control sequence the input is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Keys {
    #[default]
    Plain,
    /// After ESC.
    Escape,
    /// After ESC and `[` or `O`, with the number so far.
    Sequence(u8),
    /// After ESC and `[[`: a letter tells the function key.
    Function,
    /// Enter was a carriage return: a line feed that follows belongs to it.
    Returned,
}

impl Keys {
    /// At the beginning.
    pub(crate) const fn new() -> Self {
        Self::Plain
    }

    /// The key that `byte` completes.
    pub(crate) fn take(&mut self, byte: u8) -> Option<Key> {
        match (core::mem::take(self), byte) {
            (Self::Escape, b'[' | b'O') => *self = Self::Sequence(0),
            (Self::Sequence(number), digit @ b'0'..=b'9') => {
                *self = Self::Sequence(number.wrapping_mul(10).wrapping_add(digit - b'0'));
            }
            (Self::Sequence(_), b'[') => *self = Self::Function,
            (Self::Function, _) => {}
            (Self::Sequence(number), b';') => *self = Self::Sequence(number),
            (Self::Sequence(number), last) => return sequence(number, last),
            (Self::Returned, b'\n') => {}
            (_, byte) => return self.plain(byte),
        }
        None
    }

    fn plain(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            b' '..=b'~' => Key::Printable(char::from(byte)),
            b'\r' => {
                *self = Self::Returned;
                Key::Enter
            }
            b'\n' => Key::Enter,
            0x08 | 0x7f => Key::Backspace,
            0x1b => {
                *self = Self::Escape;
                return None;
            }
            _ => return control(byte),
        })
    }
}

/// Control with a letter, of which `A` is 1.
fn control(byte: u8) -> Option<Key> {
    Some(match byte | 0x40 {
        b'A' => Key::Home,
        b'C' => Key::Cancel,
        b'D' => Key::EndOfInput,
        b'E' => Key::End,
        b'K' => Key::CutBehind,
        b'L' => Key::Clear,
        b'U' => Key::CutBefore,
        _ => return None,
    })
}

/// The key of a control sequence.
fn sequence(number: u8, last: u8) -> Option<Key> {
    Some(match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', 1 | 7) => Key::Home,
        (b'F', _) | (b'~', 4 | 8) => Key::End,
        (b'~', 3) => Key::Delete,
        _ => return None,
    })
}
