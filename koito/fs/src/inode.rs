//! An inode: the fixed part of a node on the device (`struct ext4_inode`), changed in place.

use core::ops::Range;

use crate::attributes::{Kind, Time};
use crate::bytes::{half, put_half, put_word, split_word, word};
use crate::checksum::crc32c;
use crate::superblock::{Protection, Superblock};

/// Bytes of an inode that are kept in memory; larger ones hold only extended attributes there.
pub const BYTES: usize = 256;
/// The part that is never missing.
const CORE: usize = 128;
const CHECKSUM_LOW: usize = 0x7c;
const EXTRA: usize = 0x80;
const CHECKSUM_HIGH: usize = 0x82;

/// The directory has an index.
pub const INDEXED: u32 = 0x1000;
/// Sizes are counted in blocks, not in units of 512 bytes.
const HUGE: u32 = 0x4_0000;
/// Its blocks are found by extents.
pub const EXTENTS: u32 = 0x8_0000;
/// Where the root of the extents lies, or the target of a short symbolic link.
const ROOT: Range<usize> = 0x28..0x64;

/// Which of its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// When it was read; set only on request.
    Access,
    /// When its attributes changed.
    Change,
    /// When its contents changed.
    Modify,
    /// When it was made.
    Creation,
}

impl Stamp {
    /// Where seconds and their extension lie.
    fn place(self) -> (usize, usize) {
        match self {
            Self::Access => (0x8, 0x8c),
            Self::Change => (0xc, 0x84),
            Self::Modify => (0x10, 0x88),
            Self::Creation => (0x90, 0x94),
        }
    }
}

/// An inode in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    raw: [u8; BYTES],
    bytes: usize,
}

impl Inode {
    /// An unused inode, all zero, of a file system with inodes of `bytes`.
    pub fn empty(bytes: usize) -> Self {
        Self { raw: [0; BYTES], bytes }
    }

    /// The inode that `raw` holds, all of its bytes.
    pub fn decode(raw: &[u8]) -> Self {
        let mut inode = Self::empty(raw.len());
        let kept = raw.len().min(BYTES);
        inode.raw[..kept].copy_from_slice(&raw[..kept]);
        inode
    }

    /// Whether the checksum in `raw`, all bytes of inode `number`, is right.
    pub fn is_intact(raw: &[u8], number: u32, superblock: &Superblock) -> bool {
        let inode = Self::decode(raw);
        let (low, high) = inode.checksum(raw, number, superblock);
        let has_high = inode.reaches(CHECKSUM_HIGH + 2);
        superblock.protection != Protection::Everything
            || (low == half(raw, CHECKSUM_LOW) && (!has_high || high == half(raw, CHECKSUM_HIGH)))
    }

    /// Stores it over `raw`, all bytes of inode `number`, with its checksum.
    pub fn encode(&self, raw: &mut [u8], number: u32, superblock: &Superblock) {
        let kept = raw.len().min(BYTES);
        raw[..kept].copy_from_slice(&self.raw[..kept]);
        if superblock.protection == Protection::Everything {
            let (low, high) = self.checksum(raw, number, superblock);
            put_half(raw, CHECKSUM_LOW, low);
            if self.reaches(CHECKSUM_HIGH + 2) {
                put_half(raw, CHECKSUM_HIGH, high);
            }
        }
    }

    fn checksum(&self, raw: &[u8], number: u32, superblock: &Superblock) -> (u16, u16) {
        let seed = self.seed(number, superblock);
        let sum = crc32c(crc32c(seed, &raw[..CHECKSUM_LOW]), &[0, 0]);
        let sum = if !self.reaches(CHECKSUM_HIGH + 2) {
            crc32c(sum, &raw[CHECKSUM_LOW + 2..])
        } else {
            let sum = crc32c(sum, &raw[CHECKSUM_LOW + 2..CHECKSUM_HIGH]);
            crc32c(crc32c(sum, &[0, 0]), &raw[CHECKSUM_HIGH + 2..])
        };
        (sum as u16, (sum >> 16) as u16)
    }

