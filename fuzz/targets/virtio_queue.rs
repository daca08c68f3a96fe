//! A guest that does what it likes with a queue of its disk or its network card: with the registers, with the
//! memory. The device ends, writes to nothing that it was not given, and after a reset serves an honest driver
//! again.

#![no_main]

use amateras_devices::pci::Pci;
use amateras_devices::virtio::{Block, BlockSize, FRAME_BYTES, Kind, Link, Network};
use amateras_devices::{Bus, Controllers, GuestMemory, Locals, Outside, Place, Time, World};
use libfuzzer_sys::fuzz_target;

/// The guest's memory: the queue's parts and what is behind them.
const BYTES: usize = 0x4000;
/// Where the queue's parts begin, before anybody moves them: descriptors, both rings.
const PARTS: [u64; 3] = [0, 0x400, 0x800];
/// Ports of the first device, how many each has, and of its registers.
const PORT: u16 = 0xc000;
const PORTS: u16 = 0x100;
const STATUS: u16 = 0x14;
const NOTIFY: u16 = 0x44;
/// Requests are taken at most so often in a row: a queue has no more.
const MOST: usize = 256;

/// Memory of which no byte is reached that is not there.
struct Memory([u8; BYTES]);

impl GuestMemory for Memory {
    fn bytes(&self) -> u64 {
        BYTES as u64
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Outside> {
        self.0[..].read(address, bytes)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Outside> {
        self.0[..].write(address, bytes)
    }

    fn load(&self, address: u64) -> Result<u16, Outside> {
        assert!(address.is_multiple_of(2));
        self.0[..].load(address)
    }

    fn store(&mut self, address: u64, value: u16) -> Result<(), Outside> {
        assert!(address.is_multiple_of(2));
        self.0[..].store(address, value)
    }
}

struct Machine {
    pci: Pci,
    /// The device that is meant: 0 for the disk, 1 for the network card, whose second queue is.
    device: u16,
    memory: Memory,
    controllers: Controllers,
    locals: Locals,
}

impl Machine {
    fn write(&mut self, place: Place, bytes: u8, value: u64) {
        let interrupts = self.controllers.with(&self.locals);
        let memory = &mut self.memory;
        let mut world = World { memory, interrupts, now: Time(0) };
        self.pci.read(place, bytes, &mut world);
        self.pci.write(place, bytes, value, &mut world);
    }

    fn set(&mut self, register: u16, bytes: u8, value: u32) {
        let port = PORT + PORTS * self.device + register;
        self.write(Place::Port(port), bytes, value.into());
    }

    /// Writes to the device's configuration space.
    fn configure(&mut self, offset: u8, bytes: u8, value: u32) {
        let function = u64::from(self.device) + 1;
        self.write(Place::Port(0xcf8), 4, 1 << 31 | function << 11 | u64::from(offset));
        self.write(Place::Port(0xcfc), bytes, value.into());
    }

    /// What a driver does that keeps to the protocol.
    fn start(&mut self, features: u32) {
        self.configure(4, 2, 7);
        self.configure(0x10, 4, (PORT + PORTS * self.device).into());
        let queue = self.device.into();
        for (register, bytes, value) in [(STATUS, 1, 0), (STATUS, 1, 3), (0x08, 4, 0)] {
            self.set(register, bytes, value);
        }
        self.set(0x0c, 4, features & 0x3000_0000);
        for (register, bytes, value) in
            [(0x08, 4, 1), (0x0c, 4, 1), (STATUS, 1, 0xb), (0x16, 2, queue), (0x18, 2, 16)]
        {
            self.set(register, bytes, value);
        }
        for (register, part) in [0x20, 0x28, 0x30].into_iter().zip(PARTS) {
            self.set(register, 4, part as u32);
        }
        self.set(0x1c, 2, 1);
        self.set(STATUS, 1, 0xf);
    }

    /// The devices do all that they can.
    fn serve(&mut self, disk: &Block) {
        let served = (0..=MOST).take_while(|_| self.serve_disk(disk)).count();
        assert!(served <= MOST, "more requests than the queue holds");
        // Two queues that lie over each other may go on for ever: whoever serves them sees to an end.
        (0..MOST).take_while(|_| self.serve_card().is_some()).for_each(drop);
    }

    fn serve_disk(&mut self, disk: &Block) -> bool {
        let Some(device) = self.pci.device(Kind::Block) else { return false };
        let Some(request) = disk.next(device, &mut self.memory) else { return false };
        let done = request.deliver(&mut self.memory, 0, &[0; 64]);
        disk.finish(device, &mut self.memory, &request, done);
        true
    }

    /// Carries a frame in either direction; answers what the guest sent, or nothing that it received.
    fn serve_card(&mut self) -> Option<Vec<u8>> {
        let card = self.pci.device(Kind::Network)?;
        let mut frame = [0; FRAME_BYTES];
        if let Some(length) = Network::take(card, &mut self.memory, &mut frame) {
            return Some(frame[..length].to_vec());
        }
        let given = Network::give(card, &mut self.memory, |frame| {
            frame.fill(0x5a);
            frame.len()
        });
        given.then(Vec::new)
    }
}

fuzz_target!(|input: &[u8]| {
    let disk = Block::new(BlockSize { sectors: 64, read_only: false }, "fuzz");
    let mut pci = Pci::default();
    pci.plug(disk.description());
    pci.plug(Network::description([2, 0, 0, 0, 0, 1], Link::Up));
    let (controllers, locals) = (Controllers::default(), Locals::new(1));
    let Some((first, script)) = input.split_first_chunk::<4>() else { return };
    let device = u16::from(first[0] & 1);
    let mut it = Machine { pci, device, memory: Memory([0; BYTES]), controllers, locals };
    it.start(u32::from_le_bytes(*first));
    for &[what, a, b, c, d, e] in script.as_chunks::<6>().0 {
        let (place, value) = (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, a]));
        match what % 6 {
            0 => it.set(place % 0x100, 1 << (b % 3), value),
            1 | 2 => {
                let at = usize::from(place) % (BYTES - 4);
                it.memory.0[at..at + 3].copy_from_slice(&[c, d, e]);
            }
            3 => {
                it.configure(a, 4, value);
            }
            4 => it.write(Place::Memory(0xe000_0000 + u64::from(place) % 0x1000), 4, value.into()),
            _ => {
                it.set(NOTIFY, 2, device.into());
                it.serve(&disk);
            }
        }
    }
    // An honest driver: it wants to know the disk's name, or sends a frame.
    it.start(0);
    it.memory.0.fill(0);
    let (name, frame) = ([(0x1000, 16, 1), (0x2000, 20, 3), (0x3000, 1, 2)], [(0x1000, 17, 0)]);
    let chain: &[(u64, u32, u16)] = if device == 0 { &name } else { &frame };
    for (number, (address, bytes, flags)) in chain.iter().enumerate() {
        let entry = &mut it.memory.0[16 * number..16 * number + 16];
        entry[..8].copy_from_slice(&address.to_le_bytes());
        entry[8..12].copy_from_slice(&bytes.to_le_bytes());
        entry[12..14].copy_from_slice(&flags.to_le_bytes());
        entry[14..].copy_from_slice(&(number as u16 + 1).to_le_bytes());
    }
    it.memory.0[0x402] = 1;
    it.set(NOTIFY, 2, device.into());
    if device == 0 {
        it.memory.0[0x1000] = 8;
        it.serve(&disk);
        assert_eq!(it.memory.0[0x2000..0x2005], *b"fuzz\0");
    } else {
        it.memory.0[0x100c..0x1011].copy_from_slice(b"frame");
        assert_eq!(it.serve_card().as_deref(), Some(&b"frame"[..]));
    }
});
