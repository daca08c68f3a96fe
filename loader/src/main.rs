//! A9NLoader: the UEFI application that loads and enters the kernel.
//!
//! It reads the volume that it was started from, has [`a9n_loader_core`] verify and place
//! everything, builds the page tables that the kernel starts on, leaves the firmware and jumps.
//! Whatever goes wrong before that is told on screen and serial port, and the firmware gets the
//! machine back.

#![no_std]
#![no_main]

extern crate alloc;

mod console;
mod failure;
mod machine;
mod platform;
mod volume;
mod x86_64;

use core::convert::Infallible;

use a9n_loader_core::{
    PhysicalRange,
    elf::X86_64,
    firmware::uefi_memory_kind,
    hand_over::{self, Kernel},
    memory_map::Descriptor,
};
use uefi::{
    Status, boot,
    mem::memory_map::{MemoryMap, MemoryType},
};

use crate::{
    console::say, failure::Failure, machine::UefiMachine, volume::BootVolume,
    x86_64::page_tables::PageTables,
};

/// Stack that the kernel is entered on, in pages: 64 KiB, and one page for the way there.
const STACK_PAGES: u64 = 17;

/// Descriptors by which the firmware's memory map may still grow until the loader leaves it.
const SPARE_DESCRIPTORS: u64 = 64;

#[uefi::entry]
fn main() -> Status {
    console::start();
    say!("A9NLoader {}", env!("CARGO_PKG_VERSION"));
    let Err(failure) = load_and_enter();
    failure.tell();
    Status::LOAD_ERROR
}

fn load_and_enter() -> Result<Infallible, Failure> {
    x86_64::check_paging()?;
    let platform = platform::gather();
    let firmware = boot::memory_map(MemoryType::LOADER_DATA).map_err(Failure::MemoryMap)?;
    let framebuffer =
        PhysicalRange { start: platform.framebuffer.address, bytes: platform.framebuffer.bytes };
    let tables = PageTables::new(machine::identity_end(descriptors(&firmware), framebuffer))
        .ok_or(Failure::NoMemory)?;
    let mut machine = UefiMachine::new(tables);
    let loaded = hand_over::load(
        &mut BootVolume::open()?,
        &mut machine,
        &X86_64,
        Kernel::OnVolume,
        (firmware.len() as u64).saturating_add(SPARE_DESCRIPTORS),
    )?;
    let stack = machine.stack(STACK_PAGES).ok_or(Failure::NoMemory)?;

    // Once with the present memory map, while a failure can still be told on screen.
    let firmware = boot::memory_map(MemoryType::LOADER_DATA).map_err(Failure::MemoryMap)?;
    loaded.finish(&mut machine, descriptors(&firmware), platform)?;
    drop(firmware);

    say!("entering the kernel");
    console::leave_firmware();
    // SAFETY: no protocol is open and no boot services are used from here on: the console was
    // told, and neither `finish` nor `enter` allocates.
    let firmware = unsafe { boot::exit_boot_services(Some(MemoryType::LOADER_DATA)) };
    match loaded.finish(&mut machine, descriptors(&firmware), platform) {
        // SAFETY: the tables map this code, the stack and all that the kernel needs; the entry
        // point and the boot information were made by `load` and `finish`.
        Ok(info) => unsafe { x86_64::enter(machine.tables(), stack, loaded.kernel_entry, info) },
        Err(error) => Failure::from(error).tell_and_reset(),
    }
}

/// The firmware's memory map in the loader's terms.
fn descriptors(map: &impl MemoryMap) -> impl Iterator<Item = Descriptor> + Clone {
    map.entries().map(|entry| Descriptor {
        range: PhysicalRange {
            start: entry.phys_start,
            bytes: entry.page_count.saturating_mul(boot::PAGE_SIZE as u64),
        },
        kind: uefi_memory_kind(entry.ty.0),
    })
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    say!("the loader failed, please report this: {info}");
    failure::reset()
}
