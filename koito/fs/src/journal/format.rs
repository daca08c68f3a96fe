//! Blocks of the journal (JBD2, all fields big-endian): superblock, descriptors with their tags,
//! revocations, commits.

use alloc::vec::Vec;

use crate::bytes::{big_half, big_word, put_big_half, put_big_word};
use crate::checksum::{START, crc32c};
use crate::error::{Errno, Error, Result, corrupt};

const MAGIC: u32 = 0xc03b_3998;
/// The magic number as it lies on the device: a block that starts with it is escaped in the log.
pub const MAGIC_BYTES: [u8; 4] = MAGIC.to_be_bytes();
const SUPERBLOCK_ONE: u32 = 3;
const SUPERBLOCK_TWO: u32 = 4;
/// Bytes of the superblock that count.
pub const SUPERBLOCK_BYTES: usize = 1024;
const SUPERBLOCK_CHECKSUM: usize = 0xfc;
const HEADER: usize = 12;

const REVOKE: u32 = 1;
const WIDE: u32 = 2;
const CHECKSUM_TWO: u32 = 8;
const CHECKSUM_THREE: u32 = 0x10;
const KNOWN: u32 = REVOKE | WIDE | CHECKSUM_TWO | CHECKSUM_THREE;

const ESCAPED: u32 = 1;
const SAME_UUID: u32 = 2;
const LAST: u32 = 8;

/// What a block of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BlockType {
    /// Names the blocks whose copies follow.
    Descriptor = 1,
    /// Ends a transaction.
    Commit = 2,
    /// Names blocks whose older copies no longer count.
    Revocation = 5,
}

/// The copy of a block in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The block.
    pub target: u64,
    /// Whether its first word is the magic number, and zero in the log.
    pub escaped: bool,
    /// Checksum of the copy, if the format has one.
    pub checksum: Option<u32>,
}

/// Which variant of the format a journal uses, and its checksums' seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Block numbers have 64 bits.
    wide: bool,
    /// 0, 2 or 3.
    checksums: u8,
    seed: u32,
}

impl Format {
    /// Decodes the features in a journal's superblock, and checks that it is one.
    pub fn decode(raw: &[u8]) -> Result<Self> {
        let version = big_word(raw, 4);
        if big_word(raw, 0) != MAGIC || !matches!(version, SUPERBLOCK_ONE | SUPERBLOCK_TWO) {
            return Err(corrupt("journal: it has no superblock"));
        }
        let features = if version == SUPERBLOCK_TWO { big_word(raw, 0x28) } else { 0 };
        if features & !KNOWN != 0 {
            return Err(Error::new(Errno::Unsupported, "journal: a feature is not known here"));
        }
        let checksums = match features & (CHECKSUM_TWO | CHECKSUM_THREE) {
            0 => 0,
            CHECKSUM_TWO => 2,
            CHECKSUM_THREE => 3,
            _ => return Err(corrupt("journal: two kinds of checksums")),
        };
        if checksums != 0 && big_word(raw, SUPERBLOCK_CHECKSUM) != superblock_checksum(raw) {
            return Err(corrupt("journal superblock: wrong checksum"));
        }
        let seed = crc32c(START, &raw[0x30..0x40]);
        Ok(Self { wide: features & WIDE != 0, checksums, seed })
    }

    /// The format that we write for a file system with `wide` block numbers and `checksums`, and
    /// stores it in the superblock. The log must be empty.
    pub fn choose(raw: &mut [u8], wide: bool, checksums: bool) -> Self {
        let three = if checksums { CHECKSUM_THREE } else { 0 };
        let features = REVOKE | if wide { WIDE } else { 0 } | three;
        put_big_word(raw, 4, SUPERBLOCK_TWO);
        put_big_word(raw, 0x28, features);
        raw[0x50] = if checksums { 4 } else { 0 };
        let seed = crc32c(START, &raw[0x30..0x40]);
        Self { wide, checksums: if checksums { 3 } else { 0 }, seed }
    }

    /// Makes the checksum of a journal's superblock right.
    pub fn seal_superblock(&self, raw: &mut [u8]) {
        if self.checksums != 0 {
            let checksum = superblock_checksum(raw);
            put_big_word(raw, SUPERBLOCK_CHECKSUM, checksum);
        }
    }

    /// Starts a block of the log: all zero but its header.
    pub fn start_block(&self, block: &mut [u8], kind: BlockType, sequence: u32) {
        block.fill(0);
        put_big_word(block, 0, MAGIC);
        put_big_word(block, 4, kind as u32);
        put_big_word(block, 8, sequence);
    }

    /// What a block of the log with this sequence number is, if it is one and is intact.
    pub fn identify(&self, block: &[u8], sequence: u32) -> Option<BlockType> {
        if big_word(block, 0) != MAGIC || big_word(block, 8) != sequence {
            return None;
        }
        let kind = match big_word(block, 4) {
            1 => BlockType::Descriptor,
            2 => BlockType::Commit,
            5 => BlockType::Revocation,
            _ => return None,
        };
        let at = self.checksum_place(block, kind);
        let intact = self.checksums == 0 || big_word(block, at) == self.checksum_without(block, at);
        intact.then_some(kind)
    }

    /// Makes the checksum of a block of the log right.
    pub fn seal(&self, block: &mut [u8], kind: BlockType) {
        if self.checksums != 0 {
            let at = self.checksum_place(block, kind);
            if kind == BlockType::Commit {
                // CRC-32C, four bytes of it.
                block[0xc..0xe].copy_from_slice(&[4, 4]);
            }
            let checksum = self.checksum_without(block, at);
            put_big_word(block, at, checksum);
        }
    }

