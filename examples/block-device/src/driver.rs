//! The driver: a transport to the device, and a Notification Port that it rings.

use nun::{NotificationPort, println};
use nun_driver::DmaBuffer;
use nun_driver::virtio::virtio_drivers::{Error, Result};
use nun_driver::virtio::{BlockDevice, Completion, PciTransport, Request, SECTOR_BYTES};

/// Reads the disk's first page and shows the first line of each of its sectors.
pub fn run(transport: PciTransport, signal: NotificationPort) -> Result {
    let mut disk = BlockDevice::new(transport)?;
    println!("driver: a disk of {} sectors", disk.sectors());
    let buffer = DmaBuffer::new(1).ok_or(Error::DmaError)?;
    let ticket = disk.submit(Request::Read(0, buffer)).map_err(|(error, _)| error)?;
    let buffer = loop {
        signal.wait().map_err(|_| Error::IoError)?;
        if let Some(Completion { ticket: done, result, buffer }) = disk.poll()? {
            assert_eq!(done, ticket);
            result?;
            break buffer.ok_or(Error::IoError)?;
        }
    };
    println!("driver: it interrupted when it was done");
    for sector in buffer.chunks(SECTOR_BYTES) {
        let line = sector.split(|byte| *byte == b'\n').next().unwrap_or_default();
        println!("driver: {}", str::from_utf8(line).unwrap_or("no text"));
    }
    Ok(())
}
