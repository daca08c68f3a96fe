//! A copy of a function's configuration space: what a driver has to know, without the right to change
//! it.

use pci_types::{ConfigRegionAccess, PciAddress};

/// Bytes of the part that every function has.
pub const CONFIGURATION_BYTES: usize = 256;

/// A copy of the configuration space of one function. Every address leads to it.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a>(pub &'a [u8]);

impl ConfigRegionAccess for Snapshot<'_> {
    // SAFETY: nothing is asked of the caller; outside of the copy there are ones.
    unsafe fn read(&self, _: PciAddress, offset: u16) -> u32 {
        let place = usize::from(offset & !3);
        match self.0.get(place..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => u32::MAX,
        }
    }

    // SAFETY: nothing is asked of the caller: it has no effect.
    unsafe fn write(&self, _: PciAddress, _: u16, _: u32) {}
}
