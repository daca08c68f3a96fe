//! What goes where in the guest's memory.

use amateras_devices::{GuestMemory, Outside};

use crate::image::HEADER;
use crate::{File, Image, Refused, acpi, check_archive, tables};

/// Where the zero page is put.
const ZERO_PAGE: u64 = 0x7000;
/// Where the command line is put, and most bytes of it, with the zero at its end.
const COMMAND_LINE: u64 = 0x2_0000;
const COMMAND_LINE_BYTES: usize = 0x1_0000;
/// Memory of old: from its end up to the first MiB is what used to be firmware's.
const LOW_MEMORY_END: u64 = 0x9_fc00;
const HIGH_MEMORY: u64 = 0x10_0000;
const PAGE: u64 = 0x1000;
/// Bytes of a file that are copied at once.
const PIECE: usize = 0x4000;
/// Where the code's 64-bit entry is.
const ENTRY: u64 = 0x200;

const _: () = assert!(LOW_MEMORY_END <= acpi::ROOT && acpi::END <= HIGH_MEMORY);
const _: () = assert!(tables::PAGE_TABLES_END <= COMMAND_LINE);
const _: () = assert!(COMMAND_LINE + COMMAND_LINE_BYTES as u64 <= LOW_MEMORY_END);

/// Fields of the zero page, as offsets in it.
mod field {
    pub const ACPI_ROOT: usize = 0x070;
    pub const MEMORY_MAP_ENTRIES: usize = 0x1e8;
    pub const VIDEO_MODE: usize = 0x1fa;
    pub const LOADER: usize = 0x210;
    pub const INITRD_ADDRESS: usize = 0x218;
    pub const INITRD_BYTES: usize = 0x21c;
    pub const COMMAND_LINE: usize = 0x228;
    pub const MEMORY_MAP: usize = 0x2d0;
}

/// A loader without a number of its own.
const UNKNOWN_LOADER: u8 = 0xff;
/// The video mode that is set.
const NORMAL_MODE: u16 = 0xffff;
/// Kinds of memory in the memory map.
const USABLE: u32 = 1;
const RESERVED: u32 = 2;

/// What somebody wants to boot a kernel with.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// The guest's memory in bytes.
    pub memory: u64,
    /// How many processors it has.
    pub processors: usize,
    /// The kernel's command line.
    pub command_line: &'a str,
    /// The initial file system; may be empty.
    pub initrd: &'a dyn File,
}

/// Where everything goes.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    image: Image<'a>,
    wishes: Wishes<'a>,
    initrd_address: u64,
}

impl<'a> Image<'a> {
    /// Decides what goes where, if there is room, and everything is what it should be.
    pub fn plan(&self, wishes: Wishes<'a>) -> Result<Plan<'a>, Refused> {
        let most = self.command_line_bytes.min(COMMAND_LINE_BYTES - 1);
        if wishes.command_line.len() > most {
            return Err(Refused::CommandLine { most });
        }
        check_archive(wishes.initrd)?;
        let code_end = self.preferred_address.saturating_add(self.working_bytes);
        let initrd_bytes = wishes.initrd.bytes().next_multiple_of(PAGE);
        let needed = code_end.saturating_add(initrd_bytes).max(HIGH_MEMORY);
        let too_small = Refused::Memory { needed, given: wishes.memory };
        let end = wishes.memory.min(self.initrd_end.saturating_add(1)) & !(PAGE - 1);
        let initrd_address = end.checked_sub(initrd_bytes).ok_or(too_small)?;
        if initrd_address < code_end.max(HIGH_MEMORY) || self.code_bytes > self.working_bytes {
            return Err(too_small);
        }
        Ok(Plan { image: *self, wishes, initrd_address })
    }
}

impl Plan<'_> {
    /// Where the kernel is entered, in 64-bit mode.
    pub const fn entry(&self) -> u64 {
        self.image.preferred_address + ENTRY
    }

    /// Address of the page tables that it is entered with.
    pub const fn page_tables(&self) -> u64 {
        tables::PAGE_TABLES
    }

    /// Address of the zero page, which it is told.
    pub const fn zero_page(&self) -> u64 {
        ZERO_PAGE
    }

    /// Writes all of it into `memory`. Fails if that is smaller than was said, or a file cannot be read.
    pub fn load(&self, memory: &mut (impl GuestMemory + ?Sized)) -> Result<(), Refused> {
        let Image { code_offset, code_bytes, preferred_address, .. } = self.image;
        copy(self.image.file(), code_offset, code_bytes, memory, preferred_address)?;
        let initrd = self.wishes.initrd;
        copy(initrd, 0, initrd.bytes(), memory, self.initrd_address)?;
        self.write_tables(memory).map_err(|_| too_small(memory))
    }

    fn write_tables(&self, memory: &mut (impl GuestMemory + ?Sized)) -> Result<(), Outside> {
        tables::write(memory)?;
        acpi::write(self.wishes.processors, memory)?;
        memory.write(COMMAND_LINE, self.wishes.command_line.as_bytes())?;
        memory.write(COMMAND_LINE + self.wishes.command_line.len() as u64, &[0])?;
        memory.write(ZERO_PAGE, &self.make_zero_page())
    }

    fn make_zero_page(&self) -> [u8; PAGE as usize] {
        let mut page = [0; PAGE as usize];
        let mut put = |offset: usize, bytes: &[u8]| {
            if let Some(to) = page.get_mut(offset..).and_then(|to| to.get_mut(..bytes.len())) {
                to.copy_from_slice(bytes);
            }
        };
        put(HEADER, self.image.header());
        put(field::ACPI_ROOT, &acpi::ROOT.to_le_bytes());
        put(field::VIDEO_MODE, &NORMAL_MODE.to_le_bytes());
        put(field::LOADER, &[UNKNOWN_LOADER]);
        put(field::COMMAND_LINE, &(COMMAND_LINE as u32).to_le_bytes());
        let initrd_bytes = self.wishes.initrd.bytes();
        if initrd_bytes > 0 {
            put(field::INITRD_ADDRESS, &(self.initrd_address as u32).to_le_bytes());
            put(field::INITRD_BYTES, &(initrd_bytes as u32).to_le_bytes());
        }
        let map = [
            (0, LOW_MEMORY_END, USABLE),
            (LOW_MEMORY_END, HIGH_MEMORY, RESERVED),
            (HIGH_MEMORY, self.wishes.memory, USABLE),
        ];
        put(field::MEMORY_MAP_ENTRIES, &[map.len() as u8]);
        for (offset, (from, to, kind)) in (field::MEMORY_MAP..).step_by(20).zip(map) {
            put(offset, &from.to_le_bytes());
            put(offset + 8, &(to - from).to_le_bytes());
            put(offset + 16, &kind.to_le_bytes());
        }
        page
    }
}

/// Copies `bytes` bytes of `file` from `offset` on to `address` in `memory`.
fn copy(
    file: &dyn File,
    offset: u64,
    bytes: u64,
    memory: &mut (impl GuestMemory + ?Sized),
    address: u64,
) -> Result<(), Refused> {
    let mut buffer = [0; PIECE];
    for done in (0..bytes).step_by(PIECE) {
        let length = (bytes - done).min(PIECE as u64) as usize;
        let piece = &mut buffer[..length];
        file.read(offset + done, piece)?;
        memory.write(address + done, piece).map_err(|_| too_small(memory))?;
    }
    Ok(())
}

/// `memory` is smaller than was said.
fn too_small(memory: &(impl GuestMemory + ?Sized)) -> Refused {
    Refused::Memory { needed: memory.bytes() + 1, given: memory.bytes() }
}
