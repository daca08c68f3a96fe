//! A machine with one virtio device, and a driver of it that keeps to the protocol, or does not.

use amateras_devices::pci::Pci;
use amateras_devices::virtio::{Description, Kind, Transport};
use amateras_devices::{Bus, Controllers, GuestMemory, Locals, Outside, Place, Time, World};

/// Bytes of the guest's memory.
pub const MEMORY: usize = 0x10000;
/// Where the parts of the first queue are, and its length.
pub const DESCRIPTORS: u64 = 0x1000;
pub const AVAILABLE: u64 = 0x2000;
pub const USED: u64 = 0x3000;
pub const SIZE: u16 = 8;
/// Ports of the common registers.
const STATUS: u16 = 0x14;
const QUEUE_SELECT: u16 = 0x16;
const NOTIFY: u16 = 0x44;
pub const INTERRUPT_STATUS: u16 = 0x40;
/// Features: tables of descriptors, indices of events.
pub const INDIRECT: u64 = 1 << 28;
pub const EVENTS: u64 = 1 << 29;
pub const VERSION_1: u64 = 1 << 32;
/// Flags of a descriptor.
pub const NEXT: u16 = 1;
pub const WRITE: u16 = 2;
pub const TABLE: u16 = 4;
/// Status: the device stands still.
pub const NEEDS_RESET: u32 = 0x40;

/// Memory that counts how often it is reached, and remembers what was written.
pub struct Memory {
    pub bytes: Vec<u8>,
    pub reads: std::cell::Cell<usize>,
    pub written: Vec<std::ops::Range<u64>>,
}

impl GuestMemory for Memory {
    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Outside> {
        self.reads.set(self.reads.get() + 1);
        self.bytes[..].read(address, bytes)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Outside> {
        self.bytes[..].write(address, bytes)?;
        self.written.push(address..address + bytes.len() as u64);
        Ok(())
    }

    fn load(&self, address: u64) -> Result<u16, Outside> {
        assert_eq!(address % 2, 0, "only an aligned access is one");
        self.reads.set(self.reads.get() + 1);
        self.bytes[..].load(address)
    }

    fn store(&mut self, address: u64, value: u16) -> Result<(), Outside> {
        assert_eq!(address % 2, 0, "only an aligned access is one");
        self.write(address, &value.to_le_bytes())
    }
}

/// The machine.
pub struct Machine {
    pub pci: Pci,
    pub memory: Memory,
    pub controllers: Controllers,
    pub locals: Locals,
    pub kind: Kind,
    /// Chains made available so far.
    pub available: u16,
}

impl Machine {
    /// One with this device, whose driver has done nothing yet.
    pub fn new(description: Description) -> Self {
        let mut pci = Pci::default();
        let kind = description.kind;
        pci.plug(description);
        let memory = Memory { bytes: vec![0; MEMORY], reads: 0.into(), written: vec![] };
        let (controllers, locals) = (Controllers::default(), Locals::new(1));
        let mut it = Self { pci, memory, controllers, locals, kind, available: 0 };
        // It may master the bus, and answers at its addresses.
        it.configure(4, 4, 7);
        it
    }

    /// One whose driver is ready, and accepted these features.
    pub fn running(description: Description, features: u64) -> Self {
        let mut it = Self::new(description);
        it.start(features);
        it
    }

    /// What a driver does to begin (section 3.1.1), with the first queue.
    pub fn start(&mut self, features: u64) {
        self.start_with(features, SIZE, 0);
    }

    /// The same with queue `number`.
    pub fn start_queue(&mut self, number: u16, features: u64) {
        self.start_with(features, SIZE, number);
    }

    /// The same with queue `number`, of `size` entries.
    pub fn start_with(&mut self, features: u64, size: u16, number: u16) {
        self.available = 0;
        self.memory.bytes[AVAILABLE as usize..USED as usize + 0x1000].fill(0);
        let features = features | VERSION_1;
        self.set(STATUS, 1, 0);
        self.set(STATUS, 1, 3);
        for half in 0..2 {
            self.set(0x08, 4, half);
            self.set(0x0c, 4, (features >> (32 * half)) as u32);
        }
        self.set(STATUS, 1, 0xb);
        assert_eq!(self.get(STATUS, 1), 0xb, "the device takes the features");
        self.set(QUEUE_SELECT, 2, number.into());
        self.set(0x18, 2, size.into());
        for (register, address) in [(0x20, DESCRIPTORS), (0x28, AVAILABLE), (0x30, USED)] {
            self.set(register, 4, address as u32);
            self.set(register + 4, 4, 0);
        }
        self.set(0x1c, 2, 1);
        self.set(STATUS, 1, 0xf);
    }

