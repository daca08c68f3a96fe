//! What the root server wants done with PCI devices, and the answers of the PCI server, which alone reaches
//! configuration space and the tables that choose interrupts.
//!
//! The root server calls nobody, so orders are fetched. What has to outlive a PCI server is in the order:
//! whoever takes it needs to know nothing of what was before.

use nun::service::{Vec, Wire};

use crate::environment::CONFIGURATION_BYTES;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum Task {
    /// Find a device of this maker and kind.
    Find = 1,
    /// Find out where its registers are. It may be left spoilt by whoever had the order before.
    Measure = 2,
    /// Have it neither reach memory nor interrupt any more, and forget what it was told.
    Quiesce = 3,
    /// Make it ready for a driver.
    SetUp = 4,
}

/// Something to do with one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct Order {
    /// Which order it is: told with what came of it.
    pub number: u64,
    /// What to do.
    pub task: Task,
    /// Maker of the device, the maker's number for its kind, and which of several of them it is, counted
    /// from 0.
    pub kind: (u16, u16, u8),
    /// Where it is, unless it is to be found.
    pub place: Option<DevicePlace>,
    /// How it interrupts, if it is to be set up, and does.
    pub interrupt: Option<DeviceInterrupt>,
    /// Whether it may read and write memory, if it is to be set up.
    pub masters: bool,
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct DevicePlace {
    /// Bus (8 bits), device (5) and function (3).
    pub function: u16,
    /// What the firmware wrote into its base address registers.
    pub bars: (u32, u32, u32, u32, u32, u32),
}

/// Where the table is that chooses a device's interrupts, and what every entry shall say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct DeviceInterrupt {
    /// Address of the table, where the PCI server has it mapped.
    pub table: u64,
    /// Length of the table in bytes.
    pub table_bytes: u64,
    /// Where the device writes to interrupt.
    pub address: u64,
    /// What it writes there.
    pub data: u32,
}

/// A stretch of registers in physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct Extent {
    /// Address of the first byte.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// The registers of each BAR that is one in memory, by its number.
pub type Extents = (
    Option<Extent>,
    Option<Extent>,
    Option<Extent>,
    Option<Extent>,
    Option<Extent>,
    Option<Extent>,
);

/// The table that chooses a device's interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub struct DeviceTable {
    /// The number of the BAR that it lies in.
    pub bar: u8,
    /// Where it is.
    pub extent: Extent,
}

/// Orders, and what came of them. An answer to another than the current order of a device is ignored.
#[nun::service(version = 1)]
pub trait Devices {
    /// An order that waits, if there is one. It waits until it is answered, by whoever takes it.
    #[method(ordinal = 1, retry = idempotent)]
    fn next(&self) -> Option<Order>;
    /// Where the device is, if the machine has one.
    #[method(ordinal = 2, retry = idempotent)]
    fn found(&self, number: u64, place: Option<DevicePlace>);
    /// Where its registers are, and among them the table of its interrupts.
    #[method(ordinal = 3, retry = idempotent)]
    fn measured(&self, number: u64, registers: Extents, table: Option<DeviceTable>);
    /// It rests, after the time that a reset takes if it is being reset.
    #[method(ordinal = 4, retry = idempotent)]
    fn rests(&self, number: u64, is_reset: bool);
    /// It can be used. What its configuration space says is for its driver.
    #[method(ordinal = 5, retry = idempotent)]
    fn is_set_up(&self, number: u64, configuration: Vec<u8, CONFIGURATION_BYTES>);
}
