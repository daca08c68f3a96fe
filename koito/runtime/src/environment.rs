//! What a component is told when it starts, in a page that it can read.

use core::fmt;

use koito_manifest::{
    MOST_CHANNELS, MOST_COMPONENTS, MOST_DEVICES, MOST_MODULES, MOST_PIECES, MOST_USES, NAME_BYTES,
    PortRange,
};
use nun::abi::boot::PAGE_BYTES;
use nun::aci::MODULES_ADDRESS;
use nun::channel::{CHANNEL_BYTES, ClientEnd, ServerEnd};
use nun::mapped::Mapped;
use nun::memory::{Maker, Piece, Space};
use nun::service::{Epoch, String, Vec};
use nun::{Access, Error, Frame, InterruptPort, IoPort, IpcPort, NotificationPort};
use serde::{Deserialize, Serialize};

use crate::conventions::{ENVIRONMENT_ADDRESS, ENVIRONMENT_BYTES, channel_address, signal, slot};

/// Longest text of arguments that a component is given, in bytes.
pub const ARGUMENT_BYTES: usize = 512;

/// A component's arguments.
pub type Arguments = String<ARGUMENT_BYTES>;

/// Name of a component or service.
pub type Name = String<NAME_BYTES>;

/// What a component's manifest entry gives it. Position *n* of a list stands for slot *n* of its
/// kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// What it is called.
    pub name: Name,
    /// Its arguments; nothing if they are too long.
    pub arguments: Arguments,
    /// Which instance of it this is.
    pub epoch: Epoch,
    /// Ticks of the time-stamp counter in a millisecond.
    pub ticks_per_millisecond: u64,
    /// What that counter was when the kernel was entered.
    pub entry_ticks: u64,
    /// The services that it may call.
    pub uses: Vec<Name, MOST_USES>,
    /// Who may call it: the identifier that it sees, and the name.
    pub clients: Vec<(u64, Name), MOST_COMPONENTS>,
    /// Its channels.
    pub channels: Vec<Channel, MOST_CHANNELS>,
    /// Its I/O ports.
    pub io_ports: Vec<PortRange, MOST_DEVICES>,
    /// Its interrupts.
    pub interrupts: Vec<u8, MOST_DEVICES>,
    /// Its PCI device.
    pub device: Option<Device>,
    /// Its screen.
    pub framebuffer: Option<Framebuffer>,
    /// The boot modules that it may read.
    pub modules: Vec<Module, MOST_MODULES>,
    /// Its pool: the logarithms of the bytes of its pieces, which stand where
    /// [`pool_slot`](crate::conventions::pool_slot) says.
    pub pool: Vec<u8, MOST_PIECES>,
}

/// A boot module: frames that may be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// What it is called.
    pub name: Name,
    /// Slot of the first of its frames, which follow one another.
    pub first: u64,
    /// How many there are.
    pub frames: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A screen: lines of pixels of four bytes, from
/// [`FRAMEBUFFER_ADDRESS`](crate::conventions::FRAMEBUFFER_ADDRESS) on. Writes may merge; reads are slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framebuffer {
    /// Address of the first pixel.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Visible pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pixels from one line to the next.
    pub stride: u32,
    /// In which order the bytes of a pixel stand.
    pub order: PixelOrder,
}

/// The bytes of a pixel, from the first on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PixelOrder {
    /// Red, green, blue, unused.
    RedFirst,
    /// Blue, green, red, unused.
    BlueFirst,
}

/// What a component has to know of its PCI device. Its registers are mapped, but for those that choose
/// interrupts; it interrupts by [`signal::DEVICE`], whatever the vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// A copy of its configuration space.
    pub configuration: Vec<u8, CONFIGURATION_BYTES>,
    /// Its registers that are mapped.
    pub windows: Vec<Window, MOST_WINDOWS>,
    /// Physical address and length of the memory that it shares with the component, at
    /// [`DMA_ADDRESS`](crate::conventions::DMA_ADDRESS).
    pub dma: Option<(u64, u64)>,
}

impl Device {
    /// Address and length of what is mapped of a BAR.
    pub fn window(&self, bar: u8) -> Option<(u64, u64)> {
        let window = self.windows.iter().find(|window| window.bar == bar)?;
        Some((window.address, window.bytes))
    }
}

/// Bytes of configuration space that a component is told.
pub const CONFIGURATION_BYTES: usize = 256;
/// Most BARs of a device.
pub const MOST_WINDOWS: usize = 6;

