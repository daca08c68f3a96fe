//! The core library's formatting, for what only tests and emulators see.

use core::fmt::{self, Write};

use a9n_hal::Text;

struct Formatted<'a, 'b>(&'a mut Text<'b>);

impl Write for Formatted<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.text(text);
        Ok(())
    }
}

/// Says `what`.
pub fn write(text: &mut Text<'_>, what: fmt::Arguments<'_>) {
    // Text takes everything.
    let _ = Formatted(text).write_fmt(what);
}