    fn checksum_place(&self, block: &[u8], kind: BlockType) -> usize {
        if kind == BlockType::Commit { 0x10 } else { block.len() - 4 }
    }

    /// Checksum of `block` as if the four bytes at `at` were zero.
    fn checksum_without(&self, block: &[u8], at: usize) -> u32 {
        let before = crc32c(crc32c(self.seed, &block[..at]), &[0; 4]);
        crc32c(before, &block[at + 4..])
    }

    /// Bytes of a block of the log that tags or revocations may fill.
    fn end(&self, block: &[u8]) -> usize {
        block.len() - if self.checksums != 0 { 4 } else { 0 }
    }

    fn tag_bytes(&self) -> usize {
        match self.checksums {
            3 => 16,
            2 => 10 + if self.wide { 4 } else { 0 },
            _ => 8 + if self.wide { 4 } else { 0 },
        }
    }

    /// How many tags fit into a descriptor of `bytes`.
    pub fn tags_per_block(&self, bytes: usize) -> usize {
        (bytes - HEADER - 4 - 16) / self.tag_bytes()
    }

    /// How many revocations fit into a block of `bytes`.
    pub fn revocations_per_block(&self, bytes: usize) -> usize {
        (bytes - HEADER - 4 - 4) / if self.wide { 8 } else { 4 }
    }

    /// Checksum of the copy of a block in transaction `sequence`.
    pub fn copy_checksum(&self, copy: &[u8], sequence: u32) -> u32 {
        crc32c(crc32c(self.seed, &sequence.to_be_bytes()), copy)
    }

    /// Whether a copy is what its tag says.
    pub fn is_intact(&self, tag: &Tag, copy: &[u8], sequence: u32) -> bool {
        tag.checksum.is_none_or(|wanted| {
            let checksum = self.copy_checksum(copy, sequence);
            let mask = if self.checksums == 2 { 0xffff } else { u32::MAX };
            checksum & mask == wanted & mask
        })
    }

    /// Writes all tags into a descriptor that was started.
    pub fn put_tags(&self, block: &mut [u8], tags: &[Tag]) {
        let mut at = HEADER;
        for (number, tag) in tags.iter().enumerate() {
            let flags = if tag.escaped { ESCAPED } else { 0 }
                | if number > 0 { SAME_UUID } else { 0 }
                | if number + 1 == tags.len() { LAST } else { 0 };
            put_big_word(block, at, tag.target as u32);
            let high = (tag.target >> 32) as u32;
            if self.checksums == 3 {
                put_big_word(block, at + 4, flags);
                put_big_word(block, at + 8, high);
                put_big_word(block, at + 12, tag.checksum.unwrap_or(0));
            } else {
                put_big_half(block, at + 6, flags as u16);
                if self.wide {
                    put_big_word(block, at + 8, high);
                }
            }
            at += self.tag_bytes() + if number == 0 { 16 } else { 0 };
        }
    }

    /// The tags of a descriptor.
    pub fn tags(&self, block: &[u8]) -> Vec<Tag> {
        let mut tags = Vec::new();
        let mut at = HEADER;
        while at + self.tag_bytes() <= self.end(block) {
            let low = u64::from(big_word(block, at));
            let (flags, high, checksum) = if self.checksums == 3 {
                (big_word(block, at + 4), big_word(block, at + 8), Some(big_word(block, at + 12)))
            } else {
                let checksum = (self.checksums == 2).then(|| big_half(block, at + 4).into());
                let high = if self.wide { big_word(block, at + 8) } else { 0 };
                (big_half(block, at + 6).into(), high, checksum)
            };
            let high = if self.wide { u64::from(high) << 32 } else { 0 };
            tags.push(Tag { target: low | high, escaped: flags & ESCAPED != 0, checksum });
            if flags & LAST != 0 {
                break;
            }
            at += self.tag_bytes() + if flags & SAME_UUID == 0 { 16 } else { 0 };
        }
        tags
    }

    /// Writes revocations of all `targets` into a block that was started.
    pub fn put_revocations(&self, block: &mut [u8], targets: &[u64]) {
        let mut at = HEADER + 4;
        for target in targets {
            if self.wide {
                put_big_word(block, at, (target >> 32) as u32);
                at += 4;
            }
            put_big_word(block, at, *target as u32);
            at += 4;
        }
        put_big_word(block, HEADER, at as u32);
    }

    /// The targets of a block of revocations.
    pub fn revocations(&self, block: &[u8]) -> Vec<u64> {
        let end = (big_word(block, HEADER) as usize).min(self.end(block));
        let size = if self.wide { 8 } else { 4 };
        let used = block.get(HEADER + 4..end).unwrap_or_default();
        used.chunks_exact(size)
            .map(|raw| raw.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            .collect()
    }
}

/// Writes the time into a commit block that was started.
pub fn put_commit_time(block: &mut [u8], seconds: i64, nanoseconds: u32) {
    block[0x30..0x38].copy_from_slice(&seconds.to_be_bytes());
    put_big_word(block, 0x38, nanoseconds);
}

fn superblock_checksum(raw: &[u8]) -> u32 {
    let before = crc32c(crc32c(START, &raw[..SUPERBLOCK_CHECKSUM]), &[0; 4]);
    crc32c(before, &raw[SUPERBLOCK_CHECKSUM + 4..SUPERBLOCK_BYTES])
}
