//! Second way into the kernel, for tests only: by PVH or multiboot2 instead of UEFI.
//!
//! The kernel image's assembly entry switches to 64-bit mode and calls [`from_pvh`] or
//! [`from_multiboot2`]; they load init and modules from a ustar archive that the boot loader
//! put into memory (its layout is the boot volume's) and build the same
//! [`BootInfo`](a9n_abi::boot::BootInfo) as the UEFI loader, by the same code.
//!
//! As this is linked into the kernel image, nothing here panics.

#![no_std]

mod arena;
mod bytes;
mod error;
pub mod multiboot2;
pub mod pvh;

use a9n_abi::boot::MemoryKind;
use a9n_loader_core::{
    archive::Archive,
    elf::X86_64,
    hand_over::{self, Machine, Platform},
    memory_map::Descriptor,
};

pub use a9n_loader_core::PhysicalRange;
pub use error::Error;

use crate::{arena::Arena, bytes::physical, multiboot2::Information, pvh::StartInfo};

/// Builds the boot information from a PVH start info at physical address `start_info`, and
/// returns its physical address. `kernel` is where the running image lies, from its first byte
/// to past its last, zeroed data, stacks and page tables included.
///
/// # Safety
/// To be called once, by the image that a PVH boot loader started, on its boot CPU, with the
/// first 4 GiB mapped readable and writable where virtual equals physical address, and with the
/// start info and all that it points to unchanged since.
pub unsafe fn from_pvh(start_info: u64, kernel: PhysicalRange) -> Result<u64, Error> {
    // SAFETY: the caller vouches for the start info and the mapping.
    let physical = |range| unsafe { physical(range) };
    let start_info = StartInfo::parse(physical(StartInfo::range(start_info))?)?;
    let archive = pvh::module(physical(start_info.module_list()?)?)?;
    let memory = start_info.memory_map()?;
    let table = physical(memory)?;
    let boot = Boot {
        kernel,
        archive: physical(archive)?,
        in_use: [archive, memory],
        acpi_root: Acpi::At(start_info.acpi_root),
        framebuffer: Default::default(),
    };
    // SAFETY: the caller vouches for the memory map, the mapping and that this is done once.
    unsafe { boot.run(pvh::descriptors(table)) }
}

/// Builds the boot information from a multiboot2 information block at physical address
/// `information`, and returns its physical address. `kernel` is as for [`from_pvh`].
///
/// # Safety
/// As for [`from_pvh`], with multiboot2 in the place of PVH.
pub unsafe fn from_multiboot2(information: u64, kernel: PhysicalRange) -> Result<u64, Error> {
    // SAFETY: the caller vouches for the information block and the mapping.
    let physical = |range| unsafe { physical(range) };
    let header = PhysicalRange { start: information, bytes: Information::HEADER_BYTES };
    let bytes = Information::length(physical(header)?)?;
    let block = PhysicalRange { start: information, bytes };
    let information = Information::new(physical(block)?);
    let archive = information.module()?;
    let boot = Boot {
        kernel,
        archive: physical(archive)?,
        in_use: [archive, block],
        acpi_root: information.acpi_root().map_or(Acpi::At(0), Acpi::Copy),
        framebuffer: information.framebuffer(),
    };
    // SAFETY: the caller vouches for the memory map, the mapping and that this is done once.
    unsafe { boot.run(information.descriptors()?) }
}

/// The ACPI root pointer: where it lies, or a copy of it that the boot loader made.
enum Acpi<'a> {
    At(u64),
    Copy(&'a [u8]),
}

/// What either protocol gives, apart from the memory map.
struct Boot<'a> {
    kernel: PhysicalRange,
    archive: &'a [u8],
    in_use: [PhysicalRange; 2],
    acpi_root: Acpi<'a>,
    framebuffer: a9n_abi::boot::Framebuffer,
}

impl Boot<'_> {
    /// Loads everything and returns the address of the boot information.
    ///
    /// # Safety
    /// `memory` must describe the machine truly, apart from the kernel and what is in use; what
    /// of it is usable below 4 GiB must be identity mapped and must not change hands elsewhere.
    unsafe fn run(self, memory: impl Iterator<Item = Descriptor> + Clone) -> Result<u64, Error> {
        let kernel = Descriptor { range: self.kernel, kind: MemoryKind::Kernel };
        let in_use = self.in_use.map(|range| Descriptor { range, kind: MemoryKind::Reserved });
        let free = arena::biggest(memory.clone().chain([kernel]).chain(in_use), self.kernel.end());
        // SAFETY: the caller vouches that usable memory is identity mapped and nobody else's,
        // and what is in use was taken out.
        let mut arena = unsafe { Arena::new(free.ok_or(Error::NoMemory)?) };

        let (acpi_root, acpi_copy) = match self.acpi_root {
            Acpi::At(address) => (address, PhysicalRange::default()),
            Acpi::Copy(bytes) => arena.copy(bytes).ok_or(Error::NoMemory)?,
        };
        let acpi_copy = Descriptor { range: acpi_copy, kind: MemoryKind::AcpiTables };
        let memory = memory.chain([acpi_copy]);
        let descriptors = memory.clone().count() as u64;
        let loaded = hand_over::load(
            &mut Archive::new(self.archive),
            &mut arena,
            &X86_64,
            hand_over::Kernel::Resident(self.kernel),
            descriptors,
        )?;
        let platform = Platform { acpi_root, framebuffer: self.framebuffer };
        Ok(loaded.finish(&mut arena, memory, platform)?)
    }
}

impl Arena {
    /// A copy of `bytes` on pages of its own: its address, and the pages.
    fn copy(&mut self, bytes: &[u8]) -> Option<(u64, PhysicalRange)> {
        let range = PhysicalRange { start: 0, bytes: bytes.len() as u64 };
        let start = self.allocate(a9n_loader_core::pages_for(range.bytes), None)?;
        self.write(start, bytes)?;
        Some((start, PhysicalRange { start, ..range }))
    }
}
