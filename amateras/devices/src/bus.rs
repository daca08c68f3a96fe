//! Where devices plug in that the board does not have of its own: a bus.
//!
//! The board asks it first, at whatever address a guest reaches for; it answers for what it has. With
//! each access comes the [`World`]: the guest's memory, the time, and the interrupts.

use crate::{GuestMemory, Interrupts, Time};

/// Where a guest reaches to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A port.
    Port(u16),
    /// An address of memory where there is no memory.
    Memory(u64),
}

/// What a device can reach while it does something.
pub struct World<'a> {
    /// The guest's memory.
    pub memory: &'a mut dyn GuestMemory,
    /// The lines to the interrupt controllers.
    pub interrupts: Interrupts<'a>,
    /// The time.
    pub now: Time,
}

/// Devices beside the board's own.
pub trait Bus {
    /// Reads `bytes` bytes, 1, 2, 4 or 8, at `place`. `None` if this bus has nothing there.
    fn read(&mut self, place: Place, bytes: u8, world: &mut World<'_>) -> Option<u64>;

    /// Writes the lowest `bytes` bytes, 1, 2, 4 or 8, of `value` to `place`. `None` if this bus has
    /// nothing there.
    fn write(&mut self, place: Place, bytes: u8, value: u64, world: &mut World<'_>) -> Option<()>;

    /// Whether one of its devices wants to be looked after.
    fn calls(&self) -> bool {
        false
    }

    /// Puts everything into the state after power-on.
    fn reset(&mut self);
}

/// A bus without devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoBus;

impl Bus for NoBus {
    fn read(&mut self, _: Place, _: u8, _: &mut World<'_>) -> Option<u64> {
        None
    }

    fn write(&mut self, _: Place, _: u8, _: u64, _: &mut World<'_>) -> Option<()> {
        None
    }

    fn reset(&mut self) {}
}
