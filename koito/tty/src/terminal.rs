//! A terminal: what lies between a program and whoever shows and types.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::settings::{Character, Input, Local, Settings};

/// Bytes of input that wait to be read, at most.
pub(crate) const MOST_INPUT: usize = 4095;
/// Bytes of output that wait to be shown, before writers have to wait.
const MOST_OUTPUT: usize = 4096;

/// A signal that a terminal gives rise to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT` for the foreground.
    Interrupt,
    /// `SIGQUIT` for the foreground.
    Quit,
    /// `SIGTSTP` for the foreground.
    Suspend,
    /// `SIGWINCH` for the foreground.
    WindowChanged,
}

/// Size of what shows the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
}

/// What is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// What was typed and not read.
    Input,
    /// What was written and not shown.
    Output,
    /// Both.
    Both,
}

/// What a read finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// So many bytes, perhaps none: the end.
    Done(usize),
    /// Nothing yet.
    Wait,
    /// Nothing yet; after so many tenths of a second, it is over with what there is.
    WaitTenths(u8),
}

/// A terminal.
#[derive(Clone, Debug)]
pub struct Terminal {
    pub(crate) settings: Settings,
    window: WindowSize,
    /// Input that can be read; and how long the lines at its start are, with canonical input.
    pub(crate) ready: VecDeque<u8>,
    pub(crate) lines: VecDeque<usize>,
    /// The line that is being typed.
    pub(crate) editing: Vec<u8>,
    /// The next key has no meaning.
    pub(crate) literal: bool,
    pub(crate) output: VecDeque<u8>,
    /// Where the cursor is, and where the line that is being typed began.
    pub(crate) column: usize,
    pub(crate) first_column: usize,
    /// The same before the keys came that are being taken: their echo is not shown yet, and may be dropped.
    pub(crate) columns_before: (usize, usize),
    /// Output is held.
    pub(crate) stopped: bool,
    pub(crate) signals: Vec<Signal>,
    /// The session whose controlling terminal it is.
    pub session: Option<u32>,
    /// The process group that is in the foreground.
    pub foreground: Option<u32>,
}

impl Terminal {
    /// A new one.
    pub const fn new() -> Self {
        Self {
            settings: Settings::new(),
            window: WindowSize { rows: 0, columns: 0, width: 0, height: 0 },
            ready: VecDeque::new(),
            lines: VecDeque::new(),
            editing: Vec::new(),
            literal: false,
            output: VecDeque::new(),
            column: 0,
            first_column: 0,
            columns_before: (0, 0),
            stopped: false,
            signals: Vec::new(),
            session: None,
            foreground: None,
        }
    }

    /// A new one, shown by something of that size.
    pub fn with_window(window: WindowSize) -> Self {
        Self { window, ..Self::new() }
    }

    /// How it behaves.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Has it behave otherwise. What was typed stays, as far as the other way of reading has it.
    pub fn set_settings(&mut self, settings: Settings) {
        let was = self.settings.local.contains(Local::CANONICAL);
        let is = settings.local.contains(Local::CANONICAL);
        if was != is {
            self.ready.extend(self.editing.drain(..));
            self.lines.clear();
            self.literal = false;
            if is && !self.ready.is_empty() {
                self.lines.push_back(self.ready.len());
            }
        }
        if !settings.input.contains(Input::FLOW) {
            self.stopped = false;
        }
        self.settings = settings;
    }

    /// Size of what shows it.
    pub const fn window(&self) -> WindowSize {
        self.window
    }

    /// What shows it has another size.
    pub fn set_window(&mut self, window: WindowSize) {
        if window != self.window {
            self.window = window;
            self.signals.push(Signal::WindowChanged);
        }
    }

    /// A signal that is to be sent to the foreground.
    pub fn next_signal(&mut self) -> Option<Signal> {
        if self.signals.is_empty() { None } else { Some(self.signals.remove(0)) }
    }

    pub(crate) fn is_canonical(&self) -> bool {
        self.settings.local.contains(Local::CANONICAL)
    }

    /// Bytes that can be read at once (`FIONREAD`).
    pub fn readable_bytes(&self) -> usize {
        if self.is_canonical() { self.lines.iter().sum() } else { self.ready.len() }
    }

    /// Whether a read would find something.
    pub fn is_readable(&self) -> bool {
        if self.is_canonical() {
            return !self.lines.is_empty();
        }
        let least = self.settings.character(Character::Least);
        let timed = self.settings.character(Character::Time) > 0;
        let needed = if timed || least == 0 { 1 } else { usize::from(least) };
        self.ready.len() >= needed
    }

    /// Whether there is room for output.
    pub fn is_writable(&self) -> bool {
        !self.stopped && self.output.len() < MOST_OUTPUT
    }

    /// Room for what is typed: beyond, it is lost.
    pub fn input_room(&self) -> usize {
        MOST_INPUT - (self.ready.len() + self.editing.len()).min(MOST_INPUT)
    }

    /// Reads: a line or what there is of it, or what was typed. `expired` says that the time is over for
    /// which an earlier read told to wait.
    pub fn read(&mut self, into: &mut [u8], expired: bool) -> Reading {
        if into.is_empty() {
            return Reading::Done(0);
        }
        if self.is_canonical() {
            let Some(line) = self.lines.front_mut() else { return Reading::Wait };
            let count = (*line).min(into.len());
            *line -= count;
            // A line that is read to its end is over; so is one of no length, which is an end of file.
            if *line == 0 {
                self.lines.pop_front();
            }
            return Reading::Done(self.take_ready(&mut into[..count]));
        }
        let least = usize::from(self.settings.character(Character::Least)).min(into.len());
        let time = self.settings.character(Character::Time);
        let count = self.ready.len().min(into.len());
        if count >= least.max(1) || expired || (least == 0 && time == 0) {
            return Reading::Done(self.take_ready(&mut into[..count]));
        }
        match (least, count, time) {
            (_, _, 0) | (1.., 0, _) => Reading::Wait,
            _ => Reading::WaitTenths(time),
        }
    }

    /// Takes out all that was typed and not read, whether it is a whole line or not: for whose terminal it
    /// is when the programs at it are gone.
    pub fn take_typed(&mut self) -> Vec<u8> {
        self.lines.clear();
        self.literal = false;
        self.ready.drain(..).chain(self.editing.drain(..)).collect()
    }

    fn take_ready(&mut self, into: &mut [u8]) -> usize {
        let bytes = self.ready.drain(..into.len());
        into.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        into.len()
    }

    /// Writes, as far as there is room; answers how many bytes it took.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        for byte in bytes {
            if !self.is_writable() {
                break;
            }
            self.put(*byte);
            done += 1;
        }
        done
    }

    /// Takes out what is to be shown, up to the length of `into`; answers how many bytes. Held output stays.
    pub fn take_output(&mut self, into: &mut [u8]) -> usize {
        let count = if self.stopped { 0 } else { self.output.len().min(into.len()) };
        let bytes = self.output.drain(..count);
        into.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        count
    }

    /// Bytes that are to be shown.
    pub fn output_bytes(&self) -> usize {
        if self.stopped { 0 } else { self.output.len() }
    }

    /// Drops what was typed or written.
    pub fn flush(&mut self, what: Flush) {
        if what != Flush::Output {
            self.ready.clear();
            self.lines.clear();
            self.editing.clear();
            self.literal = false;
        }
        if what != Flush::Input {
            self.output.clear();
        }
    }

    /// Holds the output, or lets it go (`tcflow`).
    pub fn hold(&mut self, holds: bool) {
        self.stopped = holds;
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}
