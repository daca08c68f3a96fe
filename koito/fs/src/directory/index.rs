//! Blocks of a directory's index (htree): hashes, and the blocks of the directory that hold the
//! names from each of them on (`struct dx_root`, `dx_node`, `dx_entry`).
//!
//! To who knows no index, they look like empty blocks of entries.

use alloc::vec::Vec;

use crate::bytes::{half, put_half, put_word, word};
use crate::checksum::crc32c;
use crate::error::{Errno, Error, Result, corrupt};

/// Where a root says how it is made, behind `.` and `..`.
const INFO: usize = 0x18;
const INFO_BYTES: usize = 8;
const ROOT_ENTRIES: usize = INFO + INFO_BYTES;
const NODE_ENTRIES: usize = 8;
const ENTRY: usize = 8;
const TAIL: usize = 8;
/// Levels of nodes below the root.
pub const DEEPEST: u8 = 1;

/// What a root says about the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Version of the names' hash.
    pub version: u8,
    /// Levels of nodes below the root.
    pub levels: u8,
}

/// Reads what a root says.
pub fn info(root: &[u8]) -> Result<Info> {
    let info = Info { version: root[INFO + 4], levels: root[INFO + 6] };
    if root[INFO + 5] as usize != INFO_BYTES || word(root, INFO) != 0 || root[INFO + 7] & 1 != 0 {
        return Err(corrupt("directory index: impossible root"));
    }
    if info.levels > DEEPEST || info.version > 2 {
        return Err(Error::new(Errno::Unsupported, "directory index: too deep, or unknown hash"));
    }
    Ok(info)
}

/// Sets the number of levels.
pub fn set_levels(root: &mut [u8], levels: u8) {
    root[INFO + 6] = levels;
}

/// Where the entries of an index block start.
fn start(block: &[u8]) -> usize {
    // A node starts with an empty entry as long as the block; a root with `.`.
    if half(block, 4) as usize == block.len() { NODE_ENTRIES } else { ROOT_ENTRIES }
}

/// How many entries fit into an index block.
fn room(block: &[u8], protected: bool) -> usize {
    (block.len() - start(block) - if protected { TAIL } else { 0 }) / ENTRY
}

/// Checks an index block, and answers how many entries it has.
pub fn check(block: &[u8], protected: bool) -> Result<usize> {
    let at = start(block);
    let (limit, count) = (usize::from(half(block, at)), usize::from(half(block, at + 2)));
    if limit != room(block, protected) || count == 0 || count > limit {
        return Err(corrupt("directory index: impossible counts"));
    }
    Ok(count)
}

/// Whether an entry can be added to a block with `count` of them.
pub fn is_full(block: &[u8], count: usize) -> bool {
    count >= usize::from(half(block, start(block)))
}

/// The hash from which on entry `position` counts; the first counts from 0 on.
pub fn key(block: &[u8], position: usize) -> u32 {
    if position == 0 { 0 } else { word(block, start(block) + ENTRY * position) }
}

/// Which block of the directory entry `position` names.
pub fn child(block: &[u8], position: usize) -> u32 {
    word(block, start(block) + ENTRY * position + 4) & 0x0fff_ffff
}

/// The last of `count` entries that counts for `hash`.
pub fn find(block: &[u8], count: usize, hash: u32) -> usize {
    let (mut low, mut high) = (1, count);
    while low < high {
        let middle = low.midpoint(high);
        if key(block, middle) <= hash { low = middle + 1 } else { high = middle }
    }
    low - 1
}

/// All entries: hash and block.
pub fn entries(block: &[u8], count: usize) -> Vec<(u32, u32)> {
    (0..count).map(|at| (key(block, at), child(block, at))).collect()
}

/// Makes these the entries of an index block.
pub fn put(block: &mut [u8], protected: bool, entries: &[(u32, u32)]) {
    let at = start(block);
    let limit = room(block, protected);
    for (number, (hash, child)) in entries.iter().enumerate() {
        put_word(block, at + ENTRY * number, *hash);
        put_word(block, at + ENTRY * number + 4, *child);
    }
    put_half(block, at, limit as u16);
    put_half(block, at + 2, entries.len() as u16);
}

/// Adds an entry at `position`; there must be room.
pub fn insert(block: &mut [u8], position: usize, hash: u32, child: u32) {
    let at = start(block);
    let count = usize::from(half(block, at + 2));
    let place = at + ENTRY * position;
    block.copy_within(place..at + ENTRY * count, place + ENTRY);
    put_word(block, place, hash);
    put_word(block, place + 4, child);
    put_half(block, at + 2, (count + 1) as u16);
}

/// Makes a block, all zero, the root of an index with one leaf, for directory `inode` in `parent`.
pub fn make_root(block: &mut [u8], version: u8, protected: bool, inode: u32, parent: u32) {
    let bytes = block.len();
    for (at, target, length, name) in [(0, inode, 12, 1), (12, parent, bytes - 12, 2)] {
        put_word(block, at, target);
        put_half(block, at + 4, length as u16);
        block[at + 6] = name as u8;
        block[at + 7] = crate::attributes::Kind::Directory.entry_type();
        block[at + 8..at + 8 + name].fill(b'.');
    }
    block[INFO + 4] = version;
    block[INFO + 5] = INFO_BYTES as u8;
    put(block, protected, &[(0, 1)]);
}

/// Makes a block, all zero, a node of an index, with these entries.
pub fn make_node(block: &mut [u8], protected: bool, entries: &[(u32, u32)]) {
    put_half(block, 4, block.len() as u16);
    put(block, protected, entries);
}

/// Checksum of an index block, and where it lies.
fn checksum(block: &[u8], seed: u32) -> Option<(usize, u32)> {
    let at = start(block);
    let (limit, count) = (usize::from(half(block, at)), usize::from(half(block, at + 2)));
    let tail = at + ENTRY * limit;
    if count > limit || tail + TAIL > block.len() {
        return None;
    }
    let sum = crc32c(seed, &block[..at + ENTRY * count]);
    let sum = crc32c(sum, &block[tail..tail + 4]);
    Some((tail + 4, crc32c(sum, &[0; 4])))
}

/// Makes the checksum of an index block right.
pub fn seal(block: &mut [u8], seed: u32) {
    if let Some((at, sum)) = checksum(block, seed) {
        put_word(block, at, sum);
    }
}

/// Whether the checksum of an index block is right.
pub fn is_intact(block: &[u8], seed: u32) -> bool {
    checksum(block, seed).is_some_and(|(at, sum)| word(block, at) == sum)
}
