//! A virtio device as a PCI function: its registers, its queues, its interrupts (VIRTIO 1.2, section 4.1).
//!
//! Its registers are I/O ports, which the standard allows: the processor says which port was meant, so to
//! reach one no instruction has to be decoded. Only the table of interrupt messages has to be in memory.

use heapless::Vec;

use super::chain::Chain;
use super::feature;
use super::msix::{Message, NO_VECTOR, PENDING_OFFSET, Table, VECTORS};
use super::queue::{MOST_ENTRIES, Malformed, Queue};
use crate::pci::{Bar, Configuration, Identity};
use crate::{GuestMemory, mask};

/// Most queues of a device.
pub const MOST_QUEUES: usize = 2;
/// Bytes of the registers that are the kind's own.
pub const OWN_BYTES: usize = 64;

/// The maker of all virtio devices, and the number before that of the first kind.
const VENDOR: u16 = 0x1af4;
const FIRST_KIND: u16 = 0x1040;
/// BARs: ports with all registers, memory with the table of messages.
const PORTS: usize = 0;
const MESSAGES: usize = 1;
/// How many of each.
pub const PORT_COUNT: u16 = 256;
pub const MESSAGE_BYTES: u32 = 4096;
/// Parts of the registers: common ones, interrupt status, notification, the kind's own.
const COMMON: Part = Part { kind: 1, offset: 0x00, bytes: 0x38 };
const INTERRUPT_STATUS: Part = Part { kind: 3, offset: 0x40, bytes: 1 };
const NOTIFY: Part = Part { kind: 2, offset: 0x44, bytes: 2 };
const OWN: Part = Part { kind: 4, offset: 0x80, bytes: OWN_BYTES as u8 };
/// The way to all registers through configuration space.
const ACCESS: Part = Part { kind: 5, offset: 0, bytes: 0 };
/// Numbers of capabilities: of a vendor's own, of interrupts by messages.
const VENDOR_CAPABILITY: u8 = 0x09;
const MESSAGE_CAPABILITY: u8 = 0x11;
/// Control of these, in its upper half: they are in use; they all wait.
const MESSAGES_ON: u32 = 1 << 15;
const MESSAGES_WAIT: u32 = 1 << 14;
/// Interrupt status: a queue, the configuration.
const QUEUE_INTERRUPT: u8 = 1;
const CHANGE_INTERRUPT: u8 = 2;

/// Status of a device.
mod status {
    pub const DRIVER_OK: u8 = 0x04;
    pub const FEATURES_OK: u8 = 0x08;
    pub const NEEDS_RESET: u8 = 0x40;
    /// What the driver may set.
    pub const BY_DRIVER: u8 = 0x8f;
}

/// Where a part of the registers lies, and by which number its capability is known.
struct Part {
    kind: u8,
    offset: u8,
    bytes: u8,
}

impl Part {
    /// Where in the part `offset` lies, if it does.
    const fn at(&self, offset: u64) -> Option<u64> {
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

/// The kinds of devices that there are here, with their numbers (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A disk.
    Block = 2,
    /// A console.
    Console = 3,
    /// A source of random numbers.
    Entropy = 4,
}

/// A device that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// What it is.
    pub kind: Kind,
    /// Its class on PCI.
    pub class: u32,
    /// What it can do, besides what all can.
    pub features: u64,
    /// How many queues it has.
    pub queues: usize,
    /// Its own registers.
    pub own: [u8; OWN_BYTES],
}

/// Where the monitor puts a device: its first port, the address of its table of messages, its interrupt line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Socket {
    pub port: u16,
    pub address: u32,
    pub line: u8,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Transport {
    pub(crate) configuration: Configuration,
    pub(crate) socket: Socket,
    description: Description,
    /// Where the capabilities are whose registers do something.
    access: usize,
    messages: usize,
    offered: u64,
    accepted: u64,
    /// Which half of each is at the registers.
    offered_half: u32,
    accepted_half: u32,
    status: u8,
    change_vector: u16,
    selected: u16,
    queues: Vec<Queue, MOST_QUEUES>,
    /// Queues that the driver notified of, a bit each.
    notified: u8,
    interrupts: u8,
    table: Table,
    /// How often it was reset.
    resets: u64,
}

impl Transport {
    /// A device in `socket`, as after power was switched on.
    pub(crate) fn new(description: Description, socket: Socket) -> Self {
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
        let offered = feature::VERSION_1 | feature::INDIRECT | feature::EVENT_INDEX;
        let mut it = Self {
            configuration,
            socket,
            access,
            messages,
            offered: offered | description.features,
            description,
            accepted: 0,
            offered_half: 0,
            accepted_half: 0,
            status: 0,
            change_vector: NO_VECTOR,
            selected: 0,
            queues: Vec::new(),
            notified: 0,
            interrupts: 0,
            table: Table::new(),
            resets: 0,
        };
        it.reset();
        it
    }

    /// Switches it off and on.
    pub(crate) fn restart(&mut self) {
        let resets = self.resets;
        *self = Self::new(self.description, self.socket);
        self.resets += resets;
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.description.kind
    }

