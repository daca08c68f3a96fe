//! The file of a Linux kernel: what its header says.

use crate::Unbootable;

/// Where the header begins in the file, and in the zero page.
pub const HEADER: usize = 0x1f1;

/// Fields of the header, as offsets in the file.
mod field {
    pub const SETUP_SECTORS: usize = 0x1f1;
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

const SECTOR: usize = 512;
const BOOT_FLAG: u16 = 0xaa55;
const MAGIC: u32 = u32::from_le_bytes(*b"HdrS");
/// The first version whose header says whether there is a 64-bit entry.
const OLDEST: u16 = 0x020c;
const LOADED_HIGH: u8 = 0x01;
const HAS_64_BIT_ENTRY: u16 = 0x01;

/// A kernel that can be booted.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// The header's bytes, for the zero page.
    pub(crate) header: &'a [u8],
    /// The code.
    pub(crate) code: &'a [u8],
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
    pub fn parse(file: &'a [u8]) -> Result<Self, Unbootable> {
        let magic = u32::from_le_bytes(array(file, field::MAGIC)?);
        if u16::from_le_bytes(array(file, field::BOOT_FLAG)?) != BOOT_FLAG || magic != MAGIC {
            return Err(Unbootable::NotLinux);
        }
        let version = u16::from_le_bytes(array(file, field::VERSION)?);
        if version < OLDEST {
            return Err(Unbootable::TooOld(version));
        }
        let [load_flags] = array(file, field::LOAD_FLAGS)?;
        let extended = u16::from_le_bytes(array(file, field::EXTENDED_FLAGS)?);
        if load_flags & LOADED_HIGH == 0 || extended & HAS_64_BIT_ENTRY == 0 {
            return Err(Unbootable::Not64Bit);
        }
        let [jump] = array(file, field::JUMP)?;
        let header = file.get(HEADER..field::MAGIC + usize::from(jump));
        let sectors = match array(file, field::SETUP_SECTORS)? {
            [0] => 4,
            [sectors] => usize::from(sectors),
        };
        let code = file.get((sectors + 1) * SECTOR..).filter(|code| code.len() > SECTOR);
        Ok(Self {
            header: header.ok_or(Unbootable::TooShort)?,
            code: code.ok_or(Unbootable::TooShort)?,
            preferred_address: u64::from_le_bytes(array(file, field::PREFERRED_ADDRESS)?),
            working_bytes: u32::from_le_bytes(array(file, field::WORKING_BYTES)?).into(),
            initrd_end: u32::from_le_bytes(array(file, field::INITRD_END)?).into(),
            command_line_bytes: u32::from_le_bytes(array(file, field::COMMAND_LINE_BYTES)?)
                as usize,
            version,
        })
    }

    /// The version of the boot protocol: major and minor number.
    pub const fn version(&self) -> (u8, u8) {
        let [minor, major] = self.version.to_le_bytes();
        (major, minor)
    }
}

fn array<const N: usize>(file: &[u8], offset: usize) -> Result<[u8; N], Unbootable> {
    file.get(offset..).and_then(<[u8]>::first_chunk).copied().ok_or(Unbootable::TooShort)
}
