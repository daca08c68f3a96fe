//! Numbers by which firmware interfaces name kinds of memory.

use a9n_abi::boot::MemoryKind;

/// Kind of a memory type of UEFI (UEFI specification 2.10, table 7.6), once boot services have
/// been exited.
pub const fn uefi_memory_kind(memory_type: u32) -> MemoryKind {
    match memory_type {
        1 | 2 => MemoryKind::Loader,
        3 | 4 | 7 => MemoryKind::Usable,
        9 => MemoryKind::AcpiTables,
        10 => MemoryKind::AcpiNonVolatile,
        11 => MemoryKind::Device,
        _ => MemoryKind::Reserved,
    }
}

/// Kind of an address range type of the BIOS call E820 (ACPI specification 6.5, table 15.1),
/// which PVH and multiboot2 pass on.
pub const fn e820_memory_kind(range_type: u32) -> MemoryKind {
    match range_type {
        1 => MemoryKind::Usable,
        3 => MemoryKind::AcpiTables,
        4 => MemoryKind::AcpiNonVolatile,
        _ => MemoryKind::Reserved,
    }
}
