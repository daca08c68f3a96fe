//! The superblock: shape, features and state of the whole file system (ext4 disk layout,
//! `struct ext4_super_block`).
//!
//! It is 1024 bytes, two sectors, of which a power failure may leave one old and one new. All that
//! changes lies in the first; the checksum lies in the second. So the checksum stays what it was,
//! and a field of the first that nobody uses takes a value that makes it right.

use crate::bytes::{half, put_half, put_word, split_word, word};
use crate::checksum::{START, crc32c, force};
use crate::error::{Errno, Error, Result, corrupt};

/// Where it lies on the device, and its size.
pub const OFFSET: usize = 1024;
/// Its size in bytes.
pub const SIZE: usize = 1024;
const MAGIC: u16 = 0xef53;
const CHECKSUM: usize = 0x3fc;
/// An identifier of snapshots, which never came to be.
const BALANCE: usize = 0x184;
/// More groups than on 16 TiB take too much memory to describe.
const MOST_GROUPS: u64 = 1 << 17;

/// Features that change the format so that ignorance is dangerous.
mod incompatible {
    pub const FILE_TYPE: u32 = 0x2;
    pub const RECOVER: u32 = 0x4;
    pub const EXTENTS: u32 = 0x40;
    pub const WIDE: u32 = 0x80;
    pub const FLEXIBLE_GROUPS: u32 = 0x200;
    pub const CHECKSUM_SEED: u32 = 0x2000;
    pub const KNOWN: u32 = FILE_TYPE | RECOVER | EXTENTS | WIDE | FLEXIBLE_GROUPS | CHECKSUM_SEED;
}

/// Features that forbid writing to the ignorant.
mod read_only {
    pub const SPARSE: u32 = 0x1;
    pub const LARGE_FILE: u32 = 0x2;
    pub const HUGE_FILE: u32 = 0x8;
    pub const GROUP_CHECKSUM: u32 = 0x10;
    pub const MANY_DIRECTORIES: u32 = 0x20;
    pub const EXTRA_SIZE: u32 = 0x40;
    pub const CHECKSUM: u32 = 0x400;
    pub const KNOWN: u32 =
        SPARSE | LARGE_FILE | HUGE_FILE | GROUP_CHECKSUM | MANY_DIRECTORIES | EXTRA_SIZE | CHECKSUM;
}

const HAS_JOURNAL: u32 = 0x4;
const HASHED_DIRECTORIES: u32 = 0x20;
const SPARSE_TWO: u32 = 0x200;
const VALID: u16 = 1;
const WITH_ERRORS: u16 = 2;

/// How group descriptors and the rest are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// Group descriptors by CRC-16.
    Groups,
    /// All structure by CRC-32C.
    Everything,
}

/// The superblock, with its shape decoded.
#[derive(Clone, Debug)]
pub struct Superblock {
    raw: [u8; SIZE],
    /// Bytes of a block.
    pub block_bytes: usize,
    /// Number of blocks.
    pub blocks: u64,
    /// The block that group 0 starts with: 1 if blocks have 1024 bytes, else 0.
    pub first_block: u64,
    /// Blocks of each group but the last.
    pub group_blocks: u32,
    /// Inodes of each group.
    pub group_inodes: u32,
    /// Number of groups.
    pub groups: u32,
    /// Bytes of an inode.
    pub inode_bytes: usize,
    /// Bytes of a group descriptor.
    pub descriptor_bytes: usize,
    /// Checksums in use.
    pub protection: Protection,
    /// Where the chains of checksums of this image start.
    pub seed: u32,
}

