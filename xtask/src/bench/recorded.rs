//! A serial port for tests, on which everything was said already.

use std::time::Instant;

use anyhow::Result;

use crate::console::{Event, Port};

/// What comes, in order; what is sent is not looked at.
pub struct Recorded(pub Vec<Event>);

impl Port for Recorded {
    fn next(&mut self, _: Instant) -> Event {
        self.0.remove(0)
    }

    fn send(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }
}
