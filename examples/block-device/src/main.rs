//! Finds a virtio disk on PCI, and reads and writes it by interrupt.
//!
//! Init plays two parts here that a system gives to two processes. The one that owns the machine finds
//! the device, gives its registers and memory away and routes its interrupt; the driver knows
//! nothing but what it was given.
#![no_std]
#![no_main]

mod driver;

use core::fmt;

use nun::abi::init::slot;
use nun::{InitInfo, InterruptRegion, IoPort, NotificationPort, Resources, Rights, println};
use nun_driver::pci::{BusMaster, ConfigurationPorts, Function, route, scan};
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::{Layout, PciTransport, kind};
use nun_driver::{DeviceMemory, DmaPool, Interrupt, Registers};

nun::entry!(main, stack = 128 * 1024);

/// Logarithm of the bytes that the driver shares with the device.
const DMA_BITS: u8 = 18;
/// Entry of the device's MSI-X table that its queue uses.
const VECTOR: u16 = 0;

/// Why there is no disk.
enum Failure {
    /// Nothing on PCI is one.
    NotFound,
    /// The device lacks something that a virtio disk has.
    Incomplete(&'static str),
    /// The kernel refused something.
    Kernel(nun::Error),
    /// The device did.
    Device(nun_driver::virtio::virtio_drivers::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no virtio disk on PCI"),
            Self::Incomplete(what) => write!(f, "the disk has no {what}"),
            Self::Kernel(error) => error.fmt(f),
            Self::Device(error) => error.fmt(f),
        }
    }
}

impl From<nun::Error> for Failure {
    fn from(error: nun::Error) -> Self {
        Self::Kernel(error)
    }
}

fn main(init: &'static InitInfo) -> Result<(), Failure> {
    let mut resources = Resources::new(init);
    let access = ConfigurationPorts::new(IoPort::slot(slot::IO_PORTS));
    for function in scan(&access) {
        let Function { address, vendor, device, class } = function;
        println!("pci: {address} is {vendor:04x}:{device:04x}, class {class:02x?}");
    }
    let disk = scan(&access)
        .find(|function| kind(function) == Some(DeviceType::Block))
        .ok_or(Failure::NotFound)?;
    let layout = Layout::read(&access, &disk).ok_or(Failure::Incomplete("modern interface"))?;
    let mut msix = disk.msix(&access).ok_or(Failure::Incomplete("MSI-X"))?;

    // Its registers, and the table that only the owner of the machine ever maps.
    let mut devices = DeviceMemory::new(init);
    let mut map = |bar| {
        let (frame, offset) = disk
            .bar_frame(&access, bar, &mut devices, resources.slots())
            .ok_or(Failure::Incomplete("register window"))??;
        let pages = (1 << frame.information()?.0) / 4096;
        let (pool, space) = resources.parts();
        let all = Registers::map(pool, space, frame, (0, pages))?;
        all.part(offset as usize, all.bytes() - offset as usize)
            .ok_or(Failure::Incomplete("register window"))
    };
    let registers = map(layout.common.bar)?;
    let table = map(msix.table_bar())?;
    let table = table
        .part(msix.table_offset() as usize, 16 * usize::from(msix.table_size()))
        .ok_or(Failure::Incomplete("MSI-X table"))?;

    // Its interrupt.
    let signal: NotificationPort = resources.make(0)?;
    let bell = resources.take_slot()?;
    resources.node().mint(bell, signal, Rights::WRITE, 1)?;
    let region = InterruptRegion::slot(slot::INTERRUPTS);
    let (interrupt, message) = Interrupt::message(region, &mut resources)?;
    if !route(&table, VECTOR.into(), message) {
        return Err(Failure::Incomplete("MSI-X entry"));
    }
    msix.set_enabled(true, access);
    interrupt.enable(NotificationPort::slot(bell))?;

    // The memory that it may reach: all of it, since it masters the bus.
    let (pool, space) = resources.parts();
    DmaPool::map(pool, space, DMA_BITS)?.install();
    disk.enable(&access, BusMaster::Yes);

    let mapped = |bar| (bar == layout.common.bar).then_some(registers);
    let transport = PciTransport::new(DeviceType::Block, &layout, mapped, Some(VECTOR))
        .ok_or(Failure::Incomplete("part of its registers"))?;
    driver::run(transport, signal).map_err(Failure::Device)?;

    disk.enable(&access, BusMaster::No);
    println!("block-device: done");
    Ok(())
}
