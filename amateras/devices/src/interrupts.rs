//! The way of interrupts: from lines of devices, from messages, and from one processor to another.
//!
//! A line leads to the old controllers and to the I/O APIC alike; an operating system masks what it
//! does not use. The old ones interrupt the first processor, if its local APIC lets them.

use heapless::Vec;

use crate::delivery::{Delivery, Kind};
use crate::io_apic::IoApic;
use crate::local_apic::{Effect, LocalApic};
use crate::{Line, Pics, Time};

/// Most processors of a machine: each can have a bit as its logical number.
pub const MOST_PROCESSORS: usize = 8;

/// Who says that devices sent it: none of the processors.
const NOBODY: u8 = u8::MAX;

/// What one processor does to another that runs nothing of its own yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Reset: it waits for the other.
    Wait,
    /// It begins at this page, in real mode.
    At(u8),
}

/// All interrupt controllers.
#[derive(Clone, Debug)]
pub struct Interrupts {
    pub(crate) pics: Pics,
    pub(crate) io: IoApic,
    local: Vec<LocalApic, MOST_PROCESSORS>,
    starts: [Option<Start>; MOST_PROCESSORS],
}

impl Interrupts {
    /// Those of `processors` processors, at least one and at most [`MOST_PROCESSORS`].
    pub fn new(processors: usize) -> Self {
        let ids = 0..processors.clamp(1, MOST_PROCESSORS);
        let local = ids.map(|id| LocalApic::new(id as u8)).collect();
        let (pics, io) = (Pics::default(), IoApic::default());
        Self { pics, io, local, starts: [None; MOST_PROCESSORS] }
    }

    /// How many processors there are.
    pub fn processors(&self) -> usize {
        self.local.len()
    }

    /// Sets a line: `high` while its device wants something.
    pub fn set_line(&mut self, line: Line, high: bool) {
        self.pics.set_line(line, high);
        if let Some(delivery) = self.io.set_line(line.pin(), high) {
            self.send(delivery, NOBODY);
        }
    }

    /// Whether anybody hears a line.
    pub(crate) fn hears(&self, line: Line) -> bool {
        !self.pics.is_masked(line) || !self.io.is_masked(line.pin())
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
            self.send(delivery, NOBODY);
        }
    }

    /// Whether `processor` is asked for an interrupt.
    pub fn is_pending(&self, processor: usize) -> bool {
        let Some(local) = self.local.get(processor) else { return false };
        local.pending().is_some() || processor == 0 && local.lets_old_in() && self.pics.is_pending()
    }

    /// `processor` takes the interrupt; answers its vector. *None* if none is pending.
    pub fn take(&mut self, processor: usize) -> Option<u8> {
        let local = self.local.get_mut(processor)?;
        if processor == 0 && local.lets_old_in() && self.pics.is_pending() {
            return Some(self.pics.acknowledge());
        }
        local.take()
    }

    /// What another did to `processor` since this was last asked.
    pub fn take_start(&mut self, processor: usize) -> Option<Start> {
        self.starts.get_mut(processor)?.take()
    }

    /// The local controller of `processor`.
    pub fn local(&mut self, processor: usize) -> Option<&mut LocalApic> {
        self.local.get_mut(processor)
    }

    /// `processor` reads register `number` of its local controller.
    pub(crate) fn read_local(&self, processor: usize, number: u64, now: Time) -> u32 {
        self.local.get(processor).map_or(0, |local| local.read(number, now))
    }

    /// `processor` writes register `number` of its local controller.
    pub(crate) fn write_local(&mut self, processor: usize, number: u64, value: u32, now: Time) {
        let Some(local) = self.local.get_mut(processor) else { return };
        match local.write(number, value, now) {
            Effect::None => {}
            Effect::Send(delivery) => self.send(delivery, processor as u8),
            Effect::End(vector) => {
                let mut again = Vec::<_, { crate::io_apic::LINES }>::new();
                self.io.end(vector, |delivery| {
                    // There is room for one of each line.
                    let _ = again.push(delivery);
                });
                again.into_iter().for_each(|delivery| self.send(delivery, NOBODY));
            }
        }
    }

    /// A processor writes to the I/O APIC.
    pub(crate) fn write_io(&mut self, offset: u64, value: u32) {
        if let Some(delivery) = self.io.write(offset, value) {
            self.send(delivery, NOBODY);
        }
    }

    /// Lets happen what happens by itself up to `now`.
    pub(crate) fn advance(&mut self, now: Time) {
        self.local.iter_mut().for_each(|local| local.advance(now));
    }

    /// When [`advance`](Self::advance) has to be called next.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.local.iter().filter_map(LocalApic::deadline).min()
    }

    fn send(&mut self, Delivery { to, kind, vector, is_level }: Delivery, sender: u8) {
        let meant = self.local.iter_mut().zip(&mut self.starts).enumerate();
        let meant = meant.filter(|(_, (local, _))| local.is_meant(to, sender));
        match kind {
            Kind::Fixed => meant.for_each(|(_, (local, _))| local.request(vector, is_level)),
            Kind::Lowest => {
                let least = meant.min_by_key(|(_, (local, _))| local.priority());
                if let Some((_, (local, _))) = least {
                    local.request(vector, is_level);
                }
            }
            // The first processor is not reset on its own.
            Kind::Init => meant.filter(|(id, _)| *id > 0).for_each(|(id, (local, start))| {
                *local = LocalApic::new(id as u8);
                *start = Some(Start::Wait);
            }),
            Kind::Start => {
                meant.filter(|(id, _)| *id > 0).for_each(|(_, (_, start))| {
                    *start = Some(Start::At(vector));
                });
            }
            Kind::External | Kind::Other => {}
        }
    }
}

impl Line {
    /// Where it comes in at the I/O APIC: the timer takes the place of the cascade.
    const fn pin(self) -> u8 {
        if self.0 == Self::TIMER.0 { 2 } else { self.0 }
    }
}