/// The registers of one BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its number.
    pub bar: u8,
    /// Address of the first byte.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// Memory shared with another component, to call or to be called without waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Where this is the client, the service.
    pub to: Option<Name>,
    /// Where this is the server, the client's identifier.
    pub from: Option<u64>,
    /// Logarithm of the bytes.
    pub memory_bits: u8,
}

/// The manifest entry does not give what the component needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// This service, among those that it uses.
    Service(&'static str),
    /// A channel to this service.
    Channel(&'static str),
    /// This boot module.
    Module(&'static str),
    /// I/O ports, or an interrupt.
    Device,
    /// Memory of its own, a pool.
    Pool,
    /// The environment itself.
    Environment,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "the manifest entry does not use {name:?}"),
            Self::Channel(name) => write!(f, "the manifest entry has no channel to {name:?}"),
            Self::Module(name) => write!(f, "the manifest entry has no boot module {name:?}"),
            Self::Device => f.write_str("the manifest entry lacks I/O ports or an interrupt"),
            Self::Pool => f.write_str("the manifest entry gives no pool"),
            Self::Environment => f.write_str("there is no environment: was it root that started?"),
        }
    }
}

impl Module {
    /// Maps it into the own `space`, for good: into the part for [boot modules](MODULES_ADDRESS), of
    /// which `used` bytes are in use, and more afterwards. What is needed comes from `maker`. Answers its
    /// contents.
    pub fn map<M: Maker, const REGIONS: usize, const TABLES: usize>(
        &self,
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        used: &mut u64,
    ) -> Result<&'static [u8], Error> {
        let start = MODULES_ADDRESS + *used;
        let mut address = start;
        for slot in self.first..self.first + self.frames {
            let frame = Frame::slot(slot);
            let pages = (1 << frame.information()?.0) / PAGE_BYTES;
            space.reserve_at(address, pages)?;
            let access = Access::READ;
            space.map(maker, &[Piece { address, frame, offset: 0, pages, access }])?;
            address += pages * PAGE_BYTES;
        }
        *used = address - MODULES_ADDRESS;
        Ok(Mapped::module(start, self.bytes))
    }
}

impl Environment {
    /// The own one.
    pub fn read() -> Result<Self, Missing> {
        let page = Mapped::in_workspace(ENVIRONMENT_ADDRESS, ENVIRONMENT_BYTES as u64);
        let mut bytes = [0; ENVIRONMENT_BYTES];
        for (index, chunk) in bytes.chunks_exact_mut(size_of::<u64>()).enumerate() {
            chunk.copy_from_slice(&page.read(index * size_of::<u64>()).to_le_bytes());
        }
        Self::unpack(&bytes).ok_or(Missing::Environment)
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        postcard::take_from_bytes(bytes).ok().map(|(environment, _)| environment)
    }

