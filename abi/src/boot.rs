//! What the loader hands to the kernel.
//!
//! The loader enters the kernel's ELF entry point in 64-bit mode with interrupts off, firmware
//! boot services exited and the first argument register holding the **physical** address of a
//! [`BootInfo`]. At that moment
//!
//! - every page that [`BootInfo`] names, the structure itself and the stack are mapped where
//!   virtual equals physical address;
//! - the kernel's segments are mapped at their link addresses with the rights of their ELF
//!   program headers, and lie contiguously in physical memory from [`BootInfo::kernel`] on;
//! - at least 64 KiB of stack are left;
//! - descriptor tables and all other registers are unspecified.
//!
//! All addresses in these structures are physical unless named otherwise. Arrays are given as
//! [`Span`]s, so that the layout is the same for every compiler and can be checked before use.

/// First word of a [`BootInfo`]: `A9NBOOT` in ASCII, then the byte 0.
pub const BOOT_MAGIC: u64 = u64::from_le_bytes(*b"A9NBOOT\0");

/// Version of the layouts in this module; a kernel refuses any other.
pub const BOOT_VERSION: u32 = 1;

/// Bytes in one page, the unit of every region in the memory map.
pub const PAGE_BYTES: u64 = 4096;

/// An array in memory: `count` elements from physical address `address` on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Physical address of the first element, aligned for it; 0 if `count` is 0.
    pub address: u64,
    /// Number of elements (of bytes, where the span is text or raw data).
    pub count: u64,
}

/// Everything that the kernel learns from its loader.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct BootInfo {
    /// [`BOOT_MAGIC`].
    pub magic: u64,
    /// [`BOOT_VERSION`].
    pub version: u32,
    /// Bytes in this structure.
    pub bytes: u32,
    /// [`ABI_HASH`](crate::ABI_HASH) that the loader was built with.
    pub abi_hash: u64,
    /// [`MemoryRegion`]s in ascending order, page-aligned, without overlap.
    pub memory_map: Span,
    /// Physical address of the first page of the kernel image.
    pub kernel: u64,
    /// Bytes of the kernel image, from its first to past its last segment, in whole pages.
    pub kernel_bytes: u64,
    /// The first user program.
    pub init: InitImage,
    /// [`Module`]s: files passed to init unread.
    pub modules: Span,
    /// Physical address of the ACPI root pointer (RSDP), 0 if there is none.
    pub acpi_root: u64,
    /// The screen, if the firmware set one up.
    pub framebuffer: Framebuffer,
    /// Command line, UTF-8, without terminator.
    pub command_line: Span,
}

/// Kind of a [`MemoryRegion`]. Numbers are part of the interface.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryKind {
    /// Free; becomes Generics.
    Usable = 1,
    /// Used by the loader (tables, [`BootInfo`], stack): free once the kernel no longer needs it.
    Loader = 2,
    /// The kernel's segments.
    Kernel = 3,
    /// Segments of the first user program.
    Init = 4,
    /// Contents of boot modules.
    Module = 5,
    /// ACPI tables.
    AcpiTables = 6,
    /// ACPI non-volatile storage: never touched.
    AcpiNonVolatile = 7,
    /// Firmware run-time services, broken memory and everything unknown: never touched.
    Reserved = 8,
    /// Device registers that the firmware reported.
    Device = 9,
}

impl MemoryKind {
    /// The kind with this number.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Usable,
            2 => Self::Loader,
            3 => Self::Kernel,
            4 => Self::Init,
            5 => Self::Module,
            6 => Self::AcpiTables,
            7 => Self::AcpiNonVolatile,
            8 => Self::Reserved,
            9 => Self::Device,
            _ => return None,
        })
    }
}

/// A stretch of physical memory of one kind.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryRegion {
    /// Physical address of the first byte, page-aligned.
    pub start: u64,
    /// Length in pages, at least one.
    pub pages: u64,
    /// A [`MemoryKind`] by number.
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
}

/// The first user program, laid out in memory by the loader.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct InitImage {
    /// [`InitSegment`]s, in ascending order of virtual address, without a shared page.
    pub segments: Span,
    /// Virtual address of its first instruction.
    pub entry: u64,
    /// ABI hash in its ELF note.
    pub abi_hash: u64,
}

/// One mapped stretch of the first user program.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InitSegment {
    /// Virtual address of its first page, page-aligned.
    pub virtual_address: u64,
    /// Physical address of its first page; the pages are contiguous.
    pub physical_address: u64,
    /// Length in pages, at least one.
    pub pages: u64,
    /// Bits [`InitSegment::READ`], [`InitSegment::WRITE`], [`InitSegment::EXECUTE`]; never both
    /// of the last two.
    pub access: u64,
}

impl InitSegment {
    /// The program may read it.
    pub const READ: u64 = 1;
    /// The program may write it.
    pub const WRITE: u64 = 2;
    /// The program may execute it.
    pub const EXECUTE: u64 = 4;
}

/// A file passed to init.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Name, UTF-8, filled up with zeros.
    pub name: [u8; Module::NAME_BYTES],
    /// Physical address of its contents, page-aligned. The rest of its last page is zero.
    pub address: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Module {
    /// Room for a module's name, in bytes.
    pub const NAME_BYTES: usize = 48;

    /// The name up to its first zero byte.
    pub fn name(&self) -> &[u8] {
        self.name.split(|byte| *byte == 0).next().unwrap_or(&[])
    }
}

/// Order of the colours in a pixel of four bytes. Numbers are part of the interface.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Red, green, blue, unused.
    Rgbx = 1,
    /// Blue, green, red, unused.
    Bgrx = 2,
}

/// A linear framebuffer; all zero if there is none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framebuffer {
    /// Physical address of the first pixel.
    pub address: u64,
    /// Bytes of the whole framebuffer.
    pub bytes: u64,
    /// Visible pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pixels from one line to the next.
    pub stride: u32,
    /// A [`PixelFormat`] by number.
    pub format: u32,
}
