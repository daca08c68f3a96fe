//! Block storage: what a device can do, and a write-back cache that keeps a journal's order.
//!
//! [`BlockDevice`] is the contract between drivers and whoever stores things; [`Cache`] stands on
//! any of them; [`MemoryDevice`] is one without hardware, for tests and RAM disks. Nothing here
//! knows a file system, a process or a capability, so all of it runs on the host.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cache;
mod device;
mod frame;
mod memory;

pub use cache::{Cache, Source};
pub use device::{BlockDevice, DeviceError, Durability, Geometry, Sector};
pub use frame::Use;
pub use memory::MemoryDevice;
