//! The driver, a process that knows nothing but what it was given: registers and memory in its
//! workspace, and a Notification Port that its device rings.
#![no_std]
#![no_main]

mod protocol;

use nun::{IpcPort, Message, NotificationPort, aci, println};
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::virtio_drivers::{Error, Result};
use nun_driver::virtio::{BlockDevice, Completion, PciTransport, Request, SECTOR_BYTES};
use nun_driver::{DmaBuffer, DmaPool, Registers};
use protocol::{Assignment, DMA, DMA_PAGES, REGISTERS, SIGNAL, VECTOR, WORDS};

nun::entry!(main);

/// What is written to the first sector.
const TEXT: &[u8] = b"A sector, written by a driver on A9N.\n";

fn main() -> Result {
    let signal = NotificationPort::slot(SIGNAL);
    let reply = IpcPort::slot(aci::slot::PARENT).call(&Message::EMPTY);
    let mut words = [0; WORDS];
    reply.map_err(|_| Error::NotReady)?.copy_to(&mut words);
    let Assignment { bytes, physical, layout } = Assignment::from_words(&words);

    DmaPool::in_workspace(DMA, physical, DMA_PAGES as usize).install();
    let registers = Registers::in_workspace(REGISTERS, bytes as usize);
    let mapped = |bar| (bar == layout.common.bar).then_some(registers);
    let transport = PciTransport::new(DeviceType::Block, &layout, mapped, Some(VECTOR));
    run(transport.ok_or(Error::InvalidParam)?, signal)
}

/// Reads the disk's first page and shows the first line of each of its sectors; then writes over the
/// first, and looks whether that is what it says now.
fn run(transport: PciTransport, signal: NotificationPort) -> Result {
    let mut disk = BlockDevice::new(transport)?;
    println!("driver: a disk of {} sectors", disk.sectors());
    let buffer = DmaBuffer::new(1).ok_or(Error::DmaError)?;
    let mut buffer = finish(&mut disk, Request::Read(0, buffer), signal)?;
    println!("driver: it interrupted when it was done");
    for sector in buffer.iter().flat_map(|buffer| buffer.chunks(SECTOR_BYTES)) {
        println!("driver: {}", line(sector));
    }

    let mut page = buffer.take().ok_or(Error::IoError)?;
    page[..TEXT.len()].copy_from_slice(TEXT);
    let page = finish(&mut disk, Request::Write(0, page), signal)?.ok_or(Error::IoError)?;
    finish(&mut disk, Request::Flush, signal)?;
    // Past the end: the disk never sees that.
    let end = disk.sectors();
    let Err((_, Request::Read(_, mut page))) = disk.submit(Request::Read(end, page)) else {
        return Err(Error::IoError);
    };
    page.fill(0);
    let page = finish(&mut disk, Request::Read(0, page), signal)?.ok_or(Error::IoError)?;
    println!("driver: {}", line(&page));
    Ok(())
}

/// Hands `request` in and waits until it is done; answers its buffer.
fn finish(
    disk: &mut BlockDevice,
    request: Request,
    signal: NotificationPort,
) -> Result<Option<DmaBuffer>> {
    let ticket = disk.submit(request).map_err(|(error, _)| error)?;
    loop {
        signal.wait().map_err(|_| Error::IoError)?;
        if let Some(Completion { ticket: done, result, buffer }) = disk.poll()? {
            assert_eq!(done, ticket);
            return result.map(|()| buffer);
        }
    }
}

/// The first line of a sector.
fn line(sector: &[u8]) -> &str {
    let line = sector.split(|byte| *byte == b'\n').next().unwrap_or_default();
    str::from_utf8(line).unwrap_or("no text")
}
