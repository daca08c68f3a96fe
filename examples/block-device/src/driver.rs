//! The driver: a transport to the device, and a Notification Port that it rings.

use nun::{NotificationPort, println};
use nun_driver::DmaBuffer;
use nun_driver::virtio::virtio_drivers::{Error, Result};
use nun_driver::virtio::{BlockDevice, Completion, PciTransport, Request, SECTOR_BYTES};

/// What is written to the first sector.
const TEXT: &[u8] = b"A sector, written by a driver on A9N.\n";

/// Reads the disk's first page and shows the first line of each of its sectors; then writes over the
/// first, and looks whether that is what it says now.
pub fn run(transport: PciTransport, signal: NotificationPort) -> Result {
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
