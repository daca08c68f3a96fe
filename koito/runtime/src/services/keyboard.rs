//! A keyboard: what a terminal with its keys would send.

use nun::service::Vec;

use super::KEY_BYTES;

/// Reads keys.
#[nun::service(version = 1)]
pub trait Keyboard {
    /// What the keys send that were pressed since; waits until there are some. Each key goes to one
    /// caller.
    #[method(ordinal = 1, retry = at_most_once, waits)]
    fn read(&self) -> Vec<u8, KEY_BYTES>;
}
