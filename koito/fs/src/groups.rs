//! Block groups: where bitmaps and inode tables lie, and how much of each group is free
//! (`struct ext4_group_desc`).
//!
//! Descriptors are decoded when the file system is mounted and stored by the commit of a
//! transaction that changed them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::bytes::{half, put_half, word};
use crate::checksum::{crc16, crc32c};
use crate::error::{Result, corrupt};
use crate::superblock::{Protection, Superblock};

/// The inode bitmap was never written: no inode of the group is in use.
pub const INODES_UNWRITTEN: u16 = 1;
/// The block bitmap was never written: only structure is in use.
pub const BLOCKS_UNWRITTEN: u16 = 2;

/// A block group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Block of the block bitmap.
    pub block_bitmap: u64,
    /// Block of the inode bitmap.
    pub inode_bitmap: u64,
    /// First block of the inode table.
    pub inode_table: u64,
    /// Number of free blocks.
    pub free_blocks: u32,
    /// Number of free inodes.
    pub free_inodes: u32,
    /// Number of inodes in use that are directories.
    pub directories: u32,
    /// Inodes at the end of the table that were never in use.
    pub unused_inodes: u32,
    /// [`INODES_UNWRITTEN`], [`BLOCKS_UNWRITTEN`], and whether the inode table is zeroed.
    pub flags: u16,
    /// Checksum of the block bitmap.
    pub block_checksum: u32,
    /// Checksum of the inode bitmap.
    pub inode_checksum: u32,
}

/// Each number's place in a descriptor: lower half, and upper half in those of 64 bytes.
const HALVES: [(usize, usize); 6] =
    [(0xc, 0x2c), (0xe, 0x2e), (0x10, 0x30), (0x1c, 0x32), (0x18, 0x38), (0x1a, 0x3a)];
const FLAGS: usize = 0x12;
const CHECKSUM: usize = 0x1e;

impl Group {
    /// Decodes the descriptor of group `number`, without believing its counts.
    fn decode(raw: &[u8], number: u32, superblock: &Superblock) -> Result<Self> {
        if half(raw, CHECKSUM) != checksum(raw, number, superblock) {
            return Err(corrupt("group descriptor: wrong checksum"));
        }
        let wide = raw.len() >= 64;
        let block = |low: usize, high: usize| {
            u64::from(word(raw, low)) | if wide { u64::from(word(raw, high)) << 32 } else { 0 }
        };
        let count = |at: usize| {
            let (low, high) = HALVES[at];
            u32::from(half(raw, low)) | if wide { u32::from(half(raw, high)) << 16 } else { 0 }
        };
        let protected = superblock.protection != Protection::None;
        Ok(Self {
            block_bitmap: block(0, 0x20),
            inode_bitmap: block(4, 0x24),
            inode_table: block(8, 0x28),
            free_blocks: count(0),
            free_inodes: count(1),
            directories: count(2),
            unused_inodes: if protected { count(3) } else { 0 },
            flags: if protected { half(raw, FLAGS) } else { 0 },
            block_checksum: count(4),
            inode_checksum: count(5),
        })
    }

    /// Stores what changes into `raw`, the descriptor of group `number`.
    pub fn encode(&self, raw: &mut [u8], number: u32, superblock: &Superblock) {
        let counts = [
            self.free_blocks,
            self.free_inodes,
            self.directories,
            self.unused_inodes,
            self.block_checksum,
            self.inode_checksum,
        ];
        for ((low, high), value) in HALVES.into_iter().zip(counts) {
            put_half(raw, low, value as u16);
            if raw.len() >= 64 {
                put_half(raw, high, (value >> 16) as u16);
            }
        }
        put_half(raw, FLAGS, self.flags);
        let checksum = checksum(raw, number, superblock);
        put_half(raw, CHECKSUM, checksum);
    }
}