impl Superblock {
    /// Decodes and checks one, for a device of `device_bytes`.
    pub fn decode(raw: [u8; SIZE], device_bytes: u64) -> Result<Self> {
        if half(&raw, 0x38) != MAGIC {
            return Err(Error::new(Errno::Invalid, "device: it holds no ext4 file system"));
        }
        let compatible = word(&raw, 0x5c);
        let incompatible = word(&raw, 0x60);
        let ro = word(&raw, 0x64);
        if incompatible & !incompatible::KNOWN != 0 || ro & !read_only::KNOWN != 0 {
            return Err(Error::new(Errno::Unsupported, "superblock: a feature is not known here"));
        }
        let wanted = incompatible::FILE_TYPE | incompatible::EXTENTS;
        if incompatible & wanted != wanted || compatible & HAS_JOURNAL == 0 {
            return Err(Error::new(
                Errno::Unsupported,
                "superblock: no journal, extents or file types (mke2fs -t ext4 gives all)",
            ));
        }
        let protection = match (ro & read_only::CHECKSUM, ro & read_only::GROUP_CHECKSUM) {
            (0, 0) => Protection::None,
            (0, _) => Protection::Groups,
            _ => Protection::Everything,
        };
        if protection == Protection::Everything
            && (raw[0x175] != 1 || word(&raw, CHECKSUM) != crc32c(START, &raw[..CHECKSUM]))
        {
            return Err(corrupt("superblock: wrong checksum"));
        }
        let seed = match incompatible & incompatible::CHECKSUM_SEED {
            0 => crc32c(START, &raw[0x68..0x78]),
            _ => word(&raw, 0x270),
        };
        let wide = incompatible & incompatible::WIDE != 0;
        let superblock = Self {
            block_bytes: 1024 << word(&raw, 0x18).min(8),
            blocks: if wide { split_word(&raw, 4, 0x150) } else { word(&raw, 4).into() },
            first_block: word(&raw, 0x14).into(),
            group_blocks: word(&raw, 0x20),
            group_inodes: word(&raw, 0x28),
            groups: 0,
            inode_bytes: half(&raw, 0x58).into(),
            descriptor_bytes: if wide { half(&raw, 0xfe).into() } else { 32 },
            protection,
            seed,
            raw,
        };
        superblock.with_checked_shape(device_bytes)
    }

    fn with_checked_shape(mut self, device_bytes: u64) -> Result<Self> {
        let block = self.block_bytes;
        let bits = 8 * block as u32;
        let small = |bytes: usize| bytes.is_power_of_two() && bytes <= block;
        if block > 4096 {
            return Err(Error::new(Errno::Unsupported, "superblock: blocks above 4096 bytes"));
        }
        if self.first_block != u64::from(block == 1024)
            || word(&self.raw, 0x1c) != word(&self.raw, 0x18)
            || !(256..=bits).contains(&self.group_blocks)
            || !self.group_blocks.is_multiple_of(8)
            || !(1..=bits).contains(&self.group_inodes)
            || !self.group_inodes.is_multiple_of(8)
            || !small(self.inode_bytes)
            || self.inode_bytes < 128
            || !small(self.descriptor_bytes)
            || self.descriptor_bytes < 32
        {
            return Err(corrupt("superblock: impossible shape"));
        }
        if self.blocks <= self.first_block || self.blocks > device_bytes / block as u64 {
            return Err(corrupt("superblock: more blocks than the device has"));
        }
        let groups = (self.blocks - self.first_block).div_ceil(self.group_blocks.into());
        if groups > MOST_GROUPS {
            return Err(Error::new(Errno::Unsupported, "superblock: too many block groups"));
        }
        self.groups = groups as u32;
        if u64::from(word(&self.raw, 0)) != groups * u64::from(self.group_inodes)
            || self.first_inode() > self.group_inodes
        {
            return Err(corrupt("superblock: number of inodes"));
        }
        Ok(self)
    }

    /// The bytes to store, their checksum right.
    pub fn encode(&mut self) -> [u8; SIZE] {
        if self.protection == Protection::Everything {
            let wanted = word(&self.raw, CHECKSUM);
            force(&mut self.raw[..CHECKSUM], BALANCE, wanted);
        }
        self.raw
    }

    /// The block that it lies in, and where.
    pub fn place(&self) -> (u64, usize) {
        ((OFFSET / self.block_bytes) as u64, OFFSET % self.block_bytes)
    }

    /// Number of inodes.
    pub fn inodes(&self) -> u32 {
        self.groups * self.group_inodes
    }

    /// The first inode for files.
    pub fn first_inode(&self) -> u32 {
        word(&self.raw, 0x54).max(11)
    }

    /// Blocks of each group's inode table.
    pub fn table_blocks(&self) -> u64 {
        (self.group_inodes as usize * self.inode_bytes).div_ceil(self.block_bytes) as u64
    }

    /// Blocks of the table of group descriptors.
    pub fn descriptor_blocks(&self) -> u64 {
        (self.groups as usize * self.descriptor_bytes).div_ceil(self.block_bytes) as u64
    }

    /// The first block of a group.
    pub fn group_start(&self, group: u32) -> u64 {
        self.first_block + u64::from(group) * u64::from(self.group_blocks)
    }

