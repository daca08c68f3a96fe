//! The local interrupt controllers of all processors. Each has a lock of its own, so a processor reaches its
//! own while others are at the devices; whoever sends an interrupt locks one after the other, never two.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use heapless::Vec;
use spin::{Mutex, MutexGuard};

use crate::Time;
use crate::delivery::{Delivery, Kind};
use crate::local_apic::{Effect, LocalApic};

/// Most processors of a machine: each can have a bit as its logical number.
pub const MOST_PROCESSORS: usize = 8;

/// What one processor does to another that runs nothing of its own yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Reset: it waits for the other.
    Wait,
    /// It begins at this page, in real mode.
    At(u8),
}

/// What a processor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// An interrupt with this vector.
    Vector(u8),
    /// The one of the old controllers, which know its vector.
    Old,
}

/// All of them.
#[derive(Debug)]
pub struct Locals {
    all: Vec<Mutex<Local>, MOST_PROCESSORS>,
    /// A bit for each to which something came since somebody asked.
    reached: AtomicU32,
    /// The old controllers ask the first processor for an interrupt.
    old: AtomicBool,
}

/// One of them.
#[derive(Debug)]
struct Local {
    controller: LocalApic,
    start: Option<Start>,
}

impl Local {
    const fn new(id: u8) -> Self {
        Self { controller: LocalApic::new(id), start: None }
    }
}

impl Locals {
    /// Those of `processors` processors, at least one and at most [`MOST_PROCESSORS`].
    pub fn new(processors: usize) -> Self {
        let ids = 0..processors.clamp(1, MOST_PROCESSORS);
        let all = ids.map(|id| Mutex::new(Local::new(id as u8))).collect();
        Self { all, reached: AtomicU32::new(0), old: AtomicBool::new(false) }
    }

    /// Puts them into the state after power-on.
    pub(crate) fn restart(&self) {
        for (id, local) in self.all.iter().enumerate() {
            *local.lock() = Local::new(id as u8);
        }
        self.reached.store(0, Ordering::Relaxed);
        self.old.store(false, Ordering::Relaxed);
    }

    /// Whether `processor` is asked for an interrupt.
    pub fn is_pending(&self, processor: usize) -> bool {
        let asks =
            |local: &mut LocalApic| local.pending().is_some() || self.is_old(processor, local);
        self.with(processor, asks).unwrap_or(false)
    }

    /// `processor` takes its interrupt; answers its vector, *none* if none is pending.
    pub(crate) fn take(&self, processor: usize) -> Option<Taken> {
        self.with(processor, |local| match self.is_old(processor, local) {
            true => Some(Taken::Old),
            false => local.take().map(Taken::Vector),
        })?
    }

    fn is_old(&self, processor: usize, local: &LocalApic) -> bool {
        processor == 0 && self.old.load(Ordering::Acquire) && local.lets_old_in()
    }

    /// Whether the old controllers ask for an interrupt.
    pub(crate) fn set_old(&self, asks: bool) {
        if self.old.load(Ordering::Relaxed) != asks {
            self.old.store(asks, Ordering::Release);
            if asks {
                self.note(0);
            }
        }
    }

    /// The processors to which something came since this was last asked, a bit for each.
    pub(crate) fn take_reached(&self) -> u32 {
        // Nearly always there is none, and to read disturbs nobody.
        match self.reached.load(Ordering::Acquire) {
            0 => 0,
            _ => self.reached.swap(0, Ordering::AcqRel),
        }
    }

    /// Does something with the controller of `processor`; `None` if there is none.
    pub fn with<T>(&self, processor: usize, act: impl FnOnce(&mut LocalApic) -> T) -> Option<T> {
        Some(act(&mut self.get(processor)?.controller))
    }

    /// Whether another did something to `processor`.
    pub(crate) fn has_start(&self, processor: usize) -> bool {
        self.get(processor).is_some_and(|local| local.start.is_some())
    }

    /// What another did to `processor` since this was last asked.
    pub(crate) fn take_start(&self, processor: usize) -> Option<Start> {
        self.get(processor)?.start.take()
    }

    /// `processor` writes register `number` of its controller. Answers the vector of a line whose interrupt
    /// ends by that.
    pub(crate) fn write(&self, processor: usize, number: u64, value: u32, now: Time) -> Option<u8> {
        match self.with(processor, |local| local.write(number, value, now))? {
            Effect::None => None,
            Effect::Send(delivery) => {
                self.send(delivery, processor as u8);
                None
            }
            Effect::End(vector) => Some(vector),
        }
    }

    /// Lets happen what happens by itself up to `now`, to all of them.
    pub(crate) fn advance(&self, now: Time) {
        for (id, local) in self.all.iter().enumerate() {
            if local.lock().controller.advance(now) {
                self.note(id);
            }
        }
    }

    /// When the first of them does something by itself.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.all.iter().filter_map(|local| local.lock().controller.deadline()).min()
    }

    /// An interrupt goes to those for which processor `sender` means it.
    pub(crate) fn send(&self, Delivery { to, kind, vector, is_level }: Delivery, sender: u8) {
        let locked = || self.all.iter().map(Mutex::lock).enumerate();
        let meant = || locked().filter(|(_, local)| local.controller.is_meant(to, sender));
        match kind {
            Kind::Fixed => meant().for_each(|(id, mut local)| {
                local.controller.request(vector, is_level);
                self.note(id);
            }),
            Kind::Lowest => {
                let urgency =
                    |(id, local): (usize, MutexGuard<'_, Local>)| (local.controller.priority(), id);
                if let Some((_, id)) = meant().map(urgency).min() {
                    self.with(id, |local| local.request(vector, is_level));
                    self.note(id);
                }
            }
            // The first processor is not reset on its own.
            Kind::Init => meant().filter(|(id, _)| *id > 0).for_each(|(id, mut local)| {
                *local = Local { start: Some(Start::Wait), ..Local::new(id as u8) };
                self.note(id);
            }),
            Kind::Start => meant().filter(|(id, _)| *id > 0).for_each(|(id, mut local)| {
                local.start = Some(Start::At(vector));
                self.note(id);
            }),
            Kind::External | Kind::Other => {}
        }
    }

    fn get(&self, processor: usize) -> Option<MutexGuard<'_, Local>> {
        self.all.get(processor).map(Mutex::lock)
    }

    fn note(&self, id: usize) {
        self.reached.fetch_or(1 << id, Ordering::Release);
    }
}