fn checksum(raw: &[u8], number: u32, superblock: &Superblock) -> u16 {
    let number = number.to_le_bytes();
    match superblock.protection {
        Protection::None => half(raw, CHECKSUM),
        Protection::Groups => {
            let behind = if raw.len() >= 64 { &raw[CHECKSUM + 2..] } else { &[] };
            crc16(&[superblock.uuid(), &number, &raw[..CHECKSUM], behind])
        }
        Protection::Everything => {
            let seed = crc32c(crc32c(superblock.seed, &number), &raw[..CHECKSUM]);
            crc32c(crc32c(seed, &[0, 0]), &raw[CHECKSUM + 2..]) as u16
        }
    }
}

/// All groups, and which of them the open transaction changed.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    all: Vec<Group>,
    changed: BTreeSet<u32>,
    /// Runs of blocks that hold structure of fixed place, sorted.
    structure: Vec<(u64, u64)>,
}

impl Groups {
    /// Decodes all descriptors, one after the other in `table`, and checks that what they name
    /// lies on the device.
    pub fn decode(table: &[u8], superblock: &Superblock) -> Result<Self> {
        let all = table
            .chunks_exact(superblock.descriptor_bytes)
            .zip(0..superblock.groups)
            .map(|(raw, number)| Group::decode(raw, number, superblock))
            .collect::<Result<Vec<_>>>()?;
        let mut structure = Vec::with_capacity(4 * all.len());
        for (number, group) in (0..).zip(&all) {
            let backup = superblock.backup_blocks(number);
            for (start, count) in [
                (superblock.group_start(number), backup.min(superblock.blocks_in(number).into())),
                (group.block_bitmap, 1),
                (group.inode_bitmap, 1),
                (group.inode_table, superblock.table_blocks()),
            ] {
                let end = start.saturating_add(count);
                if start < superblock.first_block || end > superblock.blocks {
                    return Err(corrupt("group descriptor: structure beyond the file system"));
                }
                if count > 0 {
                    structure.push((start, end));
                }
            }
            if group.free_blocks > superblock.group_blocks
                || group.free_inodes > superblock.group_inodes
                || group.unused_inodes > superblock.group_inodes
            {
                return Err(corrupt("group descriptor: impossible counts"));
            }
        }
        structure.sort_unstable();
        if structure.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            return Err(corrupt("group descriptor: structure overlaps"));
        }
        structure.dedup_by(|next, run| {
            let touches = run.1 == next.0;
            if touches {
                run.1 = next.1;
            }
            touches
        });
        Ok(Self { all, changed: BTreeSet::new(), structure })
    }

    /// Group `number`, which exists.
    pub fn get(&self, number: u32) -> &Group {
        &self.all[number as usize]
    }

    /// Group `number`, which exists, to be changed by the open transaction.
    pub fn change(&mut self, number: u32) -> &mut Group {
        self.changed.insert(number);
        &mut self.all[number as usize]
    }

    /// Group `number`, which exists, while its descriptor is being stored.
    pub fn finish(&mut self, number: u32) -> &mut Group {
        &mut self.all[number as usize]
    }

    /// Number of groups that the open transaction changed.
    pub fn changes(&self) -> usize {
        self.changed.len()
    }

    /// Takes the list of groups that the open transaction changed.
    pub fn take_changes(&mut self) -> BTreeSet<u32> {
        core::mem::take(&mut self.changed)
    }

    /// Number of free blocks.
    pub fn free_blocks(&self) -> u64 {
        self.all.iter().map(|group| u64::from(group.free_blocks)).sum()
    }

    /// Number of free inodes.
    pub fn free_inodes(&self) -> u32 {
        self.all.iter().map(|group| group.free_inodes).sum()
    }

    /// Whether the run of blocks holds structure of fixed place, which no file owns.
    pub fn holds_structure(&self, start: u64, count: u64) -> bool {
        let behind = self.structure.partition_point(|(_, end)| *end <= start);
        self.structure.get(behind).is_some_and(|(first, _)| *first < start.saturating_add(count))
    }

    /// The runs of structure that touch the run of blocks.
    pub fn structure_in(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        self.structure
            .iter()
            .filter(move |(first, last)| *first < end && start < *last)
            .map(move |(first, last)| ((*first).max(start), (*last).min(end)))
    }
}
