//! The tables by which firmware tells an operating system what the machine has (ACPI specification 6.5,
//! chapter 5): the processors and interrupt controllers, where the machine is switched off and reset,
//! and the root of PCI with its interrupt lines.

use amateras_devices::pci::{INTERRUPT_LINES, MEMORY};
use amateras_devices::{
    GuestMemory, IO_APIC_ADDRESS, IO_APIC_ID, LOCAL_APIC_ADDRESS, Outside, power,
};
use heapless::Vec;

use crate::aml::{Aml, BYTES, Resource};

/// Where the tables are, in what used to be firmware's memory: that is where the first is looked for.
pub const ROOT: u64 = 0xe_0000;
const LIST: u64 = ROOT + 0x40;
const FIRMWARE: u64 = ROOT + 0x80;
const FIXED: u64 = ROOT + 0x100;
const CONTROLLERS: u64 = ROOT + 0x300;
const PROGRAM: u64 = ROOT + 0x400;
/// First address past them.
pub const END: u64 = PROGRAM + (HEADER + BYTES) as u64;

/// Bytes of the header that tables have.
const HEADER: usize = 36;
/// Where in it the length and the byte stand that makes the sum zero.
const LENGTH: usize = 4;
const SUM: usize = 9;
/// Most functions on PCI's root.
const FUNCTIONS: u8 = 8;

/// A table that is being written.
struct Table<const N: usize>(Vec<u8, N>);

impl<const N: usize> Table<N> {
    /// One of `bytes` bytes, its header included.
    fn new(signature: &[u8; 4], revision: u8, bytes: usize) -> Self {
        let mut table = Self(Vec::new());
        let _ = table.0.resize(bytes.min(N), 0);
        table.put(0, signature);
        table.put(LENGTH, &(bytes as u32).to_le_bytes());
        table.put(8, &[revision]);
        table.put(10, b"A9N   Amateras");
        table.put(24, &1u32.to_le_bytes());
        table.put(28, b"A9N ");
        table.put(32, &1u32.to_le_bytes());
        table
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(to) = self.0.get_mut(offset..).and_then(|to| to.get_mut(..bytes.len())) {
            to.copy_from_slice(bytes);
        }
    }

    /// Adds bytes at the end.
    fn add(&mut self, bytes: &[u8]) {
        let _ = self.0.extend_from_slice(bytes);
        let length = self.0.len() as u32;
        self.put(LENGTH, &length.to_le_bytes());
    }

    fn write(
        mut self,
        address: u64,
        memory: &mut (impl GuestMemory + ?Sized),
    ) -> Result<(), Outside> {
        let sum = sum(&self.0);
        self.put(SUM, &[sum]);
        memory.write(address, &self.0)
    }
}

/// The byte that makes the sum of all zero.
fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte))
}

/// Writes the tables of a machine with `processors` processors.
pub fn write(processors: usize, memory: &mut (impl GuestMemory + ?Sized)) -> Result<(), Outside> {
    write_root(memory)?;
    let mut list = Table::<{ HEADER + 16 }>::new(b"XSDT", 1, HEADER);
    [FIXED, CONTROLLERS].iter().for_each(|table| list.add(&table.to_le_bytes()));
    list.write(LIST, memory)?;
    fixed().write(FIXED, memory)?;
    controllers(processors).write(CONTROLLERS, memory)?;
    let mut program = Table::<{ HEADER + BYTES }>::new(b"DSDT", 2, HEADER);
    program.add(devices().bytes());
    program.write(PROGRAM, memory)?;
    // What firmware and operating system share: nothing.
    let mut shared = [0; 64];
    shared[..4].copy_from_slice(b"FACS");
    shared[4] = 64;
    shared[32] = 2;
    memory.write(FIRMWARE, &shared)
}

/// What everything begins with.
fn write_root(memory: &mut (impl GuestMemory + ?Sized)) -> Result<(), Outside> {
    let mut root = [0; 36];
    root[..8].copy_from_slice(b"RSD PTR ");
    root[9..15].copy_from_slice(b"A9N   ");
    root[15] = 2;
    root[20] = 36;
    root[24..32].copy_from_slice(&LIST.to_le_bytes());
    root[8] = sum(&root[..20]);
    root[32] = sum(&root);
    memory.write(ROOT, &root)
}

