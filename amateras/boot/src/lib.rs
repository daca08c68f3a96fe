//! Puts a Linux kernel into a guest's memory, as firmware and boot loader would have.
//!
//! By the 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst): the file's protected-mode
//! part goes where it wants to be, the initial file system to the end of memory, and what the kernel
//! asks for into one page, the *zero page*; ACPI's tables say what the machine has. [`Image::parse`] says whether a file is such a kernel,
//! [`Image::plan`] what goes where, [`Plan::load`] writes it.
#![no_std]
#![forbid(unsafe_code)]

mod acpi;
mod aml;
mod error;
mod file;
mod image;
mod plan;
mod tables;

pub use acpi::ROOT as ACPI_ROOT;
pub use error::{Refused, Unbootable};
pub use file::{File, Unreadable, check_archive};
pub use image::Image;
pub use plan::{Plan, Wishes};
pub use tables::{CODE_SELECTOR, DATA_SELECTOR, GDT_ADDRESS, GDT_BYTES};

/// Most bytes of a command line that a guest is given. Its monitor may add a few.
pub const COMMAND_LINE_BYTES: usize = 1024;
