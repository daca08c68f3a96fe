//! Reset of a function, so that it forgets what a driver that died had told it.

use pci_types::capability::PciCapability;
use pci_types::{CommandRegister, ConfigRegionAccess, HeaderType, PciHeader, PciPciBridgeHeader};

use super::{BusMaster, Function, read, scan, write};

/// How long a function may take for its reset (PCI Express Base Specification, section 6.6.2).
pub const RESET_MILLISECONDS: u64 = 100;

/// Where a function's BARs are in configuration space.
const BAR_OFFSETS: [u16; 6] = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24];

/// Registers of the PCI Express capability, and their bits (section 7.5.3).
const DEVICE_CAPABILITIES: u16 = 4;
const CAN_BE_RESET: u32 = 1 << 28;
const DEVICE_CONTROL: u16 = 8;
const RESET: u32 = 1 << 15;

/// What the firmware wrote into a function's BARs, which a reset forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bars(pub [u32; 6]);

impl Function {
    /// Where its registers are.
    pub fn bars(&self, access: &impl ConfigRegionAccess) -> Bars {
        Bars(BAR_OFFSETS.map(|offset| read(access, self.address, offset)))
    }

    /// Puts its registers where they were.
    pub fn restore(&self, access: &impl ConfigRegionAccess, bars: &Bars) {
        for (offset, value) in BAR_OFFSETS.into_iter().zip(bars.0) {
            write(access, self.address, offset, value);
        }
    }

    /// Begins to reset it, if it can be by itself: it forgets everything, its BARs included, and is
    /// ready again after [`RESET_MILLISECONDS`]. It should not master the bus any more.
    pub fn reset(&self, access: &impl ConfigRegionAccess) -> bool {
        let express = self.capabilities(access).find_map(|capability| match capability {
            PciCapability::PciExpress(place) => Some(place.offset),
            _ => None,
        });
        let Some(express) = express else { return false };
        let can = read(access, self.address, express + DEVICE_CAPABILITIES) & CAN_BE_RESET != 0;
        if can {
            // The upper half is the status, in which a written one would clear a bit.
            let control = read(access, self.address, express + DEVICE_CONTROL) & 0xffff;
            write(access, self.address, express + DEVICE_CONTROL, control | RESET);
        }
        can
    }

    /// Lets the bridges before it pass on what it reads and writes itself. They are on buses of lower
    /// numbers.
    pub(super) fn open_bridges(&self, access: &impl ConfigRegionAccess) {
        for bridge in scan(access).take_while(|it| it.address.bus() < self.address.bus()) {
            let mut header = PciHeader::new(bridge.address);
            if !matches!(header.header_type(access), HeaderType::PciPciBridge) {
                continue;
            }
            let leads_to = PciPciBridgeHeader::from_header(PciHeader::new(bridge.address), access)
                .map(|it| it.secondary_bus_number(access)..=it.subordinate_bus_number(access));
            if leads_to.is_some_and(|buses| buses.contains(&self.address.bus())) {
                header.update_command(access, |command| {
                    command | CommandRegister::MEMORY_ENABLE | CommandRegister::BUS_MASTER_ENABLE
                });
            }
        }
    }

    /// Ends all that it does by itself, and has it forget everything. Answers whether it could be
    /// reset.
    pub fn quiesce(&self, access: &impl ConfigRegionAccess) -> bool {
        self.enable(access, BusMaster::No);
        self.reset(access)
    }
}
