//! The manifest: one description of a whole system.
//!
//! It says which components there are, what each may use and what becomes of one that fails.
//! People write it as TOML, which the build interface reads, [checks](Manifest::check) and
//! [packs](Manifest::pack); the root server [unpacks](Manifest::unpack) and checks it again, and
//! starts every component with exactly what its entry names. Both share the types here, and there
//! are no others.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod check;
mod packed;
mod patience;
mod restart;

pub use check::{Defect, Field, Place};
pub use heapless::Vec;
pub use packed::Unreadable;
pub use patience::Patience;
pub use restart::{Failures, Restart, Verdict, When};

use serde::{Deserialize, Serialize};

/// Most components of a system.
pub const MOST_COMPONENTS: usize = 24;
/// Longest name of a component, program or service, in bytes.
pub const NAME_BYTES: usize = 32;
/// Most services that a component uses.
pub const MOST_USES: usize = 12;
/// Most device resources of one kind that a component has.
pub const MOST_DEVICES: usize = 4;
/// Most boot modules of a component.
pub const MOST_MODULES: usize = 6;
/// Most pieces of memory that a pool consists of.
pub const MOST_PIECES: usize = 16;
/// Most channels that a component has, to all its partners together.
pub const MOST_CHANNELS: usize = 8;
/// Memory of a channel, as logarithms of bytes: at least the rings, at most what has room.
pub const CHANNEL_BITS: core::ops::RangeInclusive<u8> = 14..=24;
/// Memory that a component shares with its device, as logarithms of bytes.
pub const DMA_BITS: core::ops::RangeInclusive<u8> = 12..=22;
/// The highest priority of a component. The root server's is above.
pub const HIGHEST_PRIORITY: u8 = 250;
/// Memory of a component, as logarithms of bytes.
pub const MEMORY_BITS: core::ops::RangeInclusive<u8> = 16..=34;
/// The service that the root server offers itself: starting and stopping components.
pub const SUPERVISOR: &str = "supervisor";
/// Another one: what happened to components.
pub const EVENTS: &str = "events";
/// A third one: switching the machine off.
pub const POWER: &str = "power";
/// The last one: what is to be done with PCI devices. Whoever uses it is the PCI server, of which there is
/// one.
pub const DEVICES: &str = "devices";

/// Whether it is the root server that offers `service`.
pub fn is_of_root(service: &str) -> bool {
    [SUPERVISOR, EVENTS, POWER, DEVICES].contains(&service)
}

/// A system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// In the order in which they are started.
    #[serde(borrow)]
    pub components: Vec<Component<'a>, MOST_COMPONENTS>,
}

/// A component: a process with an address space of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The boot module with its program.
    pub program: &'a str,
    /// Text that it is given, for its own use.
    pub arguments: &'a str,
    /// Its priority.
    pub priority: u8,
    /// Logarithm of the bytes that it has: for its program, its kernel objects, everything.
    pub memory_bits: u8,
    /// Logarithm of further bytes, from which it builds processes of its own; 0 if it builds none. Such a
    /// component gets its own address space, and may hand out capabilities to the port that it serves.
    pub pool_bits: u8,
    /// Logarithm of the bytes that its pool has at most; 0 if it has what is said above, always. One that runs on
    /// request may be started with another amount; one that always runs gets what others leave.
    pub most_pool_bits: u8,
    /// The service that it offers. The supervisor keeps the port.
    pub offers: Option<&'a str>,
    /// The services that it may call.
    #[serde(borrow)]
    pub uses: Vec<&'a str, MOST_USES>,
    /// The services that it shares memory with, to call them without waiting and for bulk data.
    #[serde(borrow)]
    pub channels: Vec<Channel<'a>, MOST_CHANNELS>,
    /// Whether it may ask to be woken at a given time.
    pub alarm: bool,
    /// I/O ports that it alone has.
    pub io_ports: Vec<PortRange, MOST_DEVICES>,
    /// Interrupt lines that it alone has.
    pub interrupts: Vec<u8, MOST_DEVICES>,
    /// Whether it alone has the screen that the firmware left.
    pub framebuffer: bool,
    /// The PCI device that it alone has.
    pub pci: Option<PciDevice>,
    /// Logarithm of the bytes that it shares with its device; 0 if its device reaches no memory.
    pub dma_bits: u8,
    /// Boot modules that it may read, if it builds processes of its own.
    #[serde(borrow)]
    pub modules: Vec<&'a str, MOST_MODULES>,
    /// Whether it starts only when somebody asks for it.
    pub on_request: bool,
    /// What becomes of it when it fails.
    pub restart: Restart,
    /// In how many milliseconds it has to answer a sign of life; 0 if it is never asked.
    pub heartbeat: u32,
}

/// Memory that a client shares with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel<'a> {
    /// The service, one of those that the component uses.
    pub to: &'a str,
    /// Logarithm of the bytes.
    pub memory_bits: u8,
}

/// A range of I/O ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// A PCI device, by the numbers that it says of itself, and which of those that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PciDevice {
    /// Its maker.
    pub vendor: u16,
    /// The maker's number for its kind.
    pub device: u16,
    /// How many that are alike come before it, in the order of their addresses.
    pub index: u8,
}

impl core::fmt::Display for PciDevice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { vendor, device, index } = self;
        write!(f, "{vendor:04x}:{device:04x}")?;
        if *index > 0 { write!(f, "/{index}") } else { Ok(()) }
    }
}

impl Manifest<'_> {
    /// Which component offers `service`.
    pub fn provider(&self, service: &str) -> Option<usize> {
        self.components.iter().position(|component| component.offers == Some(service))
    }

    /// Which component manages PCI devices.
    pub fn pci_server(&self) -> Option<usize> {
        self.components.iter().position(|component| component.uses.contains(&DEVICES))
    }

    /// All channels: the client, which of its channels, and the server.
    pub fn channels(&self) -> impl Iterator<Item = (usize, Channel<'_>, usize)> {
        let components = self.components.iter().enumerate();
        components.flat_map(|(client, component)| {
            let server = |channel: &Channel<'_>| self.provider(channel.to);
            component
                .channels
                .iter()
                .filter_map(move |channel| Some((client, *channel, server(channel)?)))
        })
    }
}
