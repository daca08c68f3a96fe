//! From scan codes to the bytes that a terminal sends: those of Linux's console, which `TERM=linux` stands for.

use heapless::Vec;
use pc_keyboard::layouts::Us104Key;
use pc_keyboard::{
    DecodedKey, EventDecoder, HandleControl, KeyCode, KeyState, ScancodeSet, ScancodeSet1,
};

/// What a key sends.
pub type Sent = Vec<u8, 8>;

/// What a byte of the keyboard's came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// These bytes are sent; perhaps none.
    Sends(Sent),
    /// Alt with a function key: the terminal with this number is chosen, from 1 on.
    Chooses(u8),
}

/// ESC, which begins a control sequence, and stands before a key that is pressed with Alt.
const ESCAPE: u8 = 0x1b;

/// A keyboard: US layout, and the scan codes of set 1, which PC keyboard controllers make of all.
pub struct Keys {
    codes: ScancodeSet1,
    events: EventDecoder<Us104Key>,
    has_alt: bool,
    has_control: bool,
}

impl Keys {
    /// No key is held.
    pub const fn new() -> Self {
        let events = EventDecoder::new(Us104Key, HandleControl::MapLettersToUnicode);
        Self { codes: ScancodeSet1::new(), events, has_alt: false, has_control: false }
    }

    /// Takes a byte of the keyboard's; answers what the key does that it completes, if it completes one.
    /// Bytes that mean nothing are passed over.
    pub fn take(&mut self, byte: u8) -> Stroke {
        let Ok(Some(event)) = self.codes.advance_state(byte) else {
            return Stroke::Sends(Sent::new());
        };
        let (code, state) = (event.code, event.state);
        match code {
            KeyCode::LAlt => self.has_alt = state == KeyState::Down,
            KeyCode::LControl | KeyCode::RControl => self.has_control = state == KeyState::Down,
            _ => {}
        }
        // The decoder sees every event, to know what is held.
        let decoded = self.events.process_keyevent(event);
        if state != KeyState::Down {
            return Stroke::Sends(Sent::new());
        }
        if self.has_alt
            && let Some(number) = terminal(code)
        {
            return Stroke::Chooses(number);
        }
        let mut sent = Sent::new();
        if let Some(sequence) = sequence(code) {
            // There is room for the longest, five bytes.
            let _ = sent.extend_from_slice(sequence);
        } else if let Some(DecodedKey::Unicode(character)) = decoded {
            if self.has_alt {
                let _ = sent.push(ESCAPE);
            }
            let character = if self.has_control { control(character) } else { character };
            let _ = sent.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        } else if let Some(DecodedKey::RawKey(key)) = decoded {
            // What the number block means without Num Lock.
            let _ = sent.extend_from_slice(sequence_of_raw(key));
        }
        Stroke::Sends(sent)
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

/// What Control makes of a character. Letters were seen to.
fn control(character: char) -> char {
    match character {
        ' ' | '2' | '@' => '\0',
        '['..='_' => char::from(character as u8 & 0x1f),
        '/' => '\x1f',
        _ => character,
    }
}

/// The terminal that a key chooses, with Alt.
const fn terminal(code: KeyCode) -> Option<u8> {
    match code {
        KeyCode::F1 => Some(1),
        KeyCode::F2 => Some(2),
        _ => None,
    }
}

/// What a key sends whatever the layout says.
const fn sequence(code: KeyCode) -> Option<&'static [u8]> {
    Some(match code {
        KeyCode::Return | KeyCode::NumpadEnter => b"\r",
        KeyCode::Backspace => b"\x7f",
        KeyCode::Delete => b"\x1b[3~",
        _ => return None,
    })
}

/// What a key sends that is no character; nothing, if it is there to be held.
const fn sequence_of_raw(code: KeyCode) -> &'static [u8] {
    match code {
        KeyCode::ArrowUp => b"\x1b[A",
        KeyCode::ArrowDown => b"\x1b[B",
        KeyCode::ArrowRight => b"\x1b[C",
        KeyCode::ArrowLeft => b"\x1b[D",
        KeyCode::Home => b"\x1b[1~",
        KeyCode::End => b"\x1b[4~",
        KeyCode::Insert => b"\x1b[2~",
        KeyCode::PageUp => b"\x1b[5~",
        KeyCode::PageDown => b"\x1b[6~",
        KeyCode::F1 => b"\x1b[[A",
        KeyCode::F2 => b"\x1b[[B",
        KeyCode::F3 => b"\x1b[[C",
        KeyCode::F4 => b"\x1b[[D",
        KeyCode::F5 => b"\x1b[[E",
        KeyCode::F6 => b"\x1b[17~",
        KeyCode::F7 => b"\x1b[18~",
        KeyCode::F8 => b"\x1b[19~",
        KeyCode::F9 => b"\x1b[20~",
        KeyCode::F10 => b"\x1b[21~",
        KeyCode::F11 => b"\x1b[23~",
        KeyCode::F12 => b"\x1b[24~",
        _ => b"",
    }
}
