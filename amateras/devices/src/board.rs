//! The board, which processors of a guest reach from several threads of their monitor: its local interrupt
//! controllers, each with a lock, and everything else behind one.
//!
//! What threads have to see of the devices without that lock is published whenever it is given back: that
//! somebody has to look after them, and when their timer interrupts next.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use spin::Mutex;

use crate::devices::Devices;
use crate::interrupts::Interrupts;
use crate::locals::{Locals, Start, Taken};
use crate::{Bus, GuestMemory, NoBus, Pics, Place, Time, World, local_apic, mask};

/// What a guest asks of the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To start again from the beginning.
    Reset,
    /// To be switched off.
    Off,
}

/// Where the local interrupt controllers are in memory.
const LOCAL: u64 = local_apic::ADDRESS;
const LOCAL_END: u64 = LOCAL + local_apic::BYTES;
/// A time that never comes.
const NEVER: u64 = u64::MAX;

/// An access, but for what is moved.
pub struct Visit<'a> {
    /// The processor that comes, counted from 0.
    pub processor: usize,
    /// The guest's memory.
    pub memory: &'a mut dyn GuestMemory,
    /// The time.
    pub now: Time,
}

impl Visit<'_> {
    /// The same once more.
    pub fn again(&mut self) -> Visit<'_> {
        Visit { processor: self.processor, memory: &mut *self.memory, now: self.now }
    }
}

/// All devices of the machine.
#[derive(Debug)]
pub struct Board<B = NoBus> {
    locals: Locals,
    devices: Mutex<Devices<B>>,
    /// A device wants to be looked after.
    calls: AtomicBool,
    /// When the timer interrupts next.
    deadline: AtomicU64,
}

impl<B: Bus> Board<B> {
    /// A machine with `bus` that is switched on `epoch` seconds after 1970 began.
    /// It has `processors` processors.
    pub fn new(epoch: u64, processors: usize, bus: B) -> Self {
        Self {
            locals: Locals::new(processors),
            devices: Mutex::new(Devices::new(epoch, bus)),
            calls: AtomicBool::new(false),
            deadline: AtomicU64::new(NEVER),
        }
    }

    /// Switches it off and on again, `epoch` seconds after 1970 began.
    pub fn restart(&self, epoch: u64) {
        self.with(|devices, _| devices.restart(epoch));
        self.locals.restart();
    }

    /// Does something with the devices that have one lock.
    fn with<T>(&self, act: impl FnOnce(&mut Devices<B>, &Locals) -> T) -> T {
        let mut devices = self.devices.lock();
        let done = act(&mut devices, &self.locals);
        self.calls.store(devices.calls(), Ordering::Release);
        let deadline = devices.deadline().map_or(NEVER, |time| time.0);
        self.deadline.store(deadline, Ordering::Release);
        done
    }

