//! A screen of text. Each of its sessions has a picture of its own, and one is shown.

use nun::service::{String, Vec, Wire};

use super::TEXT_BYTES;

/// Cells of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct ScreenSize {
    /// Rows of them.
    pub rows: u16,
    /// Cells in a row.
    pub columns: u16,
}

/// Most bytes that a terminal answers at once.
pub const ANSWER_BYTES: usize = 32;

/// Shows text.
#[nun::service(version = 3)]
pub trait Screen {
    /// Shows `text`; a line feed also returns the carriage, and control sequences are those of a
    /// terminal. After the driver died, the screen is empty, and some text may come twice.
    #[method(ordinal = 1, retry = idempotent)]
    fn write(&self, text: String<TEXT_BYTES>);
    /// The same for bytes of a terminal: a line feed feeds a line. Answers what the terminal has to say to whoever
    /// asks for its name or the cursor's place, as if it had been typed.
    #[method(ordinal = 2, retry = idempotent)]
    fn write_bytes(&self, bytes: Vec<u8, TEXT_BYTES>) -> Vec<u8, ANSWER_BYTES>;
    /// How large the picture is.
    #[method(ordinal = 3, retry = idempotent)]
    fn size(&self) -> ScreenSize;
    /// Shows this session from now on: the keyboard says which.
    #[method(ordinal = 4, retry = idempotent)]
    fn show(&self, session: u8);
}