    /// How often it was reset. What belongs to earlier times is nobody's any more.
    pub const fn resets(&self) -> u64 {
        self.resets
    }

    /// Whether the driver accepted all of these features.
    pub const fn has(&self, features: u64) -> bool {
        self.accepted & features == features
    }

    /// Whether the driver notified of a queue since it was [taken](Self::take) from in vain.
    pub const fn is_notified(&self) -> bool {
        self.notified != 0
    }

    /// The next chain in queue `number`: none if there is none, or the device does not run. A driver that
    /// broke the protocol is told to reset it.
    pub fn take(
        &mut self,
        number: usize,
        memory: &mut (impl GuestMemory + ?Sized),
    ) -> Option<Chain> {
        let accepted = self.accepted;
        let taken = self.running(number)?.take(memory, accepted);
        if !matches!(taken, Ok(Some(_))) {
            self.notified &= !(1 << number);
        }
        taken.unwrap_or_else(|error| self.refuse(error))
    }

    /// That the driver notified of queue `number` is of no interest: it will be looked at anyway.
    pub fn heed(&mut self, number: usize) {
        self.notified &= !(1 << number);
    }

    /// Gives back a chain of queue `number`, of which `written` bytes were written.
    pub fn put(
        &mut self,
        number: usize,
        memory: &mut (impl GuestMemory + ?Sized),
        chain: &Chain,
        written: u32,
    ) {
        let accepted = self.accepted;
        let Some(queue) = self.running(number) else { return };
        let vector = queue.vector;
        match queue.put(memory, accepted, chain, written) {
            Ok(true) => self.interrupt(vector, QUEUE_INTERRUPT),
            Ok(false) => {}
            Err(error) => {
                self.refuse::<()>(error);
            }
        }
    }

    /// The driver broke the protocol: nothing is done any more until it resets the device.
    pub fn refuse<T>(&mut self, _: Malformed) -> Option<T> {
        self.status |= status::NEEDS_RESET;
        self.notified = 0;
        self.interrupt(self.change_vector, CHANGE_INTERRUPT);
        None
    }

    /// What is to be sent to an interrupt controller next.
    pub fn take_message(&mut self) -> Option<Message> {
        let control = self.configuration.read(self.messages + 2, 2);
        let may = control & (MESSAGES_ON | MESSAGES_WAIT) == MESSAGES_ON
            && self.configuration.is_master();
        if may && self.table.has_messages() { self.table.take() } else { None }
    }

    /// Whether its interrupt line is up now.
    pub(crate) fn pin(&mut self) -> bool {
        let wanted = self.interrupts != 0 && !self.sends_messages();
        self.configuration.set_pin(wanted)
    }

    pub(crate) fn read_configuration(&mut self, offset: usize, bytes: u8) -> u32 {
        if let Some((register, width)) = self.accessed(offset) {
            let value = self.read(PORTS, register, width);
            return value >> (8 * (offset - self.access - 16)) & mask(bytes) as u32;
        }
        self.configuration.read(offset, bytes)
    }

    pub(crate) fn write_configuration(&mut self, offset: usize, bytes: u8, value: u32) {
        if let Some((register, width)) = self.accessed(offset) {
            self.write(PORTS, register, width, value);
        }
        self.configuration.write(offset, bytes, value);
    }

    /// Reads `bytes` bytes, at most 4, at `offset` of a BAR.
    pub(crate) fn read(&mut self, bar: usize, offset: u64, bytes: u8) -> u32 {
        if bar == MESSAGES {
            let byte = |at: u64| u32::from(self.table.read((offset + at) as usize)) << (8 * at);
            return (0..bytes.into()).map(byte).sum();
        }
        let value = if let Some(at) = COMMON.at(offset) {
            self.read_common(at)
        } else if INTERRUPT_STATUS.at(offset).is_some() {
            u32::from(core::mem::take(&mut self.interrupts))
        } else if let Some(at) = OWN.at(offset) {
            let mut value = [0; 4];
            for (to, byte) in value.iter_mut().zip(self.description.own.iter().skip(at as usize)) {
                *to = *byte;
            }
            u32::from_le_bytes(value)
        } else {
            0
        };
        value & mask(bytes) as u32
    }

    /// Writes `bytes` bytes, at most 4, at `offset` of a BAR.
    pub(crate) fn write(&mut self, bar: usize, offset: u64, bytes: u8, value: u32) {
        if bar == MESSAGES {
            for (at, byte) in (offset as usize..).zip(value.to_le_bytes()).take(bytes.into()) {
                self.table.write(at, byte);
            }
        } else if let Some(at) = COMMON.at(offset) {
            self.write_common(at, value & mask(bytes) as u32);
        } else if NOTIFY.at(offset) == Some(0) {
            let number = (value & 0xffff) as usize;
            if self.running(number).is_some() {
                self.notified |= 1 << number;
            }
        }
    }

