//! Finds a virtio disk on PCI and gives it to a driver, which reads and writes it by interrupt.
//!
//! This is the owner of the machine: it finds the device, maps its registers and memory for the driver,
//! routes its interrupt, and when the driver has ended keeps the device from memory before that is
//! anybody else's.
#![no_std]
#![no_main]

mod protocol;

use core::fmt;

use nun::abi::boot::PAGE_BYTES;
use nun::abi::init::slot;
use nun::{
    Access, Ending, Frame, InitInfo, InterruptRegion, IoPort, IpcPort, Message, NotificationPort,
    Process, Received, Reply, Resources, Rights, Start, StartError, aci, println,
};
use nun_driver::pci::{BusMaster, ConfigurationPorts, Function, route, scan};
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::{Layout, kind};
use nun_driver::{DeviceMemory, Interrupt, Registers};
use protocol::{Assignment, DMA, DMA_PAGES, REGISTERS, SIGNAL, VECTOR};

nun::entry!(main, stack = 128 * 1024);

/// Under which identifier the driver calls, and its end is told.
const DRIVER: u64 = 1;

/// Why there is no disk.
enum Failure {
    /// Nothing on PCI is one.
    NotFound,
    /// The device lacks something that a virtio disk has.
    Incomplete(&'static str),
    /// The kernel refused something.
    Kernel(nun::Error),
    /// The driver could not be started.
    Start(StartError),
    /// The driver failed.
    Driver(Ending),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no virtio disk on PCI"),
            Self::Incomplete(what) => write!(f, "the disk has no {what}"),
            Self::Kernel(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
            Self::Driver(ending) => write!(f, "the driver ended: {ending:?}"),
        }
    }
}

impl From<nun::Error> for Failure {
    fn from(error: nun::Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
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
    let mut window = |bar, resources: &mut Resources| {
        let frame = disk.bar_frame(&access, bar, &mut devices, resources.slots());
        let (frame, 0) = frame.ok_or(Failure::Incomplete("register window"))?? else {
            return Err(Failure::Incomplete("register window of its own"));
        };
        Ok((frame, (1 << frame.information()?.0) / PAGE_BYTES))
    };
    let (registers, register_pages) = window(layout.common.bar, &mut resources)?;
    let (table, table_pages) = window(msix.table_bar(), &mut resources)?;
    let (pool, space) = resources.parts();
    let table = Registers::map(pool, space, table, (0, table_pages))?
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

    // The driver, with just that and memory to share with the device, which may reach all memory there
    // is, since it masters the bus.
    let shared: Frame = resources.make((DMA_PAGES * PAGE_BYTES).trailing_zeros() as u8)?;
    let (port, file): (IpcPort, _) = (resources.make(0)?, resources.module("disk-driver"));
    let file = file.ok_or(Failure::Incomplete("driver"))??;
    let mut driver = Process::load(&mut resources, file)?;
    let both = Access::READ | Access::WRITE;
    driver.map(registers, REGISTERS, register_pages, both)?;
    driver.map(shared, DMA, DMA_PAGES, both)?;
    driver.grant(SIGNAL, signal, Rights::READ, 0)?;
    driver.grant(aci::slot::PARENT, port, Rights::WRITE, DRIVER)?;
    driver.supervise(port, DRIVER)?;
    disk.enable(&access, BusMaster::Yes);
    driver.start(&Start { priority: 100, ..Start::default() })?;

    let (bytes, physical) = (register_pages * PAGE_BYTES, shared.address()?);
    let ending = serve(port, &Assignment { bytes, physical, layout })?;
    disk.enable(&access, BusMaster::No);
    driver.destroy(&mut resources)?;
    resources.discard(shared)?;
    match ending {
        Ending::Exited(0) => println!("block-device: done"),
        ending => return Err(Failure::Driver(ending)),
    }
    Ok(())
}

/// Tells the driver what it was given, until it ends.
fn serve(port: IpcPort, assignment: &Assignment) -> Result<Ending, nun::Error> {
    loop {
        let received = port.receive()?;
        if let Some((DRIVER, ending)) = received.ending() {
            return Ok(ending);
        }
        if matches!(received, Received::Message { sender: DRIVER, .. }) {
            Reply::OWED.reply(&Message::long(0, &assignment.to_words()))?;
        }
    }
}
