//! The configuration space of one function: 256 bytes, each with the bits that may be written.
//!
//! That a register cannot be written is data, not code: a mask beside each byte. So a BAR tells its size as
//! PCI wants it to, by the address bits that stay zero whatever is written (PCI Local Bus 3.0, section
//! 6.2.5.1).

use crate::Place;

/// Bytes of the space.
const BYTES: usize = 256;
/// Offsets in the header.
const VENDOR: usize = 0x00;
const COMMAND: usize = 0x04;
const STATUS: usize = 0x06;
const REVISION: usize = 0x08;
const BARS: usize = 0x10;
const SUBSYSTEM: usize = 0x2c;
const FIRST_CAPABILITY: usize = 0x34;
const INTERRUPT_LINE: usize = 0x3c;
const INTERRUPT_PIN: usize = 0x3d;
/// Where capabilities begin.
const CAPABILITIES: usize = 0x40;
/// Command: answer in I/O space, in memory; master the bus; keep the interrupt pin down.
const DECODE_PORTS: u16 = 1 << 0;
const DECODE_MEMORY: u16 = 1 << 1;
const MASTER: u16 = 1 << 2;
const NO_PIN: u16 = 1 << 10;
/// Status: the pin is up; there are capabilities.
const PIN_IS_UP: u8 = 1 << 3;
const HAS_CAPABILITIES: u8 = 1 << 4;
/// A BAR in I/O space.
const IN_PORTS: u32 = 1;

/// What a function says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its maker.
    pub vendor: u16,
    /// The maker's number for its kind.
    pub device: u16,
    /// Its version.
    pub revision: u8,
    /// Class, subclass and programming interface, from the top.
    pub class: u32,
}

/// Where a BAR's registers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// In I/O space: the first port, and how many, a power of two from 4.
    Ports(u16, u16),
    /// In memory: the address, and how many bytes, a power of two from 16.
    Memory(u32, u32),
}

/// A configuration space.
#[derive(Clone, Debug)]
pub struct Configuration {
    bytes: [u8; BYTES],
    writable: [u8; BYTES],
    /// Length of each BAR, 0 for none.
    lengths: [u32; 6],
    /// Where the next capability goes, and where its offset is to stand.
    end: usize,
    link: usize,
}

impl Configuration {
    /// One of a function of this kind, without BARs.
    pub fn new(identity: Identity) -> Self {
        let mut it = Self {
            bytes: [0; BYTES],
            writable: [0; BYTES],
            lengths: [0; 6],
            end: CAPABILITIES,
            link: FIRST_CAPABILITY,
        };
        let Identity { vendor, device, revision, class } = identity;
        it.put(VENDOR, u32::from(vendor) | u32::from(device) << 16);
        it.put(REVISION, u32::from(revision) | class << 8);
        it.put(SUBSYSTEM, u32::from(vendor) | u32::from(device) << 16);
        it.allow(COMMAND, (DECODE_PORTS | DECODE_MEMORY | MASTER | NO_PIN).into());
        it.allow(INTERRUPT_LINE, 0xff);
        it
    }

    /// The same with registers behind BAR `number`, 0 to 5, and their addresses decoded, as firmware leaves
    /// it.
    pub fn with_bar(mut self, number: usize, bar: Bar) -> Self {
        let (value, length, decode) = match bar {
            Bar::Ports(port, length) => {
                (u32::from(port) | IN_PORTS, u32::from(length), DECODE_PORTS)
            }
            Bar::Memory(address, length) => (address, length, DECODE_MEMORY),
        };
        self.put(BARS + 4 * number, value);
        self.allow(BARS + 4 * number, !(length - 1));
        if let Some(to) = self.lengths.get_mut(number) {
            *to = length;
        }
        self.put(COMMAND, u32::from(self.command() | decode));
        self
    }

    /// The same with interrupt pin A, which firmware says is wired to `line`.
    pub fn with_pin(mut self, line: u8) -> Self {
        self.bytes[INTERRUPT_LINE] = line;
        self.bytes[INTERRUPT_PIN] = 1;
        self
    }

    /// The same with one more capability: its number, and what follows its link. Answers where it is.
    pub fn add_capability(&mut self, number: u8, body: &[u8]) -> usize {
        let at = self.end;
        self.bytes[self.link] = at as u8;
        self.bytes[STATUS] |= HAS_CAPABILITIES;
        for (to, byte) in self.bytes.iter_mut().skip(at).zip([number, 0].iter().chain(body)) {
            *to = *byte;
        }
        self.link = at + 1;
        self.end = (at + 2 + body.len()).next_multiple_of(4);
        at
    }

    /// Lets the bits of `mask` be written, in the four bytes at `offset`.
    pub fn allow(&mut self, offset: usize, mask: u32) {
        copy(&mut self.writable, offset, &mask.to_le_bytes());
    }

    /// The `bytes` bytes at `offset`, at most 4; what is beyond the space is zero.
    pub fn read(&self, offset: usize, bytes: u8) -> u32 {
        let mut value = [0; 4];
        let from = self.bytes.iter().skip(offset).take(bytes.min(4).into());
        for (to, byte) in value.iter_mut().zip(from) {
            *to = *byte;
        }
        u32::from_le_bytes(value)
    }

    /// Writes those of the `bytes` bytes at `offset`, at most 4, that may be written.
    pub fn write(&mut self, offset: usize, bytes: u8, value: u32) {
        let places = self.bytes.iter_mut().zip(&self.writable).skip(offset);
        for ((to, mask), byte) in places.zip(value.to_le_bytes()).take(bytes.into()) {
            *to = *to & !mask | byte & mask;
        }
    }

    /// Whether the function answers at `place`: the BAR, and the offset in it.
    pub fn register(&self, place: Place) -> Option<(usize, u64)> {
        let (decode, in_ports, address) = match place {
            Place::Port(port) => (DECODE_PORTS, true, port.into()),
            Place::Memory(address) => (DECODE_MEMORY, false, address),
        };
        if self.command() & decode == 0 {
            return None;
        }
        self.lengths.iter().enumerate().find_map(|(number, length)| {
            let value = self.read(BARS + 4 * number, 4);
            if *length == 0 || (value & IN_PORTS != 0) != in_ports {
                return None;
            }
            let offset = address.checked_sub(u64::from(value & !(length - 1)))?;
            (offset < u64::from(*length)).then_some((number, offset))
        })
    }

    /// Whether it may reach memory by itself, and send messages.
    pub fn is_master(&self) -> bool {
        self.command() & MASTER != 0
    }

    /// The function wants its pin to be up or down. Answers whether it is up.
    pub fn set_pin(&mut self, wanted: bool) -> bool {
        self.bytes[STATUS] &= !PIN_IS_UP;
        if wanted {
            self.bytes[STATUS] |= PIN_IS_UP;
        }
        wanted && self.command() & NO_PIN == 0
    }

    fn command(&self) -> u16 {
        self.read(COMMAND, 2) as u16
    }

    fn put(&mut self, offset: usize, value: u32) {
        copy(&mut self.bytes, offset, &value.to_le_bytes());
    }
}

fn copy(to: &mut [u8; BYTES], offset: usize, bytes: &[u8]) {
    for (to, byte) in to.iter_mut().skip(offset).zip(bytes) {
        *to = *byte;
    }
}
