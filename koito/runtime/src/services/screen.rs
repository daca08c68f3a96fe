//! A screen of text.

use nun::service::String;

use super::TEXT_BYTES;

/// Shows text.
#[nun::service(version = 1)]
pub trait Screen {
    /// Shows `text`; a line feed also returns the carriage, and control sequences are those of a
    /// terminal. After the driver died, the screen is empty, and some text may come twice.
    #[method(ordinal = 1, retry = idempotent)]
    fn write(&self, text: String<TEXT_BYTES>);
}
