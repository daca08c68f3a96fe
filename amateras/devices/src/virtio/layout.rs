//! Where the registers of a virtio device lie, and how its configuration space says so (VIRTIO 1.2, section
//! 4.1.4).

use super::msix::{PENDING_OFFSET, VECTORS};
use super::transport::Description;
use crate::pci::{Bar, Configuration, Identity};

/// Bytes of the registers that are the kind's own.
pub const OWN_BYTES: usize = 64;

/// The maker of all virtio devices, and the number before that of the first kind.
const VENDOR: u16 = 0x1af4;
const FIRST_KIND: u16 = 0x1040;
/// BARs: ports with all registers, memory with the table of messages.
pub const PORTS: usize = 0;
pub const MESSAGES: usize = 1;
/// How many of each.
pub const PORT_COUNT: u16 = 256;
pub const MESSAGE_BYTES: u32 = 4096;
/// Parts of the registers: common ones, interrupt status, notification, the kind's own.
pub const COMMON: Part = Part { kind: 1, offset: 0x00, bytes: 0x38 };
pub const INTERRUPT_STATUS: Part = Part { kind: 3, offset: 0x40, bytes: 1 };
pub const NOTIFY: Part = Part { kind: 2, offset: 0x44, bytes: 2 };
pub const OWN: Part = Part { kind: 4, offset: 0x80, bytes: OWN_BYTES as u8 };
/// The way to all registers through configuration space.
const ACCESS: Part = Part { kind: 5, offset: 0, bytes: 0 };
/// Numbers of capabilities: of a vendor's own, of interrupts by messages.
const VENDOR_CAPABILITY: u8 = 0x09;
const MESSAGE_CAPABILITY: u8 = 0x11;
/// Control of these, in its upper half: they are in use; they all wait.
pub const MESSAGES_ON: u32 = 1 << 15;
pub const MESSAGES_WAIT: u32 = 1 << 14;

/// Where a part of the registers lies, and by which number its capability is known.
pub struct Part {
    kind: u8,
    offset: u8,
    bytes: u8,
}

impl Part {
    /// Where in the part `offset` lies, if it does.
    pub const fn at(&self, offset: u64) -> Option<u64> {
        let start = self.offset as u64;
        if start <= offset && offset < start + self.bytes as u64 {
            Some(offset - start)
        } else {
            None
        }
    }

    /// What follows the link of its capability.
    const fn capability(&self, length: u8) -> [u8; 14] {
        [length, self.kind, PORTS as u8, 0, 0, 0, self.offset, 0, 0, 0, self.bytes, 0, 0, 0]
    }
}

/// Where the capabilities are whose registers do something.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// The way to all registers through configuration space.
    pub access: usize,
    /// Interrupts by messages.
    pub messages: usize,
}

/// Where the monitor puts a device: its first port, the address of its table of messages, its interrupt line.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    pub port: u16,
    pub address: u32,
    pub line: u8,
}

/// The configuration space of a device in `socket`.
pub fn configure(description: &Description, socket: &Socket) -> (Configuration, Capabilities) {
    let identity = Identity {
        vendor: VENDOR,
        device: FIRST_KIND + description.kind as u16,
        revision: 1,
        class: description.class,
    };
    let mut configuration = Configuration::new(identity)
        .with_bar(PORTS, Bar::Ports(socket.port, PORT_COUNT))
        .with_bar(MESSAGES, Bar::Memory(socket.address, MESSAGE_BYTES))
        .with_pin(socket.line);
    for part in [&COMMON, &INTERRUPT_STATUS, &OWN] {
        configuration.add_capability(VENDOR_CAPABILITY, &part.capability(16));
    }
    // All queues are notified of at the same port, by their number.
    let mut notify = [0; 18];
    notify[..14].copy_from_slice(&NOTIFY.capability(20));
    configuration.add_capability(VENDOR_CAPABILITY, &notify);
    let mut access = [0; 18];
    access[..14].copy_from_slice(&ACCESS.capability(20));
    let access = configuration.add_capability(VENDOR_CAPABILITY, &access);
    configuration.allow(access + 4, 0xff);
    configuration.allow(access + 8, u32::MAX);
    configuration.allow(access + 12, u32::MAX);
    let mut body = [0; 10];
    body[0] = VECTORS as u8 - 1;
    body[2..6].copy_from_slice(&(MESSAGES as u32).to_le_bytes());
    body[6..].copy_from_slice(&(MESSAGES as u32 | PENDING_OFFSET).to_le_bytes());
    let messages = configuration.add_capability(MESSAGE_CAPABILITY, &body);
    configuration.allow(messages, (MESSAGES_ON | MESSAGES_WAIT) << 16);
    (configuration, Capabilities { access, messages })
}