    /// Reads a register of the device.
    pub fn get(&mut self, register: u16, bytes: u8) -> u32 {
        self.read(Place::Port(0xc000 + register), bytes).expect("it is there") as u32
    }

    /// Writes a register of the device.
    pub fn set(&mut self, register: u16, bytes: u8, value: u32) {
        self.write(Place::Port(0xc000 + register), bytes, value.into()).expect("it is there");
    }

    /// Reads what the bus has at `place`.
    pub fn read(&mut self, place: Place, bytes: u8) -> Option<u64> {
        let interrupts = self.controllers.with(&self.locals);
        let memory = &mut self.memory;
        self.pci.read(place, bytes, &mut World { memory, interrupts, now: Time(0) })
    }

    /// Writes to what the bus has at `place`.
    pub fn write(&mut self, place: Place, bytes: u8, value: u64) -> Option<()> {
        let interrupts = self.controllers.with(&self.locals);
        let memory = &mut self.memory;
        self.pci.write(place, bytes, value, &mut World { memory, interrupts, now: Time(0) })
    }

    /// Writes to the device's configuration space.
    pub fn configure(&mut self, offset: u16, bytes: u8, value: u32) {
        self.select(offset);
        self.write(Place::Port(0xcfc + offset % 4), bytes, value.into()).expect("it is there");
    }

    /// Reads from it.
    pub fn configuration(&mut self, offset: u16, bytes: u8) -> u32 {
        self.select(offset);
        self.read(Place::Port(0xcfc + offset % 4), bytes).expect("it is there") as u32
    }

    fn select(&mut self, offset: u16) {
        let address = 1 << 31 | 1 << 11 | u64::from(offset & 0xfc);
        self.write(Place::Port(0xcf8), 4, address).expect("it is there");
    }

    /// Puts descriptor `number` into the table at `table`.
    pub fn describe(
        &mut self,
        table: u64,
        number: u16,
        address: u64,
        bytes: u32,
        rest: (u16, u16),
    ) {
        let at = (table + 16 * u64::from(number)) as usize;
        let (flags, next) = rest;
        let entry = &mut self.memory.bytes[at..at + 16];
        entry[..8].copy_from_slice(&address.to_le_bytes());
        entry[8..12].copy_from_slice(&bytes.to_le_bytes());
        entry[12..14].copy_from_slice(&flags.to_le_bytes());
        entry[14..].copy_from_slice(&next.to_le_bytes());
    }

    /// Makes the chain that begins with descriptor `head` available, and notifies of the first queue.
    pub fn offer(&mut self, head: u16) {
        self.offer_in(0, head);
    }

    /// The same in queue `number`.
    pub fn offer_in(&mut self, number: u16, head: u16) {
        let entry = AVAILABLE + 4 + 2 * u64::from(self.available % SIZE);
        self.memory.bytes[..].store(entry, head).unwrap();
        self.available = self.available.wrapping_add(1);
        self.memory.bytes[..].store(AVAILABLE + 2, self.available).unwrap();
        self.set(NOTIFY, 2, number.into());
    }

    /// The device, and the memory.
    pub fn device(&mut self) -> (&mut Transport, &mut Memory) {
        (self.pci.device(self.kind).expect("it was plugged in"), &mut self.memory)
    }

    /// How many chains were given back, and the last of them with the bytes written.
    pub fn used(&self) -> (u16, u32, u32) {
        let count = self.memory.bytes[..].load(USED + 2).unwrap();
        let at = (USED + 4 + 8 * u64::from(count.wrapping_sub(1) % SIZE)) as usize;
        let word = |at: usize| {
            u32::from_le_bytes(self.memory.bytes[at..at + 4].try_into().expect("four bytes"))
        };
        (count, word(at), word(at + 4))
    }
}
