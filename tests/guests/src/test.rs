//! What a case works with: an arena, and an alarm to sleep by.

use core::ops::{Deref, DerefMut};

use a9n_cases::{Arena, Surroundings};
use nun::abi::init::slot;
use nun::{Error, InitInfo, NotificationPort, Pcb, Reason, Rights, Timer, VirtualCpu, aci, ticks};

/// Priority of init.
const HIGHEST: u64 = 255;
/// Slots that one case can use.
const SLOTS: u64 = 256;

/// The surroundings of a case.
pub struct Test {
    arena: Arena,
    /// What it sleeps at, and the name under which the timer rings there.
    alarm: Option<(NotificationPort, NotificationPort)>,
}

impl Test {
    pub fn new(init: &'static InitInfo) -> Result<Self, Error> {
        Pcb::slot(aci::slot::PROCESS).configure_schedule(HIGHEST, 0, 0)?;
        Ok(Self { arena: Arena::new(init, SLOTS)?, alarm: None })
    }

    /// Whether there can be virtual CPUs at all.
    pub fn has_guests(&mut self) -> Result<bool, Error> {
        match self.make::<VirtualCpu>(0) {
            Ok(_) => Ok(true),
            Err(error) if error.reason == Reason::NotImplemented => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits a part of a second, so that others run.
    pub fn sleep(&mut self, part: u64) -> Result<(), Error> {
        if self.alarm.is_none() {
            let port: NotificationPort = self.make(0)?;
            self.alarm = Some((port, self.mint(port, Rights::WRITE, 1)?));
        }
        if let Some((port, bell)) = self.alarm {
            let end = ticks() + self.init().ticks_per_second / part;
            Timer::slot(slot::TIMERS).arm(end, bell)?;
            port.wait()?;
        }
        Ok(())
    }
}

impl Surroundings for Test {
    fn clean(&mut self) -> Result<(), Error> {
        self.alarm = None;
        self.arena.clear()
    }
}

impl Deref for Test {
    type Target = Arena;

    fn deref(&self) -> &Arena {
        &self.arena
    }
}

impl DerefMut for Test {
    fn deref_mut(&mut self) -> &mut Arena {
        &mut self.arena
    }
}
