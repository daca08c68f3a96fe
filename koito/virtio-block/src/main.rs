//! The driver of a virtio disk: a server whose clients share memory with it.
//!
//! It is given the registers of one device and the memory that the device reaches; configuration
//! space and the choice of interrupts are the root server's. What clients share is copied to and
//! from that memory, so a client learns no physical address and changes nothing that is under way.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod desk;

use desk::Desk;
use koito::conventions::{DMA_ADDRESS, signal};
use koito::services::{Disk, DiskError, DiskServer, Geometry, SECTOR_BYTES, Stretch};
use koito::{Environment, Missing, Server};
use nun::executor::{Timers, until};
use nun::mapped::Mapped;
use nun::service::Caller;
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::{BlockDevice, PciTransport, Request};
use nun_driver::{DmaBuffer, DmaPool};

nun::entry!(main, stack = 128 * 1024);

/// Most bytes of one request to the device.
const MOST_BYTES: usize = 32 * 1024;
const PAGE_BYTES: usize = 4096;
/// Entry of the MSI-X table that the queue uses.
const VECTOR: u16 = 0;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let disk = start(&environment)?;
    let geometry = Geometry { sectors: disk.sectors(), read_only: disk.is_read_only() };
    let desk = Desk::new(disk);
    let service = DiskServer(Driver { environment: &environment, geometry, desk: &desk });
    let signals = |bits| {
        if bits & signal::DEVICE != 0 {
            desk.attend();
        }
    };
    let server = Server::new(&environment);
    let error = server.serve_waiting(&service, signals, &Timers::new(), &());
    panic!("the port is gone: {error}");
}

/// Starts the device that the environment describes.
fn start(environment: &Environment) -> Result<BlockDevice, Missing> {
    let device = environment.device()?;
    let (physical, bytes) = device.dma.ok_or(Missing::Device)?;
    DmaPool::in_workspace(DMA_ADDRESS, physical, bytes as usize / PAGE_BYTES).install();
    let window = |bar| device.window(bar);
    let transport =
        PciTransport::in_workspace(DeviceType::Block, &device.configuration, window, VECTOR);
    // A device that does not start is reset once more, by a new instance.
    let disk = BlockDevice::new(transport.ok_or(Missing::Device)?);
    Ok(disk.expect("the device starts"))
}

struct Driver<'a> {
    environment: &'a Environment,
    geometry: Geometry,
    desk: &'a Desk,
}

impl Driver<'_> {
    /// The memory that a client shares, if `stretch` lies in it and on the disk.
    fn memory(&self, caller: Caller, stretch: &Stretch) -> Result<Mapped, DiskError> {
        let shared = self.environment.bulk(|channel| channel.from == Some(caller.client));
        let shared = shared.map_err(|_| DiskError::OutOfRange)?;
        let lies = |start: u64, length: u64, all: u64| {
            start.checked_add(length).is_some_and(|end| end <= all)
        };
        let fits = stretch.bytes.is_multiple_of(SECTOR_BYTES)
            && lies(stretch.place, stretch.bytes, shared.bytes() as u64)
            && lies(stretch.sector, stretch.bytes / SECTOR_BYTES, self.geometry.sectors);
        fits.then_some(shared).ok_or(DiskError::OutOfRange)
    }
}

/// A stretch in pieces that the device takes: first sector, place, length.
fn pieces(stretch: Stretch) -> impl Iterator<Item = (u64, usize, usize)> {
    (0..stretch.bytes).step_by(MOST_BYTES).map(move |done| {
        let length = (stretch.bytes - done).min(MOST_BYTES as u64) as usize;
        (stretch.sector + done / SECTOR_BYTES, (stretch.place + done) as usize, length)
    })
}

/// Memory that the device reaches; waits while others have it.
async fn buffer(bytes: usize) -> DmaBuffer {
    until(|| DmaBuffer::new(bytes.div_ceil(PAGE_BYTES))).await.shortened(bytes)
}

impl Disk for Driver<'_> {
    fn geometry(&self, _: Caller) -> Geometry {
        self.geometry
    }

    async fn read(&self, caller: Caller, stretch: Stretch) -> Result<(), DiskError> {
        let memory = self.memory(caller, &stretch)?;
        for (sector, place, bytes) in pieces(stretch) {
            let request = Request::Read(sector, buffer(bytes).await);
            let filled = self.desk.carry_out(request).await?;
            memory.copy_from(place, &filled.ok_or(DiskError::Failed)?);
        }
        Ok(())
    }

    async fn write(&self, caller: Caller, stretch: Stretch) -> Result<(), DiskError> {
        let memory = self.memory(caller, &stretch)?;
        if self.geometry.read_only {
            return Err(DiskError::ReadOnly);
        }
        for (sector, place, bytes) in pieces(stretch) {
            let mut buffer = buffer(bytes).await;
            memory.copy_to(place, &mut buffer);
            self.desk.carry_out(Request::Write(sector, buffer)).await?;
        }
        Ok(())
    }

    async fn flush(&self, _: Caller) -> Result<(), DiskError> {
        self.desk.carry_out(Request::Flush).await.map(|_| ())
    }
}
