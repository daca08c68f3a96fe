//! The machine below the kernel: x86_64 PCs with ACPI.
//!
//! Here, in the object store and in the image's few lines of glue stands all `unsafe` of the
//! kernel. What it rests on:
//!
//! 1. **The loader tells the truth** ([`boot`](boot::boot)): memory map, image and segments are
//!    what the boot information says, and nobody else writes to them.
//! 2. **Memory** is seen through the direct map, which [`kernel_space`] builds from the memory
//!    map before anything else runs and which never changes: a [`KernelAddress`] of reported
//!    memory is always valid. Nothing is writable and executable, kernel pages are closed to
//!    user mode, and the kernel never touches a user address.
//! 3. **Page tables** (`tables`, [`paging`]) are read and written as atomics only. That a
//!    page given as root or table is one, and nothing else, is the portable kernel's promise,
//!    which its object store keeps: a page-table object owns its page.
//! 4. **One stack a CPU** ([`cpu`]): the kernel runs with interrupts off on its CPU's stack, is
//!    never re-entered, and finds its CPU from the stack pointer. One CPU at a time is in the
//!    portable kernel ([`lock`]).
//! 5. **Contexts** keep the invariants in [`context`], so the way out cannot fault; the
//!    portable kernel keeps a context alive as long as it is current ([`entry`]).
//! 6. **Devices** that the kernel drives (interrupt controllers, timers, the first serial port)
//!    are its own; none of them writes to memory. Without an IOMMU any other device may be told
//!    to, so whoever is given I/O ports or device memory is trusted ([`mod@devices`]); the pages
//!    through which any vector could be raised are given to nobody (`device_memory`).
//!
//! The crate compiles on the host too, where its pure half is tested; the entry code itself is
//! assembled for the bare machine only.
//!
//! [`KernelAddress`]: a9n_hal::KernelAddress

#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(target_os = "none"),
    allow(dead_code, reason = "what only the entry code uses is not used on the host")
)]

mod acpi;
mod apic;
pub mod boot;
mod boot_error;
mod bytes;
pub mod clock;
pub mod console;
pub mod context;
pub mod cpu;
mod device_memory;
pub mod devices;
pub mod dump;
mod early;
pub mod entry;
pub mod exceptions;
pub mod features;
mod hand_over;
mod interrupts;
mod io_apic;
pub mod kernel_space;
mod legacy;
pub mod lock;
mod machine;
mod madt;
mod page_entry;
pub mod paging;
mod processors;
mod reference;
mod segments;
mod shootdown;
mod skew;
pub mod speculation;
#[cfg(target_os = "none")]
mod stubs;
mod tables;
mod trampoline;
mod translations;
pub mod vector;
mod vectors;
pub mod virt;

pub use boot_error::BootError;

/// The machine. There is only one, so it has no content.
#[derive(Clone, Copy, Debug, Default)]
pub struct X86_64;
