//! The file of a Linux kernel: what its header says.

use crate::{File, Unbootable};

/// Where the header begins in the file, and in the zero page.
pub const HEADER: usize = 0x1f1;

/// Fields of the header, as offsets in the file.
mod field {
    pub const SETUP_SECTORS: usize = 0x1f1;
    /// How much code there is, in units of 16 bytes.
    pub const CODE_UNITS: usize = 0x1f4;
    pub const BOOT_FLAG: usize = 0x1fe;
    /// The second byte of a jump over the header: how long it is.
    pub const JUMP: usize = 0x201;
    pub const MAGIC: usize = 0x202;
    pub const VERSION: usize = 0x206;
    pub const LOAD_FLAGS: usize = 0x211;
    pub const INITRD_END: usize = 0x22c;
    pub const EXTENDED_FLAGS: usize = 0x236;
    pub const COMMAND_LINE_BYTES: usize = 0x238;
    pub const PREFERRED_ADDRESS: usize = 0x258;
    pub const WORKING_BYTES: usize = 0x260;
}

const SECTOR: u64 = 512;
const UNIT: u64 = 16;
const BOOT_FLAG: u16 = 0xaa55;
const MAGIC: u32 = u32::from_le_bytes(*b"HdrS");
/// What an ELF file begins with.
const ELF: &[u8] = b"\x7fELF";
/// The first version whose header says whether there is a 64-bit entry.
const OLDEST: u16 = 0x020c;
const LOADED_HIGH: u8 = 0x01;
const HAS_64_BIT_ENTRY: u16 = 0x01;
/// Bytes of the file that may belong to its header: those up to the end of the longest jump.
const FIRST_BYTES: usize = field::MAGIC + u8::MAX as usize;

/// A kernel that can be booted.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    file: &'a dyn File,
    first: [u8; FIRST_BYTES],
    header_end: usize,
    /// Where its code begins in the file.
    pub(crate) code_offset: u64,
    /// Bytes of that.
    pub(crate) code_bytes: u64,
    /// Where the code wants to be.
    pub(crate) preferred_address: u64,
    /// Bytes that it needs there until it runs.
    pub(crate) working_bytes: u64,
    /// The last address that its initial file system may reach.
    pub(crate) initrd_end: u64,
    /// Most bytes of its command line.
    pub(crate) command_line_bytes: usize,
    version: u16,
}

impl<'a> Image<'a> {
    /// Reads the header of `file`.
    pub fn parse(file: &'a dyn File) -> Result<Self, Unbootable> {
        let mut first = [0; FIRST_BYTES];
        let length = file.bytes().min(FIRST_BYTES as u64) as usize;
        // What a shorter file lacks are zeros.
        file.read(0, &mut first[..length])?;
        if first.starts_with(ELF) {
            return Err(Unbootable::Elf);
        }
        let half = |offset| u16::from_le_bytes(array(&first, offset));
        let word = |offset| u32::from_le_bytes(array(&first, offset));
        if half(field::BOOT_FLAG) != BOOT_FLAG || word(field::MAGIC) != MAGIC {
            return Err(Unbootable::NotLinux);
        }
        let version = half(field::VERSION);
        if version < OLDEST {
            return Err(Unbootable::TooOld(version));
        }
        let [load_flags] = array(&first, field::LOAD_FLAGS);
        if load_flags & LOADED_HIGH == 0 || half(field::EXTENDED_FLAGS) & HAS_64_BIT_ENTRY == 0 {
            return Err(Unbootable::Not64Bit);
        }
        let [jump] = array(&first, field::JUMP);
        let sectors = match array(&first, field::SETUP_SECTORS) {
            [0] => 4,
            [sectors] => u64::from(sectors),
        };
        let code_offset = (sectors + 1) * SECTOR;
        let promised = u64::from(word(field::CODE_UNITS)) * UNIT;
        let code_bytes = file.bytes().saturating_sub(code_offset);
        if code_bytes <= SECTOR || code_bytes < promised {
            return Err(Unbootable::TooShort);
        }
        Ok(Self {
            file,
            first,
            header_end: field::MAGIC + usize::from(jump),
            code_offset,
            code_bytes,
            preferred_address: u64::from_le_bytes(array(&first, field::PREFERRED_ADDRESS)),
            working_bytes: word(field::WORKING_BYTES).into(),
            initrd_end: word(field::INITRD_END).into(),
            command_line_bytes: word(field::COMMAND_LINE_BYTES) as usize,
            version,
        })
    }

    /// The file that it is in.
    pub(crate) const fn file(&self) -> &'a dyn File {
        self.file
    }

    /// The header's bytes, for the zero page.
    pub(crate) fn header(&self) -> &[u8] {
        self.first.get(HEADER..self.header_end).unwrap_or_default()
    }

    /// The version of the boot protocol: major and minor number.
    pub const fn version(&self) -> (u8, u8) {
        let [minor, major] = self.version.to_le_bytes();
        (major, minor)
    }
}

/// The bytes of a field, which lies within the header.
fn array<const N: usize>(first: &[u8; FIRST_BYTES], offset: usize) -> [u8; N] {
    first.get(offset..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
