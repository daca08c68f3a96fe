//! The devices of the smallest PC that boots Linux: interrupt controllers, timer, serial port, clock.
//!
//! Each is plain data that answers reads and writes of its registers. It knows no operating system:
//! time is handed in, and whoever drives it asks for the next moment at which something will happen
//! by itself. So all of it is tested on the host. [`Board`] is where they are wired to one another.
#![no_std]
#![forbid(unsafe_code)]

mod apic_timer;
mod board;
mod bus;
mod clock;
mod counter;
mod delivery;
mod devices;
mod interrupts;
mod io_apic;
mod local_apic;
mod locals;
mod memory;
pub mod pci;
mod pic;
mod pics;
mod pit;
pub mod power;
mod timeline;
mod uart;
mod vectors;
pub mod virtio;

pub use board::{Board, Request, Visit};
pub use bus::{Bus, NoBus, Place, World};
pub use clock::Clock;
pub use counter::Counter;
pub use interrupts::{Controllers, Interrupts};
pub use io_apic::{ADDRESS as IO_APIC_ADDRESS, ID as IO_APIC_ID};
pub use local_apic::{ADDRESS as LOCAL_APIC_ADDRESS, LocalApic};
pub use locals::{Locals, MOST_PROCESSORS, Start};
pub use memory::{GuestMemory, Outside};
pub use pic::Pic;
pub use pics::{Line, Pics};
pub use pit::{HERTZ as PIT_HERTZ, Pit};
pub use timeline::Timeline;
pub use uart::Uart;

/// The lowest `bytes` bytes of a value of eight.
const fn mask(bytes: u8) -> u64 {
    match bytes {
        0 => 0,
        1..=7 => (1 << (bytes as u32 * 8)) - 1,
        _ => u64::MAX,
    }
}

/// Nanoseconds since the machine was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

impl Time {
    const SECOND: u64 = 1_000_000_000;

    /// How often something that happens `hertz` times a second has happened by now.
    pub const fn cycles(self, hertz: u64) -> u64 {
        let (seconds, rest) = (self.0 / Self::SECOND, self.0 % Self::SECOND);
        seconds * hertz + rest * hertz / Self::SECOND
    }

    /// The first moment at which [`cycles`](Self::cycles) is `count`.
    pub const fn of_cycle(count: u64, hertz: u64) -> Self {
        let (seconds, rest) = (count / hertz, count % hertz);
        let nanoseconds = (rest * Self::SECOND).div_ceil(hertz);
        Self(seconds.saturating_mul(Self::SECOND).saturating_add(nanoseconds))
    }
}
