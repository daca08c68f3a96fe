//! A block of directory entries: a chain that fills the block, each entry as long as it says
//! (`struct ext4_dir_entry_2`).

use crate::bytes::{half, put_half, put_word, word};
use crate::checksum::crc32c;
use crate::error::{Result, corrupt};

/// Longest name.
pub const LONGEST_NAME: usize = 255;
const HEADER: usize = 8;
/// Bytes of the entry at the end of a block that holds its checksum.
pub const TAIL: usize = 12;
const TAIL_TYPE: u8 = 0xde;

/// An entry in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot<'a> {
    /// Where it is.
    pub at: usize,
    /// Its length.
    pub length: usize,
    /// Its inode; 0 if it is not in use.
    pub inode: u32,
    /// Type of the node.
    pub kind: u8,
    /// Its name.
    pub name: &'a [u8],
}

impl Slot<'_> {
    /// Bytes that an entry with this name needs.
    fn needed(name: usize) -> usize {
        (HEADER + name).next_multiple_of(4)
    }

    /// Bytes in use.
    fn used(&self) -> usize {
        if self.inode == 0 { 0 } else { Self::needed(self.name.len()) }
    }

    /// Whether it is in use.
    pub fn is_used(&self) -> bool {
        self.inode != 0
    }
}

/// The entry at `at` of a block.
pub fn slot(block: &[u8], at: usize) -> Result<Slot<'_>> {
    let impossible = corrupt("directory: an entry leaves its block");
    if at + HEADER > block.len() {
        return Err(impossible);
    }
    let length = usize::from(half(block, at + 4));
    let name = usize::from(block[at + 6]);
    if length < Slot::needed(name) || !length.is_multiple_of(4) || at + length > block.len() {
        return Err(impossible);
    }
    Ok(Slot {
        at,
        length,
        inode: word(block, at),
        kind: block[at + 7],
        name: &block[at + HEADER..at + HEADER + name],
    })
}

/// All entries of a block, from `start` on, in use or not. It ends after an entry that makes no
/// sense.
pub fn slots(block: &[u8], start: usize) -> impl Iterator<Item = Result<Slot<'_>>> {
    let mut at = start;
    core::iter::from_fn(move || {
        if at >= block.len() {
            return None;
        }
        let found = slot(block, at);
        at = found.as_ref().map_or(block.len(), |slot| slot.at + slot.length);
        Some(found)
    })
}

/// The entry called `name`.
pub fn find<'a>(block: &'a [u8], name: &[u8]) -> Result<Option<Slot<'a>>> {
    for found in slots(block, 0) {
        let found = found?;
        if found.is_used() && found.name == name {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Where an entry for a name of `name` bytes fits, in the first `end` bytes of a block: the entry
/// that has room for it.
pub fn find_room(block: &[u8], end: usize, name: usize) -> Result<Option<usize>> {
    for found in slots(&block[..end], 0) {
        let found = found?;
        if found.length - found.used() >= Slot::needed(name) {
            return Ok(Some(found.at));
        }
    }
    Ok(None)
}

/// Puts an entry into the room that was found in the entry at `at`.
pub fn insert(block: &mut [u8], at: usize, name: &[u8], inode: u32, kind: u8) -> Result<()> {
    let host = slot(block, at)?;
    let (used, length) = (host.used(), host.length);
    if used > 0 {
        put_half(block, at + 4, used as u16);
    }
    put(block, at + used, length - used, name, inode, kind);
    Ok(())
}

/// Writes an entry.
fn put(block: &mut [u8], at: usize, length: usize, name: &[u8], inode: u32, kind: u8) {
    put_word(block, at, inode);
    put_half(block, at + 4, length as u16);
    block[at + 6] = name.len() as u8;
    block[at + 7] = kind;
    block[at + HEADER..at + HEADER + name.len()].copy_from_slice(name);
}

/// Removes the entry at `at`: the one before it becomes longer.
pub fn remove(block: &mut [u8], at: usize) -> Result<()> {
    let gone = slot(block, at)?.length;
    let mut before = None;
    for found in slots(block, 0) {
        let found = found?;
        if found.at >= at {
            break;
        }
        before = Some((found.at, found.length));
    }
    match before {
        Some((start, length)) => put_half(block, start + 4, (length + gone) as u16),
        None => put_word(block, at, 0),
    }
    Ok(())
}

/// Makes the entry at `at` name another inode.
pub fn redirect(block: &mut [u8], at: usize, inode: u32, kind: u8) {
    put_word(block, at, inode);
    block[at + 7] = kind;
}

/// Makes a block of these entries, packed, in its first `end` bytes; and its tail, if there is
/// room for one behind.
pub fn fill(block: &mut [u8], end: usize, entries: &[(&[u8], u32, u8)]) {
    block.fill(0);
    let mut at = 0;
    for (number, (name, inode, kind)) in entries.iter().enumerate() {
        let needed = Slot::needed(name.len());
        let length = if number + 1 == entries.len() { end - at } else { needed };
        put(block, at, length, name, *inode, *kind);
        at += length;
    }
    if entries.is_empty() {
        put(block, 0, end, b"", 0, 0);
    }
    if end < block.len() {
        put(block, end, TAIL, b"", 0, TAIL_TYPE);
        block[end + 6] = 0;
    }
}

/// Bytes that entries with these names need.
pub fn bytes_for<'a>(names: impl Iterator<Item = &'a [u8]>) -> usize {
    names.map(|name| Slot::needed(name.len())).sum()
}

/// Whether a block has a tail.
fn has_tail(block: &[u8]) -> bool {
    let at = block.len() - TAIL;
    word(block, at) == 0 && half(block, at + 4) == TAIL as u16 && block[at + 7] == TAIL_TYPE
}

/// Makes the checksum of a block right.
pub fn seal(block: &mut [u8], seed: u32) {
    if has_tail(block) {
        let end = block.len() - TAIL;
        let checksum = crc32c(seed, &block[..end]);
        put_word(block, end + HEADER, checksum);
    }
}

/// Whether the checksum of a block is right.
pub fn is_intact(block: &[u8], seed: u32) -> bool {
    let end = block.len() - TAIL;
    has_tail(block) && word(block, end + HEADER) == crc32c(seed, &block[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_and_go_and_leave_their_room() {
        let mut block = [0; 128];
        fill(&mut block, 116, &[(b".", 2, 2), (b"..", 2, 2)]);
        let room = find_room(&block, 116, 10).unwrap().unwrap();
        insert(&mut block, room, b"0123456789", 20, 1).unwrap();
        assert_eq!(find(&block, b"0123456789").unwrap().unwrap().inode, 20);
        assert_eq!(find_room(&block, 116, 80).unwrap(), None);
        let at = find(&block, b"..").unwrap().unwrap().at;
        remove(&mut block, at).unwrap();
        assert_eq!(find(&block, b"..").unwrap(), None);
        remove(&mut block, 0).unwrap();
        let names: Vec<_> = slots(&block, 0).map(|slot| slot.unwrap().is_used()).collect();
        assert_eq!(names, [false, true, false]);
        seal(&mut block, 5);
        assert!(is_intact(&block, 5));
        assert!(!is_intact(&block, 6));
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let mut block = [0; 64];
        fill(&mut block, 64, &[(b"name", 2, 2)]);
        for length in [0, 4, 10, 68] {
            put_half(&mut block, 4, length);
            assert!(slot(&block, 0).is_err(), "{length}");
        }
    }

    extern crate std;
    use std::vec::Vec;
}