    /// How many blocks a group has.
    pub fn blocks_in(&self, group: u32) -> u32 {
        (self.blocks - self.group_start(group)).min(self.group_blocks.into()) as u32
    }

    /// How many blocks at the start of a group hold the superblock, descriptors and room for more.
    pub fn backup_blocks(&self, group: u32) -> u64 {
        let compatible = word(&self.raw, 0x5c);
        let power_of = |base: u32| {
            core::iter::successors(Some(base), |power| power.checked_mul(base))
                .take_while(|power| *power <= group)
                .any(|power| power == group)
        };
        let has_one = if compatible & SPARSE_TWO != 0 {
            group == 0 || group == word(&self.raw, 0x24c) || group == word(&self.raw, 0x250)
        } else if word(&self.raw, 0x64) & read_only::SPARSE != 0 {
            group <= 1 || power_of(3) || power_of(5) || power_of(7)
        } else {
            true
        };
        let reserved = u64::from(half(&self.raw, 0xce));
        if has_one { 1 + self.descriptor_blocks() + reserved } else { 0 }
    }

    /// The inode that holds the journal.
    pub fn journal_inode(&self) -> u32 {
        word(&self.raw, 0xe0)
    }

    /// Whether the journal must be replayed.
    pub fn needs_recovery(&self) -> bool {
        word(&self.raw, 0x60) & incompatible::RECOVER != 0
    }

    /// Marks it as in use, so that the journal must be replayed, or as left in order.
    pub fn set_needs_recovery(&mut self, needed: bool) {
        let others = word(&self.raw, 0x60) & !incompatible::RECOVER;
        let flag = if needed { incompatible::RECOVER } else { 0 };
        put_word(&mut self.raw, 0x60, others | flag);
        let state = half(&self.raw, 0x3a);
        if !needed && state & WITH_ERRORS == 0 {
            put_half(&mut self.raw, 0x3a, state | VALID);
        }
    }

    /// Whether blocks have numbers of more than 32 bits.
    pub fn is_wide(&self) -> bool {
        word(&self.raw, 0x60) & incompatible::WIDE != 0
    }

    /// Whether sizes of files may be counted in blocks.
    pub fn has_huge_files(&self) -> bool {
        word(&self.raw, 0x64) & read_only::HUGE_FILE != 0
    }

    /// Whether directories may have any number of subdirectories.
    pub fn has_many_directories(&self) -> bool {
        word(&self.raw, 0x64) & read_only::MANY_DIRECTORIES != 0
    }

    /// Whether directories get an index.
    pub fn has_hashed_directories(&self) -> bool {
        word(&self.raw, 0x5c) & HASHED_DIRECTORIES != 0
    }

    /// Seed of the names' hash.
    pub fn hash_seed(&self) -> [u32; 4] {
        core::array::from_fn(|at| word(&self.raw, 0xec + 4 * at))
    }

    /// Version of the names' hash for new indices: 0 legacy, 1 half MD4, 2 TEA.
    pub fn hash_version(&self) -> u8 {
        self.raw[0xfc]
    }

    /// Whether names are hashed as unsigned bytes.
    pub fn hashes_unsigned(&self) -> bool {
        word(&self.raw, 0x160) & 2 != 0
    }

    /// Bytes beyond the first 128 that new inodes use.
    pub fn extra_bytes(&self) -> u16 {
        let wanted = half(&self.raw, 0x15e).max(half(&self.raw, 0x15c)).max(32);
        wanted.min((self.inode_bytes - 128) as u16) & !3
    }

    /// Head of the list of inodes that have no name, or are being truncated.
    pub fn last_orphan(&self) -> u32 {
        word(&self.raw, 0xe8)
    }

    /// Sets the head of that list.
    pub fn set_last_orphan(&mut self, inode: u32) {
        put_word(&mut self.raw, 0xe8, inode);
    }

    /// Records how many blocks and inodes are free.
    pub fn set_free(&mut self, blocks: u64, inodes: u32) {
        put_word(&mut self.raw, 0xc, blocks as u32);
        if self.is_wide() {
            put_word(&mut self.raw, 0x158, (blocks >> 32) as u32);
        }
        put_word(&mut self.raw, 0x10, inodes);
    }

    /// Its unique identifier.
    pub fn uuid(&self) -> &[u8] {
        &self.raw[0x68..0x78]
    }
}
