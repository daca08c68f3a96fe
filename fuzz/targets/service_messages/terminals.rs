//! What terminals consist of: consoles, keyboards, screens.

use koito::services::*;
use nun::service::{Caller, String, Vec};

use super::Everything;

/// As many keys as there can be.
fn keys(first: u64) -> Keys {
    Keys { first, bytes: [7; KEY_BYTES].into() }
}

impl Console for Everything {
    async fn write(&self, _: Caller, text: String<TEXT_BYTES>) {
        check(&text);
    }
    async fn read(&self, _: Caller, taken: u64) -> Keys {
        keys(taken)
    }
    async fn write_bytes(&self, _: Caller, bytes: Vec<u8, TEXT_BYTES>) {
        assert!(bytes.len() <= TEXT_BYTES);
    }
    fn look(&self, _: Caller, taken: u64) -> Keys {
        keys(taken)
    }
    fn come_forward(&self, _: Caller, _: u8) {}
    fn step_back(&self, _: Caller, _: u64) -> bool {
        true
    }
}

impl Keyboard for Everything {
    async fn read(&self, _: Caller, taken: u64) -> Keys {
        keys(taken)
    }
    fn look(&self, _: Caller, taken: u64) -> Keys {
        keys(taken)
    }
    fn come_forward(&self, _: Caller) {}
}

impl Screen for Everything {
    fn write(&self, _: Caller, text: String<TEXT_BYTES>) {
        check(&text);
    }
    fn write_bytes(&self, _: Caller, bytes: Vec<u8, TEXT_BYTES>) -> Vec<u8, ANSWER_BYTES> {
        assert!(bytes.len() <= TEXT_BYTES);
        [7; ANSWER_BYTES].into()
    }
    fn size(&self, _: Caller) -> ScreenSize {
        ScreenSize { rows: 25, columns: 80 }
    }
    fn show(&self, _: Caller, _: u8) {}
}

fn check(text: &String<TEXT_BYTES>) {
    assert!(text.len() <= TEXT_BYTES && str::from_utf8(text.as_bytes()).is_ok());
}
