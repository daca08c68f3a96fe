//! What a component has for good, whoever of its instances lives: memory, devices, and what tells it of
//! them.

use core::fmt;

use koito::conventions::{ENVIRONMENT_BITS, signal};
use koito_manifest::{Component, MOST_DEVICES, PortRange, Vec};
use nun::abi::init;
use nun::{
    Error, Frame, Generic, InitInfo, InterruptPort, InterruptRegion, IoPort, NotificationPort,
    Resources, Rights,
};

use crate::device::{Device, Machine};
use crate::pool::Pool;
use crate::screen::Screen;

/// What stands in a manifest entry, as it is on this machine.
pub struct Holdings {
    /// All memory of an instance.
    pub quota: Generic,
    /// What it builds processes from.
    pub pool: Pool,
    /// The page that tells it all this.
    pub environment: Frame,
    pub io_ports: Vec<IoPort, MOST_DEVICES>,
    pub interrupts: Vec<InterruptPort, MOST_DEVICES>,
    pub device: Option<Device>,
    pub screen: Option<Screen>,
}

/// Why there are none. Nothing else of the system is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The machine has no such device.
    Device,
    /// Nobody manages its device.
    PciServer,
    /// There is not so much memory in one piece; the logarithm of the bytes.
    Memory(u8),
    /// The kernel refused something.
    Kernel(Error),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => f.write_str("this machine has no such device"),
            Self::PciServer => f.write_str("there is no PCI server that copes with its device"),
            Self::Memory(bits) => {
                write!(f, "there are no {} KiB of memory in one piece", 1_u64 << (bits - 10))
            }
            Self::Kernel(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Lack {
    fn from(error: Error) -> Self {
        Self::Kernel(error)
    }
}

impl Holdings {
    /// Those of `component`, whose interrupts signal at `notification`.
    pub fn new(
        init: &InitInfo,
        machine: &mut Machine,
        resources: &mut Resources,
        component: &Component<'_>,
        notification: NotificationPort,
    ) -> Result<Self, Lack> {
        let bits = component.memory_bits;
        let quota = resources.make(bits).map_err(|_| Lack::Memory(bits))?;
        let pool = Pool::kept(resources, component)?;
        let ring = |resources: &mut Resources, bits| make_bell(resources, notification, bits);
        let mut interrupts = Vec::new();
        for (number, line) in component.interrupts.iter().enumerate() {
            let port = make_interrupt(resources, *line)?;
            port.bind(ring(resources, 1 << number)?)?;
            // There is room for as many as the manifest has.
            let _ = interrupts.push(port);
        }
        let mut io_ports = Vec::new();
        for range in &component.io_ports {
            let slot = resources.take_slot()?;
            let PortRange { first, last } = *range;
            let count = u64::from(last - first) + 1;
            let all = IoPort::slot(init::slot::IO_PORTS);
            all.narrow(first.into(), count, resources.node(), slot)?;
            let _ = io_ports.push(IoPort::slot(slot));
        }
        let device = Device::new(resources, component, |it| ring(it, signal::DEVICE))?;
        let layout = component.framebuffer.then_some(&init.framebuffer);
        let screen = layout.and_then(|layout| Screen::find(machine, resources, layout));
        let environment = resources.make(ENVIRONMENT_BITS)?;
        Ok(Self { quota, pool, environment, io_ports, interrupts, device, screen })
    }
}

/// A capability to signal `bits` of `notification`, which can be handed on.
pub fn make_bell(
    resources: &mut Resources,
    notification: NotificationPort,
    bits: u64,
) -> Result<NotificationPort, Error> {
    let slot = resources.take_slot()?;
    let rights = Rights::WRITE | Rights::COPY | Rights::MODIFY;
    resources.node().mint(slot, notification, rights, bits)?;
    Ok(NotificationPort::slot(slot))
}

fn make_interrupt(resources: &mut Resources, line: u8) -> Result<InterruptPort, Error> {
    const LINE: u64 = 0;
    let slot = resources.take_slot()?;
    let region = InterruptRegion::slot(init::slot::INTERRUPTS);
    region.make_port(line.into(), LINE, resources.node(), slot)?;
    Ok(InterruptPort::slot(slot))
}
