//! A virtio device as a PCI function: its registers, its queues, its interrupts (VIRTIO 1.2, section 4.1).
//!
//! Its registers are I/O ports, which the standard allows: the processor says which port was meant, so to
//! reach one no instruction has to be decoded. Only the table of interrupt messages has to be in memory.

use core::fmt;

use heapless::Vec;

use super::chain::Chain;
use super::feature;
use super::layout::{
    COMMON, Capabilities, INTERRUPT_STATUS, MESSAGES, MESSAGES_ON, MESSAGES_WAIT, NOTIFY, OWN,
    OWN_BYTES, PORTS, Socket, configure,
};
use super::msix::{Message, NO_VECTOR, Table};
use super::queue::{MOST_ENTRIES, Malformed, Queue};
use crate::pci::Configuration;
use crate::{GuestMemory, mask};

/// Most queues of a device.
pub const MOST_QUEUES: usize = 2;
/// Interrupt status: a queue, the configuration.
const QUEUE_INTERRUPT: u8 = 1;
const CHANGE_INTERRUPT: u8 = 2;

/// Status of a device.
pub(super) mod status {
    pub const DRIVER_OK: u8 = 0x04;
    pub const FEATURES_OK: u8 = 0x08;
    pub const NEEDS_RESET: u8 = 0x40;
    /// What the driver may set.
    pub const BY_DRIVER: u8 = 0x8f;
}

/// The kinds of devices that there are here, with their numbers (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A network card.
    Network = 1,
    /// A disk.
    Block = 2,
    /// A console.
    Console = 3,
    /// A source of random numbers.
    Entropy = 4,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network => "the network card",
            Self::Block => "the disk",
            Self::Console => "the console",
            Self::Entropy => "the source of random numbers",
        })
    }
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

/// A device.
#[derive(Clone, Debug)]
pub struct Transport {
    pub(crate) configuration: Configuration,
    pub(crate) socket: Socket,
    description: Description,
    /// Where the capabilities are whose registers do something.
    access: usize,
    messages: usize,
    pub(super) offered: u64,
    pub(super) accepted: u64,
    /// Which half of each is at the registers.
    pub(super) offered_half: u32,
    pub(super) accepted_half: u32,
    pub(super) status: u8,
    pub(super) change_vector: u16,
    pub(super) selected: u16,
    pub(super) queues: Vec<Queue, MOST_QUEUES>,
    /// Queues that the driver notified of, a bit each.
    notified: u8,
    interrupts: u8,
    table: Table,
    complaint: Option<Malformed>,
    /// How often it was reset.
    resets: u64,
    /// How often its own registers changed by themselves.
    pub(super) generation: u8,
}

impl Transport {
    /// A device in `socket`, as after power was switched on.
    pub(crate) fn new(description: Description, socket: Socket) -> Self {
        let (configuration, Capabilities { access, messages }) = configure(&description, &socket);
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
            complaint: None,
            resets: 0,
            generation: 0,
        };
        it.reset();
        it
    }

    /// Switches it off and on.
    pub(crate) fn restart(&mut self) {
        let (resets, generation) = (self.resets, self.generation);
        *self = Self::new(self.description, self.socket);
        self.resets += resets;
        self.generation = generation;
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

    /// Changes the kind's own registers from `offset` on to `bytes`, and tells the driver if they were
    /// different.
    pub(super) fn change(&mut self, offset: usize, bytes: &[u8]) {
        let own = self.description.own.iter_mut().skip(offset);
        let mut has_changed = false;
        for (to, byte) in own.zip(bytes) {
            has_changed |= *to != *byte;
            *to = *byte;
        }
        if has_changed {
            self.generation = self.generation.wrapping_add(1);
            if self.status & status::DRIVER_OK != 0 {
                self.interrupt(self.change_vector, CHANGE_INTERRUPT);
            }
        }
    }

    /// How the driver broke the protocol, if it did since this was last asked.
    pub const fn take_complaint(&mut self) -> Option<Malformed> {
        self.complaint.take()
    }

    /// The driver broke the protocol: nothing is done any more until it resets the device.
    pub(super) fn refuse<T>(&mut self, how: Malformed) -> Option<T> {
        self.complaint = Some(how);
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

    pub(super) fn reset(&mut self) {
        (self.accepted, self.offered_half, self.accepted_half) = (0, 0, 0);
        (self.status, self.change_vector, self.selected) = (0, NO_VECTOR, 0);
        (self.notified, self.interrupts) = (0, 0);
        let count = self.description.queues;
        self.queues = core::iter::repeat_n(Queue::new(MOST_ENTRIES), count).collect();
        self.resets += 1;
    }
}
