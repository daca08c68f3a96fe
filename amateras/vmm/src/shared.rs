//! What all threads of a monitor have before them: the machine, and its processors.
//!
//! Threads sit at *seats*, one on each CPU that processors of the guest run on; each answers the exits of
//! those on its own. The first seat is the monitor's first thread, which also does everything else.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use amateras_devices::MOST_PROCESSORS;
use amateras_devices::pci::Pci;
use amateras_machine::{End, Machine};
use nun::heapless::Vec;
use nun::{Error, IpcPort, NotificationPort};
use spin::{Mutex, Once};

use crate::memory::Memory;
use crate::processors::{Doing, VirtualProcessors};

/// The one of this program.
pub static SHARED: Once<Shared> = Once::new();

/// The first seat.
pub const FIRST: usize = 0;
/// No time at all.
const NEVER: u64 = u64::MAX;

/// How a thread is reached.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Where it receives exits, and orders of the first.
    pub port: IpcPort,
    /// Rings there.
    pub bell: NotificationPort,
    /// What rings: bound to the thread.
    pub notification: NotificationPort,
}

/// All seats.
pub type Seats = Vec<Seat, MOST_PROCESSORS>;

/// All of it.
#[derive(Debug)]
pub struct Shared {
    /// What the guest sees.
    pub machine: Machine<Pci>,
    /// Its processors.
    pub processors: VirtualProcessors,
    /// Its memory.
    pub memory: Memory,
    /// Ticks of the time-stamp counter in a millisecond.
    pub ticks_per_millisecond: u64,
    seats: Seats,
    /// Somebody wants the first thread to look around.
    attention: AtomicBool,
    /// What the alarm is set for, in ticks.
    alarm: AtomicU64,
    /// Why the guest does not go on, as who met it says.
    ended: Mutex<Option<End>>,
}

impl Shared {
    /// A machine whose processors wait to be started.
    pub const fn new(
        machine: Machine<Pci>,
        processors: VirtualProcessors,
        memory: Memory,
        seats: Seats,
        ticks_per_millisecond: u64,
    ) -> Self {
        Self {
            machine,
            processors,
            memory,
            ticks_per_millisecond,
            seats,
            attention: AtomicBool::new(false),
            alarm: AtomicU64::new(NEVER),
            ended: Mutex::new(None),
        }
    }

    /// The seats.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// Those besides the first.
    pub fn others(&self) -> &[Seat] {
        self.seats.get(1..).unwrap_or_default()
    }

    /// Makes the first thread look around; the one at seat `me` wants it.
    pub fn call_first(&self, me: usize) -> Result<(), Error> {
        let is_called = self.attention.swap(true, Ordering::AcqRel);
        match self.seats.get(FIRST) {
            Some(first) if me != FIRST && !is_called => first.bell.notify(),
            _ => Ok(()),
        }
    }

    /// Whether the first thread was called since it last asked.
    pub fn take_call(&self) -> bool {
        self.attention.swap(false, Ordering::AcqRel)
    }

    /// If `deadline` is before what the alarm is set for, it is what that is to be set for now.
    pub fn take_alarm(&self, deadline: u64) -> Option<u64> {
        self.is_sooner(deadline).then(|| {
            self.alarm.store(deadline, Ordering::Release);
            deadline
        })
    }

    /// Whether `deadline` is before what the alarm is set for.
    pub fn is_sooner(&self, deadline: u64) -> bool {
        deadline < self.alarm.load(Ordering::Acquire)
    }

    /// The alarm rang.
    pub fn rang(&self) {
        self.alarm.store(NEVER, Ordering::Release);
    }

    /// Whether no processor can ever go on: each waits for another to start it.
    pub fn is_dead(&self) -> bool {
        let is_started = |number| self.machine.board.has_start(number);
        let mut all = self.processors.iter().enumerate();
        all.all(|(number, it)| it.doing() == Doing::Waiting && !is_started(number))
    }

    /// The guest does not go on. The first reason counts.
    pub fn end(&self, end: End) {
        self.ended.lock().get_or_insert(end);
    }

    /// Why it does not, since this was last asked.
    pub fn take_end(&self) -> Option<End> {
        self.ended.lock().take()
    }

    /// Tells processors what came for them. The thread at seat `me` does it.
    pub fn tell(&self, me: usize) -> Result<(), Error> {
        let mut reached = self.machine.board.take_reached();
        while reached != 0 {
            let number = reached.trailing_zeros() as usize;
            reached &= reached - 1;
            let Some(processor) = self.processors.get(number) else { continue };
            match processor.doing() {
                Doing::Running if !self.machine.board.has_start(number) => {
                    if self.machine.board.has_interrupt(number) {
                        processor.kick()?;
                    }
                }
                _ => self.ring(processor.seat, me)?,
            }
        }
        Ok(())
    }

    /// Makes the thread at `seat` look after its processors; the one at seat `me` wants it.
    pub fn ring(&self, seat: usize, me: usize) -> Result<(), Error> {
        match self.seats.get(seat) {
            Some(other) if seat != FIRST => other.bell.notify(),
            _ => self.call_first(me),
        }
    }
}
