//! The way of interrupts: from lines of devices to the processors.

use crate::{Line, Pics};

/// All interrupt controllers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interrupts {
    pub(crate) pics: Pics,
}

impl Interrupts {
    /// Sets a line: `high` while its device wants something.
    pub fn set_line(&mut self, line: Line, high: bool) {
        self.pics.set_line(line, high);
    }

    /// A line rises, and falls again later.
    pub fn pulse(&mut self, line: Line) {
        self.set_line(line, false);
        self.set_line(line, true);
    }

    /// Whether the processor is asked for an interrupt.
    pub const fn is_pending(&self) -> bool {
        self.pics.is_pending()
    }

    /// The processor takes the interrupt; answers its vector.
    pub fn take(&mut self) -> u8 {
        self.pics.acknowledge()
    }
}
