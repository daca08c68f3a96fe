//! A node of a tree of extents: 12 bytes of header, then entries of 12 bytes
//! (`struct ext4_extent_header`, `ext4_extent_idx`, `ext4_extent`).

use crate::bytes::{half, put_half, put_word, word};
use crate::checksum::crc32c;
use crate::error::{Result, corrupt};

const MAGIC: u16 = 0xf30a;
const ENTRY: usize = 12;
/// The format allows no deeper trees.
pub const DEEPEST: u16 = 5;
/// Room in the smallest node, the root.
const SMALLEST: usize = 4;
/// Longest extent; a larger count marks one that is allocated and reads as zeros.
pub const LONGEST: u32 = 32768;

/// The header of a node that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Entries in use.
    pub entries: usize,
    /// Room for entries.
    pub room: usize,
    /// Levels below; 0 for a leaf.
    pub depth: u16,
}

/// A run of blocks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First block of the file.
    pub logical: u32,
    /// How many.
    pub count: u32,
    /// Where on the device the first is.
    pub physical: u64,
    /// Allocated but never written: reads as zeros.
    pub unwritten: bool,
}

impl Extent {
    /// The block of the file behind it.
    pub fn end(&self) -> u32 {
        self.logical.saturating_add(self.count)
    }

    /// This extent and `next` as one, if that is possible.
    pub fn merged(&self, next: &Self) -> Option<Self> {
        let count = self.count + next.count;
        let longest = if self.unwritten { LONGEST - 1 } else { LONGEST };
        let fits = self.end() == next.logical
            && self.physical + u64::from(self.count) == next.physical
            && self.unwritten == next.unwritten
            && count <= longest;
        fits.then_some(Self { count, ..*self })
    }
}

/// The header of a node.
pub fn header(raw: &[u8]) -> Header {
    Header { entries: half(raw, 2).into(), room: half(raw, 4).into(), depth: half(raw, 6) }
}

/// Makes an empty node of all of `raw`.
pub fn initialise(raw: &mut [u8], depth: u16) {
    raw.fill(0);
    put_half(raw, 0, MAGIC);
    put_half(raw, 4, ((raw.len() - ENTRY) / ENTRY) as u16);
    put_half(raw, 6, depth);
}

/// Checks a node: its header, and that its entries are in order. `depth` is what its parent says.
pub fn check(raw: &[u8], depth: Option<u16>) -> Result<Header> {
    let header = header(raw);
    if half(raw, 0) != MAGIC
        || header.entries > header.room
        || header.room < SMALLEST
        || ENTRY + ENTRY * header.room > raw.len()
        || header.depth > DEEPEST
        || depth.is_some_and(|depth| depth != header.depth)
        || (header.entries == 0 && header.depth > 0)
    {
        return Err(corrupt("extents: impossible header"));
    }
    let mut next = Some(0);
    for at in 0..header.entries {
        let first = key(raw, at);
        let count = if header.depth == 0 { extent(raw, at).count } else { 1 };
        if next.is_none_or(|next| first < next) || count == 0 {
            return Err(corrupt("extents: they overlap or are not in order"));
        }
        next = first.checked_add(count);
    }
    Ok(header)
}

fn at(position: usize) -> usize {
    ENTRY + ENTRY * position
}

/// First block of the file that entry `position` covers.
pub fn key(raw: &[u8], position: usize) -> u32 {
    word(raw, at(position))
}

/// Sets that.
pub fn set_key(raw: &mut [u8], position: usize, logical: u32) {
    put_word(raw, at(position), logical);
}

/// The last entry whose key is not above `logical`; the first if all are.
pub fn find(raw: &[u8], logical: u32) -> usize {
    let (mut low, mut high) = (0, header(raw).entries);
    while low < high {
        let middle = low.midpoint(high);
        if key(raw, middle) <= logical { low = middle + 1 } else { high = middle }
    }
    low.saturating_sub(1)
}

/// The block of the child that entry `position` of an inner node names.
pub fn child(raw: &[u8], position: usize) -> u64 {
    let at = at(position);
    u64::from(word(raw, at + 4)) | u64::from(half(raw, at + 8)) << 32
}

/// Sets key and child of entry `position` of an inner node.
pub fn set_child(raw: &mut [u8], position: usize, logical: u32, block: u64) {
    let at = at(position);
    put_word(raw, at, logical);
    put_word(raw, at + 4, block as u32);
    put_half(raw, at + 8, (block >> 32) as u16);
    put_half(raw, at + 10, 0);
}

/// Entry `position` of a leaf.
pub fn extent(raw: &[u8], position: usize) -> Extent {
    let at = at(position);
    let count = u32::from(half(raw, at + 4));
    let unwritten = count > LONGEST;
    Extent {
        logical: word(raw, at),
        count: if unwritten { count - LONGEST } else { count },
        physical: u64::from(word(raw, at + 8)) | u64::from(half(raw, at + 6)) << 32,
        unwritten,
    }
}

/// Sets entry `position` of a leaf.
pub fn set_extent(raw: &mut [u8], position: usize, extent: &Extent) {
    let at = at(position);
    let count = if extent.unwritten { extent.count + LONGEST } else { extent.count };
    put_word(raw, at, extent.logical);
    put_half(raw, at + 4, count as u16);
    put_half(raw, at + 6, (extent.physical >> 32) as u16);
    put_word(raw, at + 8, extent.physical as u32);
}

fn set_entries(raw: &mut [u8], entries: usize) {
    put_half(raw, 2, entries as u16);
}

/// Makes room for an entry at `position`; there must be some.
pub fn open_gap(raw: &mut [u8], position: usize) {
    let entries = header(raw).entries;
    raw.copy_within(at(position)..at(entries), at(position + 1));
    set_entries(raw, entries + 1);
}

/// Removes entry `position`.
pub fn close_gap(raw: &mut [u8], position: usize) {
    let entries = header(raw).entries;
    raw.copy_within(at(position + 1)..at(entries), at(position));
    set_entries(raw, entries - 1);
}

/// Takes the entries from `position` on out, as bytes.
pub fn cut_off(raw: &mut [u8], position: usize) -> alloc::vec::Vec<u8> {
    let entries = header(raw).entries;
    let tail = raw[at(position)..at(entries)].to_vec();
    set_entries(raw, position);
    tail
}

/// Puts entries that were [`cut_off`] into an empty node.
pub fn fill(raw: &mut [u8], entries: &[u8]) {
    raw[ENTRY..ENTRY + entries.len()].copy_from_slice(entries);
    set_entries(raw, entries.len() / ENTRY);
}

/// Where the checksum of a node in a block lies: behind the room for entries.
fn checksum_place(raw: &[u8]) -> usize {
    at(header(raw).room)
}

/// Makes the checksum of a node in a block right.
pub fn seal(raw: &mut [u8], seed: u32) {
    let at = checksum_place(raw);
    let checksum = crc32c(seed, &raw[..at]);
    put_word(raw, at, checksum);
}

/// Whether the checksum of a node in a block is right.
pub fn is_intact(raw: &[u8], seed: u32) -> bool {
    let at = checksum_place(raw);
    at + 4 <= raw.len() && word(raw, at) == crc32c(seed, &raw[..at])
}
