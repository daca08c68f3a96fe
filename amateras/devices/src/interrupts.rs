//! The way of interrupts of devices: from lines and from messages.
//!
//! A line leads to the old controllers and to the I/O APIC alike; an operating system masks what it
//! does not use. The old ones interrupt the first processor, if its local APIC lets them.

use heapless::Vec;

use crate::delivery::Delivery;
use crate::io_apic::{IoApic, LINES};
use crate::locals::Locals;
use crate::{Line, Pics};

/// Who says that devices sent it: none of the processors.
const NOBODY: u8 = u8::MAX;

/// The controllers to which lines lead.
#[derive(Clone, Debug, Default)]
pub struct Controllers {
    pub(crate) pics: Pics,
    pub(crate) io: IoApic,
}

/// All of them, as whoever interrupts sees them.
#[derive(Debug)]
pub struct Interrupts<'a> {
    controllers: &'a mut Controllers,
    locals: &'a Locals,
}

impl Controllers {
    /// Connects them to the local ones.
    pub const fn with<'a>(&'a mut self, locals: &'a Locals) -> Interrupts<'a> {
        Interrupts { controllers: self, locals }
    }

    /// Whether anybody hears a line.
    pub(crate) fn hears(&self, line: Line) -> bool {
        !self.pics.is_masked(line) || !self.io.is_masked(line.pin())
    }
}

impl Interrupts<'_> {
    /// Sets a line: `high` while its device wants something.
    pub fn set_line(&mut self, line: Line, high: bool) {
        self.with_old(|pics| pics.set_line(line, high));
        if let Some(delivery) = self.controllers.io.set_line(line.pin(), high) {
            self.locals.send(delivery, NOBODY);
        }
    }

    /// A line falls if it was high, and rises.
    pub fn pulse(&mut self, line: Line) {
        self.set_line(line, false);
        self.set_line(line, true);
    }

    /// A device writes `data` to `address`, which is how it interrupts without a line (MSI). Addresses
    /// that are not meant for that do nothing.
    pub fn message(&mut self, address: u64, data: u32) {
        if let Some(delivery) = Delivery::of_message(address, data) {
            self.locals.send(delivery, NOBODY);
        }
    }

    /// A processor does something to the old controllers.
    pub(crate) fn with_old<T>(&mut self, act: impl FnOnce(&mut Pics) -> T) -> T {
        let done = act(&mut self.controllers.pics);
        self.locals.set_old(self.controllers.pics.is_pending());
        done
    }

    /// The interrupt of a line with this vector ends. Those of lines that are still high begin again.
    pub(crate) fn end(&mut self, vector: u8) {
        let mut again = Vec::<_, LINES>::new();
        self.controllers.io.end(vector, |delivery| {
            // There is room for one of each line.
            let _ = again.push(delivery);
        });
        again.into_iter().for_each(|delivery| self.locals.send(delivery, NOBODY));
    }

    /// A processor writes to the I/O APIC.
    pub(crate) fn write_io(&mut self, offset: u64, value: u32) {
        if let Some(delivery) = self.controllers.io.write(offset, value) {
            self.locals.send(delivery, NOBODY);
        }
    }
}

impl Line {
    /// Where it comes in at the I/O APIC: the timer takes the place of the cascade.
    const fn pin(self) -> u8 {
        if self.0 == Self::TIMER.0 { 2 } else { self.0 }
    }
}
