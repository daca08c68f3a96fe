//! Where the parts of a device's registers lie, as its capabilities say (VIRTIO 1.2, section 4.1.4).

use pci_types::ConfigRegionAccess;
use pci_types::capability::PciCapability;
use virtio_drivers::transport::DeviceType;

use crate::pci::{Function, read};

/// Maker's number of virtio devices, and the range of their own numbers (section 4.1.2).
const VENDOR: u16 = 0x1af4;
const FIRST_MODERN: u16 = 0x1040;

/// Kinds of part (section 4.1.4).
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const INTERRUPT_STATUS: u8 = 3;
const DEVICE: u8 = 4;

/// A stretch of the registers of one BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Number of the BAR.
    pub bar: u8,
    /// First byte.
    pub offset: u32,
    /// Length in bytes.
    pub bytes: u32,
}

/// The parts of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Common configuration.
    pub common: Part,
    /// Where queues are notified, and how many bytes there are between two.
    pub notify: Part,
    /// See above.
    pub notify_multiplier: u32,
    /// Why it interrupted.
    pub interrupt_status: Part,
    /// Configuration of its kind.
    pub device: Option<Part>,
}

impl Layout {
    /// What `function` says of itself; `None` if it is no modern virtio device.
    pub fn read(access: &impl ConfigRegionAccess, function: &Function) -> Option<Self> {
        let (mut common, mut notify, mut status, mut device) = (None, None, None, None);
        for capability in function.capabilities(access) {
            let PciCapability::Vendor(place) = capability else { continue };
            let word = |offset| read(access, function.address, place.offset + offset);
            let [_, _, _, kind] = word(0).to_le_bytes();
            let [bar, ..] = word(4).to_le_bytes();
            let part = Part { bar, offset: word(8), bytes: word(12) };
            // The first of each kind is the one to be used.
            match kind {
                COMMON => common = common.or(Some(part)),
                NOTIFY => notify = notify.or(Some((part, word(16)))),
                INTERRUPT_STATUS => status = status.or(Some(part)),
                DEVICE => device = device.or(Some(part)),
                _ => {}
            }
        }
        let (notify, notify_multiplier) = notify?;
        let (common, interrupt_status) = (common?, status?);
        Some(Self { common, notify, notify_multiplier, interrupt_status, device })
    }
}

/// What kind of virtio device `function` is, if it is one.
pub fn kind(function: &Function) -> Option<DeviceType> {
    // Transitional devices have older numbers (section 4.1.2.1).
    let number = match function.device {
        0x1000 => 1,
        0x1001 => 2,
        0x1003 => 3,
        0x1004 => 8,
        0x1005 => 4,
        modern => modern.checked_sub(FIRST_MODERN)?,
    };
    DeviceType::try_from(number).ok().filter(|_| function.vendor == VENDOR)
}
