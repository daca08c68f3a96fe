//! The PCI server: it alone reaches configuration space and the tables that choose interrupts.
//!
//! It finds devices, sets them up for their drivers, and brings them to rest when those died. What is to
//! be done, the root server knows; each order says all that is needed, and may be begun again by
//! another instance at whatever point this one dies. What devices say of themselves is read here, and
//! nowhere that is not restarted.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use koito::services::{
    DeviceInterrupt, DevicePlace, DeviceTable, DevicesClient, Extent, Order, Task,
};
use koito::{CONFIGURATION_BYTES, Environment, Missing};
use nun::service::{Failure, Vec};
use nun_driver::pci::pci_types::PciAddress;
use nun_driver::pci::{Bars, BusMaster, ConfigurationPorts, Function};
use nun_driver::pci::{function, read, route, scan};
use nun_driver::{InterruptMessage, Registers};

nun::entry!(main);

/// Bytes of an entry of an MSI-X table.
const ENTRY_BYTES: u64 = 16;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let (ports, _) = environment.io_ports(0)?;
    let server = Server {
        access: ConfigurationPorts::new(ports),
        root: DevicesClient::new(environment.service("devices")?),
    };
    loop {
        match server.attend() {
            Ok(true) => {}
            Ok(false) => {
                koito::wait().expect("the root server keeps the port");
            }
            Err(error) => panic!("the root server is gone: {error}"),
        }
    }
}

struct Server {
    access: ConfigurationPorts,
    root: DevicesClient,
}

impl Server {
    /// Carries out the next order; answers whether there was one.
    fn attend(&self) -> Result<bool, Failure> {
        let Some(order) = self.root.next()? else { return Ok(false) };
        let number = order.number;
        match (order.task, order.place) {
            (Task::Measure, Some(place)) => {
                let (registers, table) = self.measure(place);
                self.root.measured(number, registers.into(), table)?;
            }
            // What does not answer any more is being reset already, for all that can be known.
            (Task::Quiesce, Some(place)) => {
                let is_reset = self.function(place).is_none_or(|it| it.quiesce(&self.access));
                self.root.rests(number, is_reset)?;
            }
            (Task::SetUp, Some(place)) => {
                self.set_up(&order, place);
                self.root.is_set_up(number, self.configuration(place))?;
            }
            (Task::Find, _) | (_, None) => self.root.found(number, self.find(order.kind))?,
        }
        Ok(true)
    }

    fn find(&self, (vendor, device, which): (u16, u16, u8)) -> Option<DevicePlace> {
        let is_it = |it: &Function| (it.vendor, it.device) == (vendor, device);
        let found = scan(&self.access).filter(is_it).nth(which.into())?;
        let Bars(bars) = found.bars(&self.access);
        let bus = u16::from(found.address.bus()) << 8;
        let number = found.address.device() << 3 | found.address.function();
        Some(DevicePlace { function: bus | u16::from(number), bars: bars.into() })
    }

    /// The function at `place`, if it answers.
    fn function(&self, place: DevicePlace) -> Option<Function> {
        function(&self.access, address(place))
    }

    fn measure(&self, place: DevicePlace) -> ([Option<Extent>; 6], Option<DeviceTable>) {
        let Some(function) = self.function(place) else { return ([None; 6], None) };
        let measured = function.measure(&self.access, &Bars(place.bars.into()));
        let extents = measured.map(|it| it.map(|(address, bytes)| Extent { address, bytes }));
        let table = function.msix(&self.access).and_then(|msix| {
            let bar = msix.table_bar();
            let all = (*extents.get(usize::from(bar))?)?;
            let offset = u64::from(msix.table_offset());
            let bytes = u64::from(msix.table_size()) * ENTRY_BYTES;
            let lies = offset.checked_add(bytes)? <= all.bytes;
            let extent = Extent { address: all.address + offset, bytes };
            lies.then_some(DeviceTable { bar, extent })
        });
        (extents, table)
    }

    /// Puts registers where they were, has every interrupt be the one that the order says, and lets the
    /// device master the bus in the end.
    fn set_up(&self, order: &Order, place: DevicePlace) {
        let Some(function) = self.function(place) else { return };
        function.restore(&self.access, &Bars(place.bars.into()));
        function.enable(&self.access, BusMaster::No);
        if let Some(DeviceInterrupt { table, table_bytes, address, data }) = order.interrupt
            && let Some(mut msix) = function.msix(&self.access)
        {
            let table = Registers::in_workspace(table, table_bytes as usize);
            let message = InterruptMessage { address, data };
            (0..usize::from(msix.table_size())).all(|entry| route(&table, entry, message));
            msix.set_enabled(true, self.access);
        }
        if order.masters {
            function.enable(&self.access, BusMaster::Yes);
        }
    }

    fn configuration(&self, place: DevicePlace) -> Vec<u8, CONFIGURATION_BYTES> {
        let offsets = (0..CONFIGURATION_BYTES as u16).step_by(4);
        offsets.flat_map(|at| read(&self.access, address(place), at).to_le_bytes()).collect()
    }
}

fn address(DevicePlace { function, .. }: DevicePlace) -> PciAddress {
    let [bus, number] = function.to_be_bytes();
    PciAddress::new(0, bus, number >> 3, number & 7)
}