    /// Lets the bus do `what` it does by itself.
    pub fn with_bus<T>(
        &self,
        visit: Visit<'_>,
        what: impl FnOnce(&mut B, &mut World<'_>) -> T,
    ) -> T {
        let Visit { memory, now, .. } = visit;
        self.with(|devices, locals| devices.with_bus(locals, memory, now, what))
    }

    /// Lets somebody interrupt.
    pub fn with_interrupts<T>(&self, act: impl FnOnce(&mut Interrupts<'_>) -> T) -> T {
        self.with(|devices, locals| act(&mut devices.controllers.with(locals)))
    }

    /// Reads `bytes` bytes, 1, 2, 4 or 8, at `place`.
    pub fn read(&self, place: Place, bytes: u8, visit: Visit<'_>) -> u64 {
        if let Place::Memory(address @ LOCAL..LOCAL_END) = place {
            let number = (address - LOCAL) / 16;
            let value = self.locals.with(visit.processor, |local| local.read(number, visit.now));
            return value.unwrap_or(0).into();
        }
        self.with(|devices, locals| devices.read(place, bytes, locals, visit)) & mask(bytes)
    }

    /// Writes the lowest `bytes` bytes, 1, 2, 4 or 8, of `value` to `place`.
    pub fn write(&self, place: Place, bytes: u8, value: u64, visit: Visit<'_>) {
        let Place::Memory(address @ LOCAL..LOCAL_END) = place else {
            return self.with(|devices, locals| devices.write(place, bytes, value, locals, visit));
        };
        let (number, value) = ((address - LOCAL) / 16, value as u32);
        if let Some(vector) = self.locals.write(visit.processor, number, value, visit.now) {
            self.with_interrupts(|interrupts| interrupts.end(vector));
        }
    }

    /// The local interrupt controllers.
    pub const fn locals(&self) -> &Locals {
        &self.locals
    }

    /// Lets happen what happens by itself up to `now`.
    pub fn advance(&self, now: Time) {
        self.locals.advance(now);
        if self.deadline.load(Ordering::Acquire) <= now.0 {
            self.with(|devices, locals| devices.advance(locals, now));
        }
    }

    /// The same for the local interrupt controller of `processor` alone, which looks at it next.
    pub fn advance_local(&self, processor: usize, now: Time) {
        self.locals.with(processor, |local| local.advance(now));
    }

    /// When [`advance`](Self::advance) has to be called next, even if the guest does nothing.
    pub fn deadline(&self) -> Option<Time> {
        self.timer_deadline().into_iter().chain(self.locals.deadline()).min()
    }

    /// The same, as far as `processor` can have changed it.
    pub fn deadline_of(&self, processor: usize) -> Option<Time> {
        let local = self.locals.with(processor, |local| local.deadline());
        self.timer_deadline().into_iter().chain(local.flatten()).min()
    }

    fn timer_deadline(&self) -> Option<Time> {
        Some(self.deadline.load(Ordering::Acquire)).filter(|time| *time != NEVER).map(Time)
    }

    /// Whether a device wants to be looked after: it has something to say, or was notified of something.
    pub fn calls(&self) -> bool {
        self.calls.load(Ordering::Acquire)
    }

    /// Whether `processor` is asked for an interrupt.
    pub fn has_interrupt(&self, processor: usize) -> bool {
        self.locals.is_pending(processor)
    }

    /// `processor` takes the interrupt; answers its vector. *None* if none is pending.
    pub fn take_interrupt(&self, processor: usize) -> Option<u8> {
        match self.locals.take(processor)? {
            Taken::Vector(vector) => Some(vector),
            Taken::Old => {
                Some(self.with_interrupts(|interrupts| interrupts.with_old(Pics::acknowledge)))
            }
        }
    }

    /// Whether another did something to `processor`.
    pub fn has_start(&self, processor: usize) -> bool {
        self.locals.has_start(processor)
    }

    /// What another did to `processor` since this was last asked.
    pub fn take_start(&self, processor: usize) -> Option<Start> {
        self.locals.take_start(processor)
    }

    /// The processors to which something came since this was last asked, a bit for each.
    pub fn take_reached(&self) -> u32 {
        self.locals.take_reached()
    }

    /// What the guest asked of the machine since this was last called.
    pub fn take_request(&self) -> Option<Request> {
        self.calls().then(|| self.with(|devices, _| devices.request.take()))?
    }

    /// Takes what the guest sent over its serial port, as much as `bytes` has room for. Answers how
    /// much.
    pub fn take_output(&self, bytes: &mut [u8]) -> usize {
        self.with(|devices, locals| devices.take_output(bytes, locals))
    }

    /// Whether there is something to take.
    pub fn has_output(&self) -> bool {
        self.devices.lock().has_output()
    }

    /// How many bytes the serial port can receive now.
    pub fn input_room(&self) -> usize {
        self.devices.lock().input_room()
    }

    /// Bytes come in at the serial port; what it has no room for is lost.
    pub fn input(&self, bytes: &[u8]) {
        self.with(|devices, locals| devices.input(bytes, locals));
    }
}
