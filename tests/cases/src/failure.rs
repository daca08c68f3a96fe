//! How a case says what is wrong.

use core::fmt::{self, Write};
use core::panic::Location;

use nun::Error;

/// What was expected and did not come, in words.
pub struct Failure {
    text: [u8; 200],
    used: usize,
}

impl Failure {
    /// `text`, at a line of a file. What is too long is cut off.
    pub fn new(file: &str, line: u32, text: fmt::Arguments<'_>) -> Self {
        let mut failure = Self { text: [0; 200], used: 0 };
        let name = file.rsplit('/').next().unwrap_or(file);
        // Writing to it never fails.
        let _ = write!(failure, "{name}:{line}: {text}");
        failure
    }
}

impl Write for Failure {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.text.iter_mut().skip(self.used);
        self.used += room.zip(text.bytes()).map(|(to, byte)| *to = byte).count();
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.text[..self.used].utf8_chunks() {
            f.write_str(chunk.valid())?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        let place = Location::caller();
        Self::new(place.file(), place.line(), format_args!("{error}"))
    }
}
