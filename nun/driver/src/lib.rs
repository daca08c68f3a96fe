//! Toolkit for device drivers.
//!
//! A driver is a process like any other, with capabilities to what it drives. Each part takes just
//! those, so a driver can be given them one by one; [`DeviceMemory`] and [`pci`] are for whoever
//! hands them out.
//!
//! | part | for |
//! |---|---|
//! | [`Port`] | I/O ports |
//! | [`Interrupt`] | lines and message-signalled interrupts |
//! | [`Registers`] | registers that are mapped, through `safe-mmio` |
//! | [`DmaPool`], [`DmaBuffer`] | memory that devices reach |
//! | [`pci`] | finding functions, their BARs, capabilities and MSI-X tables, through `pci_types` |
//! | [`virtio`] | devices of `virtio-drivers`, over PCI, and a disk and a source of random numbers that nobody waits for |
//! | [`DeviceMemory`] | frames of device space, by physical address |

#![no_std]

mod device_memory;
mod dma;
mod interrupt;
mod mmio;
pub mod pci;
mod port;
pub mod virtio;

pub use device_memory::DeviceMemory;
pub use dma::{DmaBuffer, DmaPool, SharedDma};
pub use interrupt::{Interrupt, InterruptMessage};
pub use mmio::Registers;
pub use port::{Port, PortWord};
/// Types of registers and how they are accessed, in the version that [`Registers`] speaks of.
pub use safe_mmio;
