//! PCI: finding functions, their registers and their interrupts.
//!
//! Configuration space is reached through the two I/O ports of the original mechanism (PCI Local Bus
//! Specification 3.0, section 3.2.2.3.2), which every PC has; that is the first 256 bytes of each
//! function, where all capabilities lie that a driver needs.

mod bar;
mod capabilities;
mod reset;
mod snapshot;

use nun::{Error, IoPort, Slots};
use pci_types::capability::{MsixCapability, PciCapability};
use pci_types::{CommandRegister, ConfigRegionAccess, EndpointHeader, PciAddress, PciHeader};
use safe_mmio::field;
use safe_mmio::fields::ReadPureWrite;

use crate::{DeviceMemory, InterruptMessage, Port, Registers};

pub use pci_types;
pub use reset::{Bars, RESET_MILLISECONDS};
pub use snapshot::{CONFIGURATION_BYTES, Snapshot};

/// Where an address is written, and where its data are read and written.
const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;

/// Configuration space, by way of I/O ports.
#[derive(Clone, Copy, Debug)]
pub struct ConfigurationPorts {
    address: Port<u32>,
    data: Port<u32>,
}

impl ConfigurationPorts {
    /// Through `ports`, which must hold ports 0xcf8 to 0xcff. Only one process at a time may use them.
    pub const fn new(ports: IoPort) -> Self {
        Self { address: Port::new(ports, ADDRESS), data: Port::new(ports, DATA) }
    }

    fn select(&self, address: PciAddress, offset: u16) -> Result<(), Error> {
        let function = u32::from(address.device()) << 3 | u32::from(address.function());
        let place = u32::from(address.bus()) << 16 | function << 8 | u32::from(offset & 0xfc);
        self.address.write(ENABLE | place)
    }
}

impl ConfigRegionAccess for ConfigurationPorts {
    // A port that may not be used reads like a function that is not there.
    // SAFETY: nothing is asked of the caller: a wrong address concerns no memory.
    unsafe fn read(&self, address: PciAddress, offset: u16) -> u32 {
        self.select(address, offset).and_then(|()| self.data.read()).unwrap_or(u32::MAX)
    }

    // SAFETY: as for `read`.
    unsafe fn write(&self, address: PciAddress, offset: u16, value: u32) {
        // Whoever wants to know reads it again.
        let _ = self.select(address, offset).and_then(|()| self.data.write(value));
    }
}

/// Reads the word of configuration space at `offset` of the function at `address`.
pub fn read(access: &impl ConfigRegionAccess, address: PciAddress, offset: u16) -> u32 {
    // SAFETY: any offset is valid for reads in the mechanisms there are; what is not there reads as
    // ones.
    unsafe { access.read(address, offset) }
}

/// Writes the word of configuration space at `offset` of the function at `address`, which must be
/// one that nobody else drives.
fn write(access: &impl ConfigRegionAccess, address: PciAddress, offset: u16, value: u32) {
    // SAFETY: no Rust object lies in registers of devices, wherever those are put.
    unsafe { access.write(address, offset, value) }
}

/// A function that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Where it is.
    pub address: PciAddress,
    /// Its maker, and the maker's number for it.
    pub vendor: u16,
    /// See above.
    pub device: u16,
    /// What it is: base class and sub-class (PCI Code and ID Assignment Specification).
    pub class: (u8, u8),
}

/// Every function of the first segment, in order of address.
pub fn scan<A: ConfigRegionAccess>(access: &A) -> impl Iterator<Item = Function> + '_ {
    let places = (0..=u8::MAX).flat_map(|bus| (0..32).map(move |device| (bus, device)));
    places.flat_map(move |(bus, device)| {
        let first = function(access, PciAddress::new(0, bus, device, 0));
        let several =
            first.is_some_and(|it| PciHeader::new(it.address).has_multiple_functions(access));
        let more = if several { 1..8 } else { 0..0 };
        let more = more
            .filter_map(move |number| function(access, PciAddress::new(0, bus, device, number)));
        first.into_iter().chain(more)
    })
}

/// The function at `address`, if there is one.
pub fn function(access: &impl ConfigRegionAccess, address: PciAddress) -> Option<Function> {
    let header = PciHeader::new(address);
    let (vendor, device) = header.id(access);
    if vendor == u16::MAX {
        return None;
    }
    let (_, class, subclass, _) = header.revision_and_class(access);
    Some(Function { address, vendor, device, class: (class, subclass) })
}

impl Function {
    /// Its header, if it is no bridge.
    pub fn endpoint(&self, access: &impl ConfigRegionAccess) -> Option<EndpointHeader> {
        EndpointHeader::from_header(PciHeader::new(self.address), access)
    }

    /// The frame with the registers of BAR `number`, and where in the frame they begin. A frame has
    /// at least a page: smaller ones of several functions may share one, which is given out once.
    pub fn bar_frame(
        &self,
        access: &impl ConfigRegionAccess,
        number: u8,
        devices: &mut DeviceMemory,
        slots: &mut impl Slots,
    ) -> Option<Result<(nun::Frame, u64), Error>> {
        let (address, bytes) = self.bar(access, number)?;
        let bits = bytes.max(4096).trailing_zeros() as u8;
        let first = address & !((1 << bits) - 1);
        Some(devices.frame(first, bits, slots).map(|frame| (frame, address - first)))
    }

    /// Lets it answer to its addresses in memory, and read and write memory itself if `masters`, by
    /// way of the bridges before it.
    pub fn enable(&self, access: &impl ConfigRegionAccess, masters: BusMaster) {
        if masters == BusMaster::Yes {
            self.open_bridges(access);
        }
        PciHeader::new(self.address).update_command(access, |command| {
            let command = command | CommandRegister::MEMORY_ENABLE;
            match masters {
                BusMaster::Yes => command | CommandRegister::BUS_MASTER_ENABLE,
                BusMaster::No => command - CommandRegister::BUS_MASTER_ENABLE,
            }
        });
    }

    /// Ends all that it does by itself, and answers to no address in memory.
    pub fn disable(&self, access: &impl ConfigRegionAccess) {
        PciHeader::new(self.address).update_command(access, |command| {
            command - (CommandRegister::MEMORY_ENABLE | CommandRegister::BUS_MASTER_ENABLE)
        });
    }

    /// Its MSI-X capability.
    pub fn msix(&self, access: &impl ConfigRegionAccess) -> Option<MsixCapability> {
        self.capabilities(access).find_map(|capability| match capability {
            PciCapability::MsiX(msix) => Some(msix),
            _ => None,
        })
    }
}

/// Whether a function may read and write memory by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusMaster {
    /// It may.
    Yes,
    /// It may not. What it still has under way ends here.
    No,
}

/// One entry of an MSI-X table (PCI Local Bus Specification 3.0, section 6.8.2).
#[repr(C)]
struct MsixEntry {
    address_low: ReadPureWrite<u32>,
    address_high: ReadPureWrite<u32>,
    data: ReadPureWrite<u32>,
    control: ReadPureWrite<u32>,
}

/// Has entry `number` of the MSI-X table in `table` raise `message`. Whoever can do so can raise any
/// interrupt, so the table is never mapped for a driver. Answers whether there is such an entry.
pub fn route(table: &Registers, number: usize, message: InterruptMessage) -> bool {
    let Some(mut entry) = table.block::<MsixEntry>(number * size_of::<MsixEntry>()) else {
        return false;
    };
    field!(entry, address_low).write(message.address as u32);
    field!(entry, address_high).write((message.address >> 32) as u32);
    field!(entry, data).write(message.data);
    // Not masked.
    field!(entry, control).write(0);
    true
}
