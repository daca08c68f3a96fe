//! What is shown: output as the settings want it, and echo.

use crate::settings::{Local, Output};
use crate::terminal::Terminal;

/// Characters from one tabulator stop to the next.
const TAB: usize = 8;
const DELETE: u8 = 127;

pub(crate) const fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == DELETE
}

impl Terminal {
    /// Shows a byte, changed as the settings say.
    pub(crate) fn put(&mut self, byte: u8) {
        let settings = self.settings.output;
        if !settings.contains(Output::PROCESS) {
            self.output.push_back(byte);
            return;
        }
        match byte {
            b'\n' => {
                if settings.contains(Output::NL_RETURNS) {
                    self.column = 0;
                }
                if settings.contains(Output::NL_TO_CRNL) {
                    (self.column, self.first_column) = (0, 0);
                    self.output.push_back(b'\r');
                } else {
                    self.first_column = self.column;
                }
                self.output.push_back(b'\n');
            }
            b'\r' => {
                if settings.contains(Output::NO_CR_AT_0) && self.column == 0 {
                    return;
                }
                let becomes_nl = settings.contains(Output::CR_TO_NL);
                if !becomes_nl || settings.contains(Output::NL_RETURNS) {
                    (self.column, self.first_column) = (0, 0);
                }
                self.output.push_back(if becomes_nl { b'\n' } else { b'\r' });
            }
            b'\t' => {
                let spaces = TAB - self.column % TAB;
                self.column += spaces;
                if settings.contains(Output::EXPAND_TABS) {
                    self.output.extend(core::iter::repeat_n(b' ', spaces));
                } else {
                    self.output.push_back(b'\t');
                }
            }
            8 => {
                self.column = self.column.saturating_sub(1);
                self.output.push_back(byte);
            }
            _ => {
                let byte =
                    if settings.contains(Output::UPPER) { byte.to_ascii_uppercase() } else { byte };
                if !is_control(byte) && !self.is_continuation(byte) {
                    self.column += 1;
                }
                self.output.push_back(byte);
            }
        }
    }

    /// Shows a byte that was typed, control characters as `^X` if that is wanted.
    pub(crate) fn echo(&mut self, byte: u8) {
        let shows = self.settings.local.contains(Local::ECHO_CONTROL);
        if shows && is_control(byte) && byte != b'\t' {
            self.output.extend([b'^', byte ^ 0x40]);
            self.column += 2;
        } else {
            self.put(byte);
        }
    }

    /// Shows a character that is being erased for the last time: blank.
    pub(crate) fn blank(&mut self) {
        for byte in [8, b' ', 8] {
            self.put(byte);
        }
    }

    /// Goes back over a tabulator that is erased, to where the text before it ends.
    pub(crate) fn untab(&mut self) {
        let tab_at = self.editing.iter().rposition(|byte| *byte == b'\t');
        let before = &self.editing[tab_at.map_or(0, |at| at + 1)..];
        let controls = self.settings.local.contains(Local::ECHO_CONTROL);
        let width = |byte: &u8| match is_control(*byte) {
            true => 2 * usize::from(controls),
            false => usize::from(!self.is_continuation(*byte)),
        };
        let mut at: usize = before.iter().map(width).sum();
        if tab_at.is_none() {
            at += self.first_column;
        }
        let back = TAB - at % TAB;
        self.output.extend(core::iter::repeat_n(8, back));
        self.column = self.column.saturating_sub(back);
    }
}
