//! How a terminal behaves: `struct termios` of the Linux system calls.

use bitflags::bitflags;

/// Bytes of the settings as `TCGETS` gives them.
pub const SETTINGS_BYTES: usize = 36;
/// Control characters.
const CHARACTERS: usize = 19;

bitflags! {
    /// What happens to what is typed (`c_iflag`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Input: u32 {
        /// Bit 7 is removed.
        const STRIP = 0o40;
        /// Line feed becomes carriage return.
        const NL_TO_CR = 0o100;
        /// Carriage return is dropped.
        const IGNORE_CR = 0o200;
        /// Carriage return becomes line feed.
        const CR_TO_NL = 0o400;
        /// Capitals become small.
        const LOWER = 0o1000;
        /// STOP and START hold and let go the output.
        const FLOW = 0o2000;
        /// Every key lets the output go.
        const ANY_STARTS = 0o4000;
        /// A bell when the line is full.
        const BELL_WHEN_FULL = 0o20000;
        /// Characters may have several bytes.
        const UTF8 = 0o40000;
        const _ = !0;
    }

    /// What happens to what is written (`c_oflag`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Output: u32 {
        /// Anything at all.
        const PROCESS = 0o1;
        /// Small letters become capitals.
        const UPPER = 0o2;
        /// Line feed becomes carriage return and line feed.
        const NL_TO_CRNL = 0o4;
        /// Carriage return becomes line feed.
        const CR_TO_NL = 0o10;
        /// No carriage return at the start of a line.
        const NO_CR_AT_0 = 0o20;
        /// Line feed goes to the start of the line, too.
        const NL_RETURNS = 0o40;
        /// Both bits: tabulators become spaces.
        const EXPAND_TABS = 0o14000;
        const _ = !0;
    }

    /// The line (`c_cflag`). It means nothing here but is kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Control: u32 {
        const _ = !0;
    }

    /// Editing, echo and signals (`c_lflag`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Local: u32 {
        /// Some keys are signals.
        const SIGNALS = 0o1;
        /// Input comes line by line and can be edited.
        const CANONICAL = 0o2;
        /// What is typed is shown.
        const ECHO = 0o10;
        /// Erased characters vanish.
        const ECHO_ERASE = 0o20;
        /// A line feed after KILL.
        const ECHO_KILL = 0o40;
        /// Line feeds are shown even without `ECHO`.
        const ECHO_NL = 0o100;
        /// Signals do not drop what was typed.
        const NO_FLUSH = 0o200;
        /// Who writes from the background is stopped.
        const STOP_BACKGROUND = 0o400;
        /// Control characters are shown as `^X`.
        const ECHO_CONTROL = 0o1000;
        /// A killed line vanishes.
        const ECHO_KILL_ERASE = 0o4000;
        /// More keys for editing.
        const EXTENDED = 0o100000;
        const _ = !0;
    }
}

/// A key with a meaning: its place among the control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Character {
    /// `^C`.
    Interrupt = 0,
    /// `^\`.
    Quit = 1,
    /// Backspace.
    Erase = 2,
    /// `^U`.
    Kill = 3,
    /// `^D`.
    EndOfFile = 4,
    /// Tenths of a second that a raw read waits.
    Time = 5,
    /// Bytes that a raw read waits for.
    Least = 6,
    /// `^Q`.
    Start = 8,
    /// `^S`.
    Stop = 9,
    /// `^Z`.
    Suspend = 10,
    /// Ends a line as well.
    EndOfLine = 11,
    /// `^R`.
    Reprint = 12,
    /// `^W`.
    WordErase = 14,
    /// `^V`.
    Literal = 15,
    /// Ends a line as well.
    EndOfLine2 = 16,
}

/// How a terminal behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What happens to what is typed.
    pub input: Input,
    /// What happens to what is written.
    pub output: Output,
    /// The line.
    pub control: Control,
    /// Editing, echo and signals.
    pub local: Local,
    /// Number of the line discipline.
    pub line: u8,
    /// Keys with a meaning; 0 for none.
    pub characters: [u8; CHARACTERS],
}

impl Settings {
    /// Those of a terminal that was just made.
    pub const fn new() -> Self {
        Self {
            input: Input::from_bits_retain(0o2400),
            output: Output::from_bits_retain(0o5),
            control: Control::from_bits_retain(0o277),
            local: Local::from_bits_retain(0o105073),
            line: 0,
            characters: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
        }
    }

    /// From the bytes that `TCSETS` gives.
    pub fn decode(bytes: &[u8; SETTINGS_BYTES]) -> Self {
        let (words, rest) = bytes.split_at(16);
        let word = |index: usize| {
            words[4 * index..4 * index + 4]
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u32::from(*byte))
        };
        let mut characters = [0; CHARACTERS];
        characters.copy_from_slice(&rest[1..]);
        Self {
            input: Input::from_bits_retain(word(0)),
            output: Output::from_bits_retain(word(1)),
            control: Control::from_bits_retain(word(2)),
            local: Local::from_bits_retain(word(3)),
            line: rest[0],
            characters,
        }
    }

    /// As the bytes that `TCGETS` gives.
    pub fn encode(&self) -> [u8; SETTINGS_BYTES] {
        let mut bytes = [0; SETTINGS_BYTES];
        let words = [self.input.bits(), self.output.bits(), self.control.bits(), self.local.bits()];
        for (place, word) in bytes.chunks_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.line;
        bytes[17..].copy_from_slice(&self.characters);
        bytes
    }

    /// The value of a control character.
    pub const fn character(&self, which: Character) -> u8 {
        self.characters[which as usize]
    }

    /// Whether `byte` is that key.
    pub(crate) const fn is(&self, which: Character, byte: u8) -> bool {
        byte != 0 && self.character(which) == byte
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
