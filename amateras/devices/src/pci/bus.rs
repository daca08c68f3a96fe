//! The bus: who answers.

use heapless::Vec;

use super::{Configuration, Identity};
use crate::virtio::{
    Description, Kind, MESSAGE_BYTES, Malformed, Message, PORT_COUNT, Socket, Transport,
};
use crate::{Bus, Interrupts, Line, Place, World};

/// Most functions besides the bridge.
const MOST: usize = 8;
/// Where the monitor places the functions' ports and registers.
const FIRST_PORT: u16 = 0xc000;
/// Addresses of the guest's memory that are the functions' registers; there is no memory.
pub const MEMORY: core::ops::Range<u64> = 0xe000_0000..0xe100_0000;
/// Interrupt lines that pins are wired to, one after the other.
pub const INTERRUPT_LINES: [u8; 3] = [10, 11, 5];
/// Ports of configuration space: its address, and four bytes at it.
const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
/// Of an address: that it counts; bits that are always zero.
const ENABLE: u32 = 1 << 31;
const ADDRESS_BITS: u32 = 0x80ff_fffc;
/// The bridge from the processor to the bus: the plainest of Intel's, which nobody works around.
const BRIDGE: Identity =
    Identity { vendor: 0x8086, device: 0x0d57, revision: 0, class: 0x06_00_00 };

/// A bus with its functions.
#[derive(Clone, Debug)]
pub struct Pci {
    address: u32,
    bridge: Configuration,
    functions: Vec<Transport, MOST>,
}

impl Default for Pci {
    fn default() -> Self {
        Self { address: 0, bridge: Configuration::new(BRIDGE), functions: Vec::new() }
    }
}

impl Pci {
    /// Plugs in one more device. What there is no place for is not there.
    pub fn plug(&mut self, description: Description) {
        let index = self.functions.len();
        let line = INTERRUPT_LINES[index % INTERRUPT_LINES.len()];
        let socket = Socket {
            port: FIRST_PORT + PORT_COUNT * index as u16,
            address: MEMORY.start as u32 + MESSAGE_BYTES * index as u32,
            line,
        };
        // As said.
        let _ = self.functions.push(Transport::new(description, socket));
    }

    /// The first device of this kind.
    pub fn device(&mut self, kind: Kind) -> Option<&mut Transport> {
        self.functions.iter_mut().find(|it| it.kind() == kind)
    }

    /// Whether a driver notified of something.
    pub fn is_notified(&self) -> bool {
        self.functions.iter().any(Transport::is_notified)
    }

    /// How a driver broke the protocol of its device, if one did since this was last asked.
    pub fn take_complaint(&mut self) -> Option<(Kind, Malformed)> {
        self.functions.iter_mut().find_map(|it| Some((it.kind(), it.take_complaint()?)))
    }

    /// The next interrupt that is a message.
    fn take_message(&mut self) -> Option<Message> {
        self.functions.iter_mut().find_map(Transport::take_message)
    }

    /// Sends the messages of the functions, and has the lines be as they want them, after something was
    /// done for one of these.
    pub fn connect(&mut self, interrupts: &mut Interrupts<'_>) {
        while let Some(Message { address, data }) = self.take_message() {
            interrupts.message(address, data);
        }
        let lines = self.functions.iter_mut().filter_map(|it| it.pin().then_some(it.socket.line));
        let up = lines.fold(0_u16, |up, line| up | 1 << line);
        for line in INTERRUPT_LINES {
            if let Some(name) = Line::new(line) {
                interrupts.set_line(name, up & 1 << line != 0);
            }
        }
    }

    fn read_port(&mut self, port: u16, bytes: u8) -> Option<u32> {
        match port {
            ADDRESS if bytes == 4 => Some(self.address),
            DATA..=0xcff => Some(self.read_configuration(port - DATA, bytes)),
            _ => self.read_register(Place::Port(port), bytes),
        }
    }

    fn write_port(&mut self, port: u16, bytes: u8, value: u32) -> Option<()> {
        match port {
            ADDRESS if bytes == 4 => self.address = value & ADDRESS_BITS,
            DATA..=0xcff => self.write_configuration(port - DATA, bytes, value),
            _ => return self.write_register(Place::Port(port), bytes, value),
        }
        Some(())
    }

    fn read_register(&mut self, place: Place, bytes: u8) -> Option<u32> {
        let (function, (bar, offset)) = self.answering(place)?;
        Some(function.read(bar, offset, bytes))
    }

    fn write_register(&mut self, place: Place, bytes: u8, value: u32) -> Option<()> {
        let (function, (bar, offset)) = self.answering(place)?;
        function.write(bar, offset, bytes, value);
        Some(())
    }

    /// The first function that answers, and where in which of its BARs.
    fn answering(&mut self, place: Place) -> Option<(&mut Transport, (usize, u64))> {
        self.functions.iter_mut().find_map(|it| {
            let found = it.configuration.register(place)?;
            Some((it, found))
        })
    }

    /// What of configuration space the address register means: device and offset.
    const fn selected(&self, byte: u16) -> Option<(usize, usize)> {
        let (bus, function) = (self.address >> 16 & 0xff, self.address >> 8 & 7);
        let device = (self.address >> 11 & 0x1f) as usize;
        let offset = (self.address & 0xfc) as usize + byte as usize;
        let is_there = self.address & ENABLE != 0 && bus == 0 && function == 0;
        if is_there { Some((device, offset)) } else { None }
    }

    /// Devices count from the bridge on, which is the first.
    fn read_configuration(&mut self, byte: u16, bytes: u8) -> u32 {
        match self.selected(byte) {
            Some((0, offset)) => self.bridge.read(offset, bytes),
            Some((device, offset)) => match self.functions.get_mut(device - 1) {
                Some(function) => function.read_configuration(offset, bytes),
                None => u32::MAX,
            },
            None => u32::MAX,
        }
    }

    fn write_configuration(&mut self, byte: u16, bytes: u8, value: u32) {
        match self.selected(byte) {
            Some((0, offset)) => self.bridge.write(offset, bytes, value),
            Some((device, offset)) => {
                if let Some(function) = self.functions.get_mut(device - 1) {
                    function.write_configuration(offset, bytes, value);
                }
            }
            None => {}
        }
    }
}

impl Bus for Pci {
    fn read(&mut self, place: Place, bytes: u8, world: &mut World<'_>) -> Option<u64> {
        let value = match place {
            Place::Port(port) => self.read_port(port, bytes)?.into(),
            Place::Memory(address) => {
                let low = self.read_register(place, bytes.min(4))?;
                let high = match bytes {
                    8 => self.read_register(Place::Memory(address + 4), 4)?,
                    _ => 0,
                };
                u64::from(low) | u64::from(high) << 32
            }
        };
        self.connect(&mut world.interrupts);
        Some(value)
    }

    fn write(&mut self, place: Place, bytes: u8, value: u64, world: &mut World<'_>) -> Option<()> {
        match place {
            Place::Port(port) => self.write_port(port, bytes, value as u32)?,
            Place::Memory(address) => {
                self.write_register(place, bytes.min(4), value as u32)?;
                if bytes == 8 {
                    let high = (value >> 32) as u32;
                    self.write_register(Place::Memory(address + 4), 4, high)?;
                }
            }
        }
        self.connect(&mut world.interrupts);
        Some(())
    }

    fn calls(&self) -> bool {
        self.is_notified()
    }

    fn reset(&mut self) {
        (self.address, self.bridge) = (0, Configuration::new(BRIDGE));
        self.functions.iter_mut().for_each(Transport::restart);
    }
}