    /// The register that the capability for that leads to, and how wide the access to it is, if `offset` is
    /// where it does.
    fn accessed(&self, offset: usize) -> Option<(u64, u8)> {
        let window = self.access + 16;
        let is_there = (window..window + 4).contains(&offset);
        let word = |at| self.configuration.read(self.access + at, 4);
        let (bar, register, width) = (word(4) & 0xff, word(8), word(12));
        let known = bar == PORTS as u32 && matches!(width, 1 | 2 | 4);
        (is_there && known).then_some((register.into(), width as u8))
    }

    /// Queue `number` of a device that runs.
    fn running(&mut self, number: usize) -> Option<&mut Queue> {
        let runs = self.status & (status::DRIVER_OK | status::NEEDS_RESET) == status::DRIVER_OK
            && self.configuration.is_master();
        self.queues.get_mut(number).filter(|queue| runs && queue.enabled)
    }

    fn interrupt(&mut self, vector: u16, reason: u8) {
        if self.sends_messages() {
            self.table.raise(vector);
        } else {
            self.interrupts |= reason;
        }
    }

    fn sends_messages(&self) -> bool {
        self.configuration.read(self.messages + 2, 2) & MESSAGES_ON != 0
    }

    fn reset(&mut self) {
        (self.accepted, self.offered_half, self.accepted_half) = (0, 0, 0);
        (self.status, self.change_vector, self.selected) = (0, NO_VECTOR, 0);
        (self.notified, self.interrupts) = (0, 0);
        let count = self.description.queues;
        self.queues = core::iter::repeat_n(Queue::new(MOST_ENTRIES), count).collect();
        self.resets += 1;
    }

    fn selected(&mut self) -> Option<&mut Queue> {
        self.queues.get_mut(usize::from(self.selected))
    }

    fn read_common(&mut self, offset: u64) -> u32 {
        let half = |value: u64, half: u32| match half {
            0 => value as u32,
            1 => (value >> 32) as u32,
            _ => 0,
        };
        let queue = self.selected().cloned().unwrap_or_default();
        match offset {
            0x00 => self.offered_half,
            0x04 => half(self.offered, self.offered_half),
            0x08 => self.accepted_half,
            0x0c => half(self.accepted, self.accepted_half),
            0x10 => self.change_vector.into(),
            0x12 => self.queues.len() as u32,
            0x14 => self.status.into(),
            0x16 => self.selected.into(),
            0x18 => queue.size.into(),
            0x1a => queue.vector.into(),
            0x1c => queue.enabled.into(),
            0x20 => half(queue.descriptors, 0),
            0x24 => half(queue.descriptors, 1),
            0x28 => half(queue.available, 0),
            0x2c => half(queue.available, 1),
            0x30 => half(queue.used, 0),
            0x34 => half(queue.used, 1),
            _ => 0,
        }
    }

    fn write_common(&mut self, offset: u64, value: u32) {
        let vector = if value < VECTORS as u32 { value as u16 } else { NO_VECTOR };
        match offset {
            0x00 => self.offered_half = value,
            0x08 => self.accepted_half = value,
            // Features are settled before the device takes them.
            0x0c if self.status & status::FEATURES_OK == 0 => {
                set_half(&mut self.accepted, self.accepted_half, value);
            }
            0x10 => self.change_vector = vector,
            0x14 => self.write_status(value as u8),
            0x16 => self.selected = value as u16,
            _ => self.write_queue(offset, value, vector),
        }
    }

    fn write_status(&mut self, value: u8) {
        if value == 0 {
            return self.reset();
        }
        let mut value = value & status::BY_DRIVER | self.status & status::NEEDS_RESET;
        let fits = self.accepted & !self.offered == 0 && self.has(feature::VERSION_1);
        if self.status & status::FEATURES_OK == 0 && !fits {
            value &= !status::FEATURES_OK;
        }
        // What the driver has set stays until it resets the device.
        self.status |= value;
    }

    fn write_queue(&mut self, offset: u64, value: u32, vector: u16) {
        let Some(queue) = self.selected() else { return };
        match offset {
            0x1a => queue.vector = vector,
            // What an enabled queue consists of stays.
            _ if queue.enabled => {}
            0x18 => queue.size = value as u16,
            0x1c if value == 1 && queue.is_sound() => queue.enabled = true,
            0x1c => {
                self.refuse::<()>(Malformed::Queue);
            }
            0x20 => set_half(&mut queue.descriptors, 0, value),
            0x24 => set_half(&mut queue.descriptors, 1, value),
            0x28 => set_half(&mut queue.available, 0, value),
            0x2c => set_half(&mut queue.available, 1, value),
            0x30 => set_half(&mut queue.used, 0, value),
            0x34 => set_half(&mut queue.used, 1, value),
            _ => {}
        }
    }
}

/// Sets the lower or the upper half of a register.
const fn set_half(register: &mut u64, half: u32, value: u32) {
    match half {
        0 => *register = *register & !0xffff_ffff | value as u64,
        1 => *register = *register & 0xffff_ffff | (value as u64) << 32,
        _ => {}
    }
}
