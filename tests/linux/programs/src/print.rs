//! Text to the standard output.

use core::fmt::{self, Write};

use crate::system;

/// The standard output, a line in the making.
pub struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Line {
    /// Prints a line at once; what is too long is cut.
    pub fn print(text: fmt::Arguments<'_>) {
        let mut line = Self { bytes: [0; 256], length: 0 };
        // Only a full line refuses.
        let _ = line.write_fmt(text);
        let _ = line.write_char('\n');
        system::write(1, &line.bytes[..line.length]);
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = &mut self.bytes[self.length..];
        let fitting = text.len().min(free.len());
        free[..fitting].copy_from_slice(&text.as_bytes()[..fitting]);
        self.length += fitting;
        Ok(())
    }
}

/// Prints a line.
#[macro_export]
macro_rules! println {
    ($($part:tt)*) => { $crate::print::Line::print(format_args!($($part)*)) };
}