    /// Its packed form, for the page.
    pub fn pack<'b>(&self, buffer: &'b mut [u8; ENVIRONMENT_BYTES]) -> Option<&'b mut [u8]> {
        postcard::to_slice(self, buffer).ok()
    }

    /// The port of the service called `name`.
    pub fn service(&self, name: &'static str) -> Result<IpcPort, Missing> {
        let index = self.uses.iter().position(|it| it == name).ok_or(Missing::Service(name))?;
        Ok(IpcPort::slot(slot::USED + index as u64))
    }

    /// What the client with this identifier is called.
    pub fn client(&self, identifier: u64) -> Option<&Name> {
        self.clients.iter().find(|(client, _)| *client == identifier).map(|(_, name)| name)
    }

    /// The channel to the service called `name`. At most one such value is used at a time.
    pub fn channel(&self, name: &'static str) -> Result<ClientEnd, Missing> {
        let is_it = |channel: &Channel| channel.to.as_deref() == Some(name);
        let index = self.channels.iter().position(is_it).ok_or(Missing::Channel(name))?;
        let memory = Mapped::in_workspace(channel_address(index), CHANNEL_BYTES as u64);
        Ok(ClientEnd::new(memory, NotificationPort::slot(slot::CHANNELS + index as u64)))
    }

    /// The channels at whose other ends are clients.
    pub fn clients_ends(&self) -> Vec<ServerEnd, MOST_CHANNELS> {
        let channels = self.channels.iter().enumerate();
        let end = |(index, channel): (usize, &Channel)| {
            let memory = Mapped::in_workspace(channel_address(index), CHANNEL_BYTES as u64);
            let bell = NotificationPort::slot(slot::CHANNELS + index as u64);
            Some(ServerEnd::new(memory, bell, signal::channel(index), channel.from?))
        };
        channels.filter_map(end).collect()
    }

    /// What of a channel's memory is for bulk data: `of` chooses the channel. Both sides see the
    /// same, and settle by their calls who writes where.
    pub fn bulk(&self, of: impl Fn(&Channel) -> bool) -> Result<Mapped, Missing> {
        let index = self.channels.iter().position(of).ok_or(Missing::Device)?;
        let bytes = self.channels.get(index).map_or(0, |it| 1 << it.memory_bits);
        let rings = CHANNEL_BYTES as u64;
        Ok(Mapped::in_workspace(channel_address(index) + rings, bytes - rings))
    }

    /// I/O ports of entry `index`: the capability, and the first of them.
    pub fn io_ports(&self, index: usize) -> Result<(IoPort, u16), Missing> {
        let range = self.io_ports.get(index).ok_or(Missing::Device)?;
        Ok((IoPort::slot(slot::IO_PORTS + index as u64), range.first))
    }

    /// Interrupt `index`. Its signal is bit `index`.
    pub fn interrupt(&self, index: usize) -> Result<InterruptPort, Missing> {
        self.interrupts.get(index).ok_or(Missing::Device)?;
        Ok(InterruptPort::slot(slot::INTERRUPTS + index as u64))
    }

    /// The PCI device.
    pub fn device(&self) -> Result<&Device, Missing> {
        self.device.as_ref().ok_or(Missing::Device)
    }

    /// The boot module called `name`.
    pub fn module(&self, name: &'static str) -> Result<&Module, Missing> {
        self.modules.iter().find(|it| it.name == name).ok_or(Missing::Module(name))
    }

    /// Bytes of its pool.
    pub fn pool_bytes(&self) -> u64 {
        self.pool.iter().map(|bits| 1_u64 << bits).sum()
    }

    /// `milliseconds` in ticks.
    pub fn ticks(&self, milliseconds: u64) -> u64 {
        milliseconds.saturating_mul(self.ticks_per_millisecond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_found_by_name() {
        let names = ["log", "echo"].map(|name| Name::try_from(name).unwrap());
        let environment = Environment {
            name: "shell".try_into().unwrap(),
            arguments: String::new(),
            epoch: 3,
            ticks_per_millisecond: 1000,
            entry_ticks: 17,
            uses: names.clone().into_iter().collect(),
            clients: [(7, names[1].clone())].into_iter().collect(),
            channels: [Channel { to: Some(names[1].clone()), from: None, memory_bits: 16 }]
                .into_iter()
                .collect(),
            io_ports: [PortRange { first: 0x3f8, last: 0x3ff }].into_iter().collect(),
            interrupts: Vec::new(),
            device: None,
            framebuffer: None,
            modules: Vec::new(),
            pool: [20, 14].into_iter().collect(),
        };
        let mut page = [0; ENVIRONMENT_BYTES];
        environment.pack(&mut page).unwrap();
        let read = Environment::unpack(&page).unwrap();
        assert_eq!(read, environment);
        assert_eq!(read.service("echo"), Ok(IpcPort::slot(slot::USED + 1)));
        assert_eq!(read.service("disk"), Err(Missing::Service("disk")));
        assert_eq!((read.client(7), read.client(8)), (Some(&names[1]), None));
        assert_eq!(read.io_ports(0), Ok((IoPort::slot(slot::IO_PORTS), 0x3f8)));
        assert_eq!(read.io_ports(1), Err(Missing::Device));
        assert_eq!(read.interrupt(0), Err(Missing::Device));
        assert_eq!(read.module("disk"), Err(Missing::Module("disk")));
        assert_eq!((read.ticks(7), read.pool_bytes()), (7000, (1 << 20) + (1 << 14)));
        assert_eq!(read.channel("log").err(), Some(Missing::Channel("log")));
        assert!(read.clients_ends().is_empty(), "it is the client there");
        let bulk = read.bulk(|channel| channel.to.is_some()).unwrap();
        assert_eq!(bulk.bytes(), (1 << 16) - CHANNEL_BYTES);
        assert_eq!(bulk.address(), channel_address(0) + CHANNEL_BYTES as u64);
    }
}
