//! Lines entered before.

use heapless::Deque;

use crate::Line;

/// Lines that are remembered.
const KEPT: usize = 16;

/// The last lines, and which of them is looked at.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: Deque<Line, KEPT>,
    /// How many lines back it looks, 0 if not at all.
    back: usize,
    /// The line that was being edited when it began to look back.
    draft: Line,
}

impl History {
    /// No lines.
    pub(crate) const fn new() -> Self {
        Self { lines: Deque::new(), back: 0, draft: Line::new() }
    }

    /// Remembers a line, unless it is empty or the same as the last.
    pub(crate) fn add(&mut self, line: &Line) {
        if line.is_empty() || self.lines.back() == Some(line) {
            return;
        }
        if self.lines.is_full() {
            self.lines.pop_front();
        }
        // There is room.
        let _ = self.lines.push_back(line.clone());
    }

    /// Looks no longer back.
    pub(crate) fn leave(&mut self) {
        self.back = 0;
    }

    /// The line before the one that is looked at; `current` is what is being edited.
    pub(crate) fn older(&mut self, current: &Line) -> Option<Line> {
        let line = self.lines.iter().rev().nth(self.back)?;
        if self.back == 0 {
            self.draft = current.clone();
        }
        self.back += 1;
        Some(line.clone())
    }

    /// The line behind it; in the end, what was being edited.
    pub(crate) fn newer(&mut self) -> Option<Line> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(self.draft.clone()),
            back => self.lines.iter().rev().nth(back - 1).cloned(),
        }
    }
}
