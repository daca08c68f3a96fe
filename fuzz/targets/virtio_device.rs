//! A virtio disk that does what it likes with its registers and with the memory that it shares with its
//! driver. The driver answers each request at most once, with the buffer that it was given, or reports an
//! error; and in the end all memory is back.

#![no_main]

use std::alloc::{Layout as Memory, alloc_zeroed};
use std::ptr;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::{BlockDevice, Layout, Part, PciTransport, Request, Ticket};
use nun_driver::{DmaBuffer, DmaPool, Registers};

const PAGE: usize = 4096;
/// Pages of registers, and of shared memory.
const REGISTER_PAGES: usize = 4;
const POOL_PAGES: usize = 24;
/// Where the shared memory is for the device.
const PHYSICAL: u64 = 0x4000_0000;
/// Where the parts of the registers lie.
const LAYOUT: Layout = Layout {
    common: Part { bar: 0, offset: 0, bytes: 0x38 },
    notify: Part { bar: 0, offset: 0x1000, bytes: 0x1000 },
    notify_multiplier: 4,
    interrupt_status: Part { bar: 0, offset: 0x2000, bytes: 1 },
    device: Some(Part { bar: 0, offset: 0x3000, bytes: 0x40 }),
};
/// Registers (VIRTIO 1.2, section 4.1.4.3).
const DEVICE_FEATURE: usize = 0x04;
const QUEUE_SIZE: usize = 0x18;
const QUEUE_ENABLE: usize = 0x1c;
const QUEUE_DEVICE: usize = 0x30;
const CAPACITY: usize = 0x3000;

/// What driver and device reach both.
struct Machine {
    registers: usize,
    pool: usize,
}

impl Machine {
    /// The only one of this program.
    fn get() -> &'static Self {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        MACHINE.get_or_init(|| {
            let [registers, pool] = [REGISTER_PAGES, POOL_PAGES].map(|pages| {
                let layout = Memory::from_size_align(pages * PAGE, PAGE).expect("a size");
                // SAFETY: the layout has a size other than 0. It is never freed.
                unsafe { alloc_zeroed(layout) }.expose_provenance()
            });
            // SAFETY: the pages were just allocated, for driver and device alone.
            unsafe { DmaPool::new(pool, PHYSICAL, POOL_PAGES) }.install();
            Self { registers, pool }
        })
    }

    /// The device writes to its registers.
    fn set(&self, offset: usize, bytes: &[u8]) {
        write(self.registers, REGISTER_PAGES * PAGE, offset, bytes);
    }

    /// The device writes to shared memory.
    fn share(&self, offset: usize, bytes: &[u8]) {
        write(self.pool, POOL_PAGES * PAGE, offset, bytes);
    }

    /// Where in the shared memory the ring of used buffers is, as the driver told.
    fn used_ring(&self) -> usize {
        let register = ptr::with_exposed_provenance::<u64>(self.registers + QUEUE_DEVICE);
        // SAFETY: it lies in the registers, which live for ever.
        let physical = unsafe { register.read_volatile() };
        physical.wrapping_sub(PHYSICAL) as usize
    }
}

fn write(start: usize, length: usize, offset: usize, bytes: &[u8]) {
    for (place, byte) in (offset..length).zip(bytes) {
        let target = ptr::with_exposed_provenance_mut::<u8>(start + place);
        // SAFETY: it lies in an allocation that lives for ever and is reached by volatile accesses, or
        // by the driver when this does not run.
        unsafe { target.write_volatile(*byte) };
    }
}

fuzz_target!(|input: &[u8]| {
    let machine = Machine::get();
    let Some((start, script)) = input.split_first_chunk::<8>() else { return };
    machine.set(0, &[0; 0x38]);
    // The same features in both halves.
    machine.set(DEVICE_FEATURE, &[start[0] | 1, start[1], 0, 0]);
    machine.set(QUEUE_SIZE, &[start[2], start[3]]);
    machine.set(QUEUE_ENABLE, &[start[4] & 1, 0, start[5], start[6]]);
    machine.set(CAPACITY, &u64::from(start[7]).wrapping_mul(0x0101_0101_0101_0101).to_le_bytes());
    // SAFETY: these are the registers, which live for ever.
    let registers = unsafe { Registers::new(machine.registers, REGISTER_PAGES * PAGE) };
    let transport = PciTransport::new(DeviceType::Block, &LAYOUT, |_| Some(registers), Some(0));
    if let Ok(disk) = BlockDevice::new(transport.expect("all parts are there")) {
        play(machine, disk, script);
    }
    let all: Vec<_> = std::iter::from_fn(|| DmaBuffer::new(1)).collect();
    assert_eq!(all.len(), POOL_PAGES, "some memory is lost");
});

/// Driver and device act in turns, four bytes of the script each.
fn play(machine: &Machine, mut disk: BlockDevice, script: &[u8]) {
    let mut asked: Vec<(Ticket, Option<usize>)> = vec![];
    let mut given = 0_u16;
    for &[what, a, b, c] in script.as_chunks::<4>().0 {
        let number = usize::from(u16::from_le_bytes([a, b]));
        match what % 7 {
            0 | 1 => {
                let Some(buffer) = DmaBuffer::new(1 + usize::from(a % 2)) else { continue };
                let (length, sector) = (buffer.len(), u64::from(b));
                let request = match what % 7 {
                    0 => Request::Read(sector, buffer),
                    _ => Request::Write(sector, buffer),
                };
                if let Ok(ticket) = disk.submit(request) {
                    asked.push((ticket, Some(length)));
                }
            }
            2 => {
                if let Ok(ticket) = disk.submit(Request::Flush) {
                    asked.push((ticket, None));
                }
            }
            3 => match disk.poll() {
                Ok(None) => {}
                Ok(Some(done)) => {
                    let place = asked.iter().position(|(ticket, _)| *ticket == done.ticket);
                    let (_, length) = asked.swap_remove(place.expect("it was asked"));
                    assert_eq!(done.buffer.map(|buffer| buffer.len()), length);
                }
                // A driver gives up here.
                Err(_) => return,
            },
            4 => machine.set(number, &[c]),
            5 => machine.share(number * 2, &[c]),
            _ => {
                // It says that it is done with something.
                let ring = machine.used_ring();
                let entry = ring.wrapping_add(4 + usize::from(given % 32) * 8);
                machine.share(entry, &[a, 0, 0, 0, b, c, 0, 0]);
                given = given.wrapping_add(1);
                machine.share(ring.wrapping_add(2), &given.to_le_bytes());
            }
        }
    }
}
