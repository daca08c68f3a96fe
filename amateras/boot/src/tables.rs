//! The tables of a processor that is in 64-bit mode already: segments, and pages that are where they
//! are.

use amateras_devices::{GuestMemory, Outside};

/// Where the table of segments is put.
pub const GDT_ADDRESS: u64 = 0x6000;
/// Its length.
pub const GDT_BYTES: u64 = GDT.len() as u64 * 8;
/// The selector of the code segment that the boot protocol wants.
pub const CODE_SELECTOR: u16 = 0x10;
/// The selector of the data segment that it wants.
pub const DATA_SELECTOR: u16 = 0x18;

/// Flat segments: 64-bit code, and data, both for the kernel.
const GDT: [u64; 4] = [0, 0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff];

/// Where the page tables are put, the first of them first.
pub const PAGE_TABLES: u64 = 0x8000;
/// How many GiB they reach.
const GIBIBYTES: u64 = 4;
/// First address past them.
pub const PAGE_TABLES_END: u64 = PAGE_TABLES + (2 + GIBIBYTES) * PAGE;

const PAGE: u64 = 0x1000;
const LARGE_PAGE: u64 = 1 << 21;
const ENTRIES: u64 = 512;
const PRESENT_AND_WRITABLE: u64 = 0x03;
const LARGE: u64 = 0x80;

/// Writes both.
pub fn write(memory: &mut (impl GuestMemory + ?Sized)) -> Result<(), Outside> {
    for (address, segment) in (GDT_ADDRESS..).step_by(8).zip(GDT) {
        memory.write(address, &segment.to_le_bytes())?;
    }
    let mut entry = |address: u64, value: u64| memory.write(address, &value.to_le_bytes());
    let (directories, tables) = (PAGE_TABLES + PAGE, PAGE_TABLES + 2 * PAGE);
    entry(PAGE_TABLES, directories | PRESENT_AND_WRITABLE)?;
    for index in 0..GIBIBYTES {
        entry(directories + index * 8, (tables + index * PAGE) | PRESENT_AND_WRITABLE)?;
    }
    for index in 0..GIBIBYTES * ENTRIES {
        entry(tables + index * 8, (index * LARGE_PAGE) | LARGE | PRESENT_AND_WRITABLE)?;
    }
    Ok(())
}
