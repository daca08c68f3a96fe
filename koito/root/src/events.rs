//! What happens to components, as lines: shown on the early console at once, and kept for whoever may read
//! them by the service `events`. The root server calls nobody, so the log comes and reads.

use core::fmt::{self, Write};

use koito::services::{Event, LINE_BYTES};
use koito_manifest::Vec;
use nun::service::String;
use nun::ticks;

/// Lines that are kept.
const KEPT: usize = 32;

/// The last lines.
pub struct Events {
    /// Line *n* stands in place *n* modulo [`KEPT`].
    lines: Vec<Event, KEPT>,
    /// Number of the next one.
    next: u64,
    ticks_per_millisecond: u64,
}

impl Events {
    /// None yet.
    pub const fn new(ticks_per_millisecond: u64) -> Self {
        Self { lines: Vec::new(), next: 0, ticks_per_millisecond }
    }

    /// Adds a line.
    pub fn say(&mut self, text: fmt::Arguments<'_>) {
        nun::println!("root: {text}");
        self.note(text);
    }

    /// Adds a line that is not shown.
    pub fn note(&mut self, text: fmt::Arguments<'_>) {
        let mut line: String<LINE_BYTES> = String::new();
        // What does not fit is left out.
        let _ = line.write_fmt(text);
        let time = ticks() / self.ticks_per_millisecond;
        let event = Event { number: self.next, time, text: line };
        let place = (self.next % KEPT as u64) as usize;
        if let Some(old) = self.lines.get_mut(place) {
            *old = event;
        } else {
            // Places are filled in order.
            let _ = self.lines.push(event);
        }
        self.next += 1;
    }

    /// The first line that is kept and has at least this number.
    pub fn read(&self, number: u64) -> Option<Event> {
        let number = number.max(self.next.saturating_sub(KEPT as u64));
        let line = self.lines.get((number % KEPT as u64) as usize)?;
        (number < self.next).then(|| line.clone())
    }
}