/// The fixed hardware (FADT).
fn fixed() -> Table<276> {
    /// Devices of old are there, no screen of theirs is. Flags: flushing works, so does halting; there are no
    /// buttons; the clock wakes nobody; the timer has 32 bits; there is a register for resets.
    const BOOT: u16 = 1 << 0 | 1 << 2;
    const FLAGS: u32 = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10;
    /// Latencies of sleeps that there are not.
    const NO_SLEEP: [u16; 2] = [101, 1001];
    let mut table = Table::new(b"FACP", 6, 276);
    table.put(36, &(FIRMWARE as u32).to_le_bytes());
    table.put(40, &(PROGRAM as u32).to_le_bytes());
    table.put(46, &u16::from(power::LINE).to_le_bytes());
    let registers = [
        (power::EVENT, 4, 56, 88, 148),
        (power::CONTROL, 2, 64, 89, 172),
        (power::TIMER, 4, 76, 91, 208),
    ];
    for (port, bytes, at, length_at, wide_at) in registers {
        table.put(at, &u32::from(port).to_le_bytes());
        table.put(length_at, &[bytes]);
        table.put(wide_at, &register(port, bytes));
    }
    table.put(96, &NO_SLEEP[0].to_le_bytes());
    table.put(98, &NO_SLEEP[1].to_le_bytes());
    table.put(108, &[0x32]);
    table.put(109, &BOOT.to_le_bytes());
    table.put(112, &FLAGS.to_le_bytes());
    table.put(116, &register(power::RESET, 1));
    table.put(128, &[power::RESET_VALUE]);
    table.put(132, &FIRMWARE.to_le_bytes());
    table.put(140, &PROGRAM.to_le_bytes());
    table
}

/// A register of so many bytes at a port, as tables have it.
fn register(port: u16, bytes: u8) -> [u8; 12] {
    let mut it = [0; 12];
    it[0] = 1;
    it[1] = bytes * 8;
    it[3] = match bytes {
        1 => 1,
        2 => 2,
        _ => 3,
    };
    it[4..6].copy_from_slice(&port.to_le_bytes());
    it
}

/// The processors and interrupt controllers (MADT).
fn controllers(processors: usize) -> Table<256> {
    /// There are old controllers as well.
    const OLD: u32 = 1;
    /// A line is high while it wants something.
    const LEVEL: u16 = 0b1101;
    let mut table = Table::new(b"APIC", 5, HEADER);
    table.add(&(LOCAL_APIC_ADDRESS as u32).to_le_bytes());
    table.add(&OLD.to_le_bytes());
    for number in 0..processors as u8 {
        table.add(&[0, 8, number, number, 1, 0, 0, 0]);
    }
    table.add(&[1, 12, IO_APIC_ID, 0]);
    table.add(&(IO_APIC_ADDRESS as u32).to_le_bytes());
    table.add(&[0; 4]);
    // The timer is where the cascade would be; shared lines are level-triggered.
    let shared = [power::LINE].into_iter().chain(INTERRUPT_LINES);
    for (line, pin, flags) in [(0, 2, 0)].into_iter().chain(shared.map(|it| (it, it, LEVEL))) {
        table.add(&[2, 10, 0, line, pin, 0, 0, 0]);
        table.add(&flags.to_le_bytes());
    }
    table
}

/// The devices that nothing else tells of (DSDT).
fn devices() -> Aml {
    let mut aml = Aml::default();
    aml.scope(b"\\_SB_", |it| {
        it.device(b"PCI0", |it| {
            it.name(b"_HID", |it| it.kind(*b"PNP", 0x0a03));
            it.name(b"_BBN", |it| it.number(0));
            it.name(b"_CRS", |it| {
                it.resources(&[
                    Resource::Buses(0, 0),
                    Resource::Ports(0xcf8, 8),
                    Resource::PortWindow(0, 0xcf7),
                    Resource::PortWindow(0xd00, 0xffff),
                    Resource::MemoryWindow(MEMORY.start as u32, MEMORY.end as u32 - 1),
                ]);
            });
            // Pin A of each function, which begin behind the bridge.
            it.name(b"_PRT", |it| {
                it.package(FUNCTIONS, |it| {
                    for (index, line) in (0..FUNCTIONS).zip(INTERRUPT_LINES.iter().cycle()) {
                        it.package(4, |it| {
                            it.number(u32::from(index + 1) << 16 | 0xffff);
                            [0, 0, u32::from(*line)].iter().for_each(|number| it.number(*number));
                        });
                    }
                });
            });
        });
        it.device(b"COM1", |it| {
            it.name(b"_HID", |it| it.kind(*b"PNP", 0x0501));
            it.name(b"_CRS", |it| {
                it.resources(&[Resource::Ports(0x3f8, 8), Resource::Interrupt(4)]);
            });
        });
        it.device(b"RTC0", |it| {
            it.name(b"_HID", |it| it.kind(*b"PNP", 0x0b00));
            it.name(b"_CRS", |it| it.resources(&[Resource::Ports(0x70, 2)]));
        });
    });
    it_is_off(&mut aml);
    aml
}

/// What is to be written to switch the machine off.
fn it_is_off(aml: &mut Aml) {
    aml.name(b"\\_S5_", |it| {
        it.package(4, |it| {
            [power::OFF.into(), 0, 0, 0].iter().for_each(|number| it.number(*number));
        });
    });
}
