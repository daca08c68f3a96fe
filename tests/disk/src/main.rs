//! The file system on a virtio disk. The emulator logs what reaches the disk, and the power is cut
//! in that log afterwards; so what is tested here is the driver and the order of its requests.
#![no_std]
#![no_main]

extern crate alloc;

mod device;

use device::{Disk, Shared};
use disk::load;
use koito_fs::{Access, FileSystem, Options, Time};
use nun::abi::init::slot;
use nun::memory::HeapMemory;
use nun::{InitInfo, InterruptRegion, IoPort, NotificationPort, Resources, Rights, println};
use nun_driver::pci::{BusMaster, ConfigurationPorts, route, scan};
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::{BlockDevice, Layout, PciTransport, kind};
use nun_driver::{DeviceMemory, DmaPool, Interrupt, Registers};

nun::entry!(main, stack = 256 * 1024);

#[global_allocator]
static HEAP: nun_heap::Heap = nun_heap::empty();

/// Logarithm of the bytes of the heap's quota.
const HEAP_BITS: u8 = 24;
/// Logarithm of the bytes that the driver shares with the device.
const DMA_BITS: u8 = 18;
/// Bytes of the cache of blocks: little, so that it writes early.
const CACHE_BYTES: usize = 1 << 20;
/// Entry of the device's MSI-X table that its queue uses.
const VECTOR: u16 = 0;

fn main(init: &'static InitInfo) -> Result<(), nun::Error> {
    let mut resources = Resources::new(init);
    nun_heap::start(HeapMemory::new(&mut resources, HEAP_BITS)?);
    let disk = Shared::new(find_disk(init, &mut resources)?);
    let now = Time { seconds: 1_700_000_050, nanoseconds: 0 };
    let options = Options { access: Access::ReadWrite, cache_bytes: CACHE_BYTES, now };
    let mut fs = FileSystem::mount(disk.clone(), options).expect("it mounts");
    let mut syncs = 0;
    let played = load::play(&mut fs, |number| {
        syncs = number;
        Ok(disk.mark(number)?)
    });
    played.expect("the load runs");
    drop(fs.unmount().expect("it unmounts"));
    println!("disk: {} rounds, {syncs} syncs", load::ROUNDS);
    Ok(())
}

/// Finds the disk on PCI and sets its driver up. A machine without what that takes ends the test.
fn find_disk(init: &'static InitInfo, resources: &mut Resources) -> Result<Disk, nun::Error> {
    let access = ConfigurationPorts::new(IoPort::slot(slot::IO_PORTS));
    let disk = scan(&access)
        .find(|function| kind(function) == Some(DeviceType::Block))
        .expect("a virtio disk");
    let layout = Layout::read(&access, &disk).expect("a modern interface");
    let mut msix = disk.msix(&access).expect("MSI-X");
    let mut devices = DeviceMemory::new(init);
    let mut map = |bar| {
        let window = disk.bar_frame(&access, bar, &mut devices, resources.slots());
        let (frame, offset) = window.expect("a register window")?;
        let pages = (1 << frame.information()?.0) / 4096;
        let (pool, space) = resources.parts();
        let all = Registers::map(pool, space, frame, (0, pages))?;
        Ok(all.part(offset as usize, all.bytes() - offset as usize).expect("its registers"))
    };
    let registers = map(layout.common.bar)?;
    let table = map(msix.table_bar())?
        .part(msix.table_offset() as usize, 16 * usize::from(msix.table_size()))
        .expect("an MSI-X table");

    let signal: NotificationPort = resources.make(0)?;
    let bell = resources.take_slot()?;
    resources.node().mint(bell, signal, Rights::WRITE, 1)?;
    let region = InterruptRegion::slot(slot::INTERRUPTS);
    let (interrupt, message) = Interrupt::message(region, resources)?;
    assert!(route(&table, VECTOR.into(), message), "an MSI-X entry");
    msix.set_enabled(true, access);
    interrupt.enable(NotificationPort::slot(bell))?;

    let (pool, space) = resources.parts();
    DmaPool::map(pool, space, DMA_BITS)?.install();
    disk.enable(&access, BusMaster::Yes);
    let mapped = |bar| (bar == layout.common.bar).then_some(registers);
    let transport = PciTransport::new(DeviceType::Block, &layout, mapped, Some(VECTOR));
    let driver = BlockDevice::new(transport.expect("all registers")).expect("it starts");
    Ok(Disk::new(driver, signal))
}
