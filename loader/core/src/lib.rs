//! Portable half of A9NLoader: what is decided about a boot, without touching a machine.
//!
//! The UEFI application and the kernel's direct entry (PVH, multiboot2) both call
//! [`hand_over::load`] and [`hand_over::Loaded::finish`], so what the host tests is what runs.
//! Nothing here panics, allocates or recurses: the crate is linked into the kernel image too,
//! where no panicking path may survive.

#![no_std]
#![forbid(unsafe_code)]

pub mod archive;
pub mod config;
pub mod elf;
pub mod firmware;
pub mod hand_over;
pub mod memory_map;
mod path;
mod range;

pub use path::Path;
pub use range::{PhysicalRange, pages_for};