    /// Where the checksums of all that belongs to this inode start.
    pub fn seed(&self, number: u32, superblock: &Superblock) -> u32 {
        let seed = crc32c(superblock.seed, &number.to_le_bytes());
        crc32c(seed, &self.raw[0x64..0x68])
    }

    /// Whether it has the fields before `end`.
    fn reaches(&self, end: usize) -> bool {
        self.bytes > CORE && CORE + usize::from(half(&self.raw, EXTRA)) >= end
    }

    /// Makes it a node of this kind and mode, its generation and size of extra fields as given.
    pub fn initialise(&mut self, kind: Kind, permissions: u16, generation: u32, extra: u16) {
        *self = Self::empty(self.bytes);
        put_half(&mut self.raw, 0, kind.mode() | permissions & 0o7777);
        put_word(&mut self.raw, 0x64, generation);
        if self.bytes > CORE {
            put_half(&mut self.raw, EXTRA, extra);
        }
    }

    /// What it is; `None` if the mode says nothing that is known.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_mode(half(&self.raw, 0))
    }

    /// Permissions, set-identity and sticky bits.
    pub fn permissions(&self) -> u16 {
        half(&self.raw, 0) & 0o7777
    }

    /// Sets the permissions.
    pub fn set_permissions(&mut self, permissions: u16) {
        let kind = half(&self.raw, 0) & !0o7777;
        put_half(&mut self.raw, 0, kind | permissions & 0o7777);
    }

    /// User and group that own it.
    pub fn owner(&self) -> (u32, u32) {
        let wide =
            |low, high| u32::from(half(&self.raw, low)) | u32::from(half(&self.raw, high)) << 16;
        (wide(0x2, 0x78), wide(0x18, 0x7a))
    }

    /// Sets user and group.
    pub fn set_owner(&mut self, user: u32, group: u32) {
        for (value, low, high) in [(user, 0x2, 0x78), (group, 0x18, 0x7a)] {
            put_half(&mut self.raw, low, value as u16);
            put_half(&mut self.raw, high, (value >> 16) as u16);
        }
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        split_word(&self.raw, 0x4, 0x6c)
    }

    /// Sets the size.
    pub fn set_size(&mut self, size: u64) {
        put_word(&mut self.raw, 0x4, size as u32);
        put_word(&mut self.raw, 0x6c, (size >> 32) as u32);
    }

    /// Number of names.
    pub fn links(&self) -> u16 {
        half(&self.raw, 0x1a)
    }

    /// Sets the number of names.
    pub fn set_links(&mut self, links: u16) {
        put_half(&mut self.raw, 0x1a, links);
    }

    /// One of its times.
    pub fn time(&self, stamp: Stamp) -> Time {
        let (at, extension) = stamp.place();
        let low = i64::from(word(&self.raw, at) as i32);
        if !self.reaches(extension + 4) {
            return Time {
                seconds: if stamp == Stamp::Creation { 0 } else { low },
                nanoseconds: 0,
            };
        }
        let extra = word(&self.raw, extension);
        Time { seconds: low + (i64::from(extra & 3) << 32), nanoseconds: extra >> 2 }
    }

    /// Sets one of its times.
    pub fn set_time(&mut self, stamp: Stamp, time: Time) {
        let (at, extension) = stamp.place();
        let extended = self.reaches(extension + 4);
        if extended || stamp != Stamp::Creation {
            put_word(&mut self.raw, at, time.seconds as u32);
        }
        if extended {
            let epoch = (time.seconds - i64::from(time.seconds as i32)) >> 32;
            let nanoseconds = time.nanoseconds.min(999_999_999);
            put_word(&mut self.raw, extension, nanoseconds << 2 | epoch as u32 & 3);
        }
    }

    /// When it was deleted; while it is in the list of orphans, the next of them.
    pub fn deletion(&self) -> u32 {
        word(&self.raw, 0x14)
    }

    /// Sets that.
    pub fn set_deletion(&mut self, value: u32) {
        put_word(&mut self.raw, 0x14, value);
    }

    /// Its flags.
    pub fn flags(&self) -> u32 {
        word(&self.raw, 0x20)
    }

    /// Sets its flags.
    pub fn set_flags(&mut self, flags: u32) {
        put_word(&mut self.raw, 0x20, flags);
    }

    /// Number that tells it from former users of the same inode.
    pub fn generation(&self) -> u32 {
        word(&self.raw, 0x64)
    }

    /// Blocks that it occupies, in units of 512 bytes.
    pub fn sectors(&self, superblock: &Superblock) -> u64 {
        let high = if superblock.has_huge_files() { half(&self.raw, 0x74) } else { 0 };
        let count = u64::from(word(&self.raw, 0x1c)) | u64::from(high) << 32;
        let unit = if self.flags() & HUGE != 0 { superblock.block_bytes as u64 / 512 } else { 1 };
        count.saturating_mul(unit)
    }

    /// Accounts for `blocks` more blocks, or fewer if negative.
    pub fn add_blocks(&mut self, blocks: i64, superblock: &Superblock) {
        let sectors = blocks * (superblock.block_bytes / 512) as i64;
        let count = self.sectors(superblock).saturating_add_signed(sectors);
        self.set_flags(self.flags() & !HUGE);
        put_word(&mut self.raw, 0x1c, count as u32);
        if superblock.has_huge_files() {
            put_half(&mut self.raw, 0x74, (count >> 32) as u16);
        }
    }

    /// Block of extended attributes, or 0.
    pub fn attribute_block(&self) -> u64 {
        u64::from(word(&self.raw, 0x68)) | u64::from(half(&self.raw, 0x76)) << 32
    }

    /// Sets that.
    pub fn set_attribute_block(&mut self, block: u64) {
        put_word(&mut self.raw, 0x68, block as u32);
        put_half(&mut self.raw, 0x76, (block >> 32) as u16);
    }

    /// What is behind its fields: room for extended attributes. None of an inode that is larger than what is kept.
    pub fn spare(&self) -> &[u8] {
        self.raw.get(self.spare_place()).unwrap_or_default()
    }

    /// The same, to be changed.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        let place = self.spare_place();
        self.raw.get_mut(place).unwrap_or_default()
    }

    fn spare_place(&self) -> Range<usize> {
        let extra = usize::from(half(&self.raw, EXTRA));
        if self.bytes > CORE && extra.is_multiple_of(4) { CORE + extra..self.bytes } else { 0..0 }
    }

    /// Major and minor number, of a device.
    pub fn device(&self) -> (u32, u32) {
        match (word(self.root(), 0), word(self.root(), 4)) {
            (0, wide) => (wide >> 8 & 0xfff, wide & 0xff | wide >> 12 & 0xf_ff00),
            (short, _) => (short >> 8 & 0xff, short & 0xff),
        }
    }

    /// Makes it the device with this major and minor number, in the wide form.
    pub fn set_device(&mut self, major: u32, minor: u32) {
        let wide = minor & 0xff | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12;
        put_word(self.root_mut(), 4, wide);
    }

    /// The root of the extents, the target of a short link, or the number of a device.
    pub fn root(&self) -> &[u8] {
        &self.raw[ROOT]
    }

    /// The same, to be changed.
    pub fn root_mut(&mut self) -> &mut [u8] {
        &mut self.raw[ROOT]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_2038_and_before_1970_come_back() {
        let mut inode = Inode::empty(256);
        inode.initialise(Kind::File, 0o644, 7, 32);
        for seconds in
            [0, 1_700_000_000, -5, 1 << 31, (1 << 32) + 9, -(1 << 31), (1 << 34) - (1 << 31) - 1]
        {
            let time = Time { seconds, nanoseconds: 999_999_999 };
            inode.set_time(Stamp::Modify, time);
            assert_eq!(inode.time(Stamp::Modify), time);
        }
    }

    #[test]
    fn small_inodes_have_whole_seconds_and_no_creation() {
        let mut inode = Inode::empty(128);
        inode.initialise(Kind::File, 0o644, 7, 0);
        let time = Time { seconds: 99, nanoseconds: 1 };
        inode.set_time(Stamp::Modify, time);
        inode.set_time(Stamp::Creation, time);
        assert_eq!(inode.time(Stamp::Modify), Time { seconds: 99, nanoseconds: 0 });
        assert_eq!(inode.time(Stamp::Creation), Time::default());
    }
}
