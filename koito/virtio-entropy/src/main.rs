//! The driver of a virtio source of random numbers. It asks in advance, so nobody waits for the device;
//! each number is given out once.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::cell::RefCell;

use koito::conventions::{DMA_ADDRESS, signal};
use koito::services::{Entropy, EntropyError, EntropyServer};
use koito::{Environment, Missing, Server};
use nun::service::{Caller, Vec};
use nun_driver::DmaPool;
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::{ENTROPY_BYTES, EntropyDevice, PciTransport};

nun::entry!(main);

const PAGE_BYTES: usize = 4096;
/// Entry of the MSI-X table that the queue uses.
const VECTOR: u16 = 0;
/// Bytes of an answer.
const ANSWER_BYTES: usize = 32;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let device = start(&environment)?;
    let service = EntropyServer(Source(RefCell::new(Stock { device, bytes: Vec::new() })));
    service.0.0.borrow_mut().refill();
    let signals = |bits| {
        if bits & signal::DEVICE != 0 {
            service.0.0.borrow_mut().refill();
        }
    };
    let error = Server::new(&environment).serve(&service, signals);
    panic!("the port is gone: {error}");
}

/// Starts the device that the environment describes.
fn start(environment: &Environment) -> Result<EntropyDevice, Missing> {
    let device = environment.device()?;
    let (physical, bytes) = device.dma.ok_or(Missing::Device)?;
    DmaPool::in_workspace(DMA_ADDRESS, physical, bytes as usize / PAGE_BYTES).install();
    let window = |bar| device.window(bar);
    let transport = PciTransport::in_workspace(
        DeviceType::EntropySource,
        &device.configuration,
        window,
        VECTOR,
    );
    // A device that does not start is reset once more, by a new instance.
    let source = EntropyDevice::new(transport.ok_or(Missing::Device)?);
    Ok(source.expect("the device starts"))
}

/// The device, and what it gave.
struct Stock {
    device: EntropyDevice,
    bytes: Vec<u8, ENTROPY_BYTES>,
}

impl Stock {
    /// Takes what has come, and asks for more when nothing is left.
    fn refill(&mut self) {
        // A device that answers what it was not asked is reset, by a new instance.
        if let Some((bytes, length)) = self.device.poll().expect("the device keeps to its protocol")
        {
            self.bytes = bytes.into_iter().take(length).collect();
        }
        if self.bytes.len() < ANSWER_BYTES {
            self.device.ask().expect("the device takes a request");
        }
    }

    /// The next bytes, if there are so many.
    fn take(&mut self) -> Option<[u8; ANSWER_BYTES]> {
        let rest = self.bytes.len().checked_sub(ANSWER_BYTES)?;
        let taken = self.bytes.get(rest..)?.try_into().ok();
        self.bytes.truncate(rest);
        taken
    }
}

struct Source(RefCell<Stock>);

impl Entropy for Source {
    fn random(&self, _: Caller) -> Result<(u64, u64, u64, u64), EntropyError> {
        let stock = &mut *self.0.borrow_mut();
        let taken = stock.take();
        stock.refill();
        let words = taken.ok_or(EntropyError::NoSource)?;
        let mut words = words.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let mut next = || words.next().ok_or(EntropyError::NoSource);
        Ok((next()?, next()?, next()?, next()?))
    }
}
