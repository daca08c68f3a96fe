//! A device may say of itself what it likes: its configuration space is read to the end, in a bounded
//! number of steps, and what is found there lies where it can.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nun_driver::pci::pci_types::PciAddress;
use nun_driver::pci::{CONFIGURATION_BYTES, Snapshot, function};
use nun_driver::virtio::{Layout, kind};

fuzz_target!(|input: &[u8]| {
    let mut space = [0; CONFIGURATION_BYTES];
    let length = input.len().min(CONFIGURATION_BYTES);
    space[..length].copy_from_slice(&input[..length]);
    let space = Snapshot(&space);
    let Some(function) = function(&space, PciAddress::new(0, 0, 0, 0)) else { return };
    assert!(function.capabilities(&space).count() <= 512);
    let bars: Vec<u8> = function.memory_bars(&space).collect();
    assert!(bars.iter().all(|bar| *bar < 6));
    let measured = function.measure(&space, &function.bars(&space));
    for (address, bytes) in measured.into_iter().flatten() {
        assert!(address != 0 && bytes.is_power_of_two() && address.is_multiple_of(bytes));
    }
    if let Some(msix) = function.msix(&space) {
        assert!(msix.table_bar() < 8 && (1..=2048).contains(&msix.table_size()));
    }
    let _ = (kind(&function), Layout::read(&space, &function));
});
