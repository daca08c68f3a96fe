//! PCI: one bus, a bridge from the processor to it, and functions on it.
//!
//! Configuration space is reached by the ports 0xcf8 and 0xcfc ("mechanism 1"). The monitor is the firmware:
//! it places every BAR and wires every pin, so a guest finds all devices usable and may move them.

mod bus;
mod configuration;

pub use bus::{INTERRUPT_LINES, MEMORY, Pci};
pub use configuration::{Bar, Configuration, Identity};
