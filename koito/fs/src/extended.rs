//! Extended attributes: names with values that a node has besides its contents. They lie behind the fields of an
//! inode, as far as there is room, and in one block more; of that, several nodes may share one, which is
//! changed for each of them apart.

use alloc::vec;
use alloc::vec::Vec;

use koito_block::BlockDevice;

use crate::allocate::Contents;
use crate::attributes::{Extended, Node, Time};
use crate::bytes::{half, put_half, put_word, word};
use crate::checksum::crc32c;
use crate::error::{Errno, Error, Result, corrupt};
use crate::filesystem::{FileSystem, SPARE};
use crate::inode::{Inode, Stamp};
use crate::journal::Seal;
use crate::superblock::Protection;

/// What such a block begins with, and such a part of an inode.
pub const MAGIC: u32 = 0xea02_0000;
/// Bytes of an entry before its name.
const ENTRY: usize = 16;
/// Bytes of a block before the first entry.
const HEADER: usize = 32;
/// Where a block says how many nodes share it, what its entries hash to, and its checksum.
const USERS: usize = 0x4;
const HASH: usize = 0xc;
const CHECKSUM: usize = 0x10;
/// Bytes that end the entries.
const END: usize = 4;

/// An attribute as it is stored: the number of its namespace, its name without that, its value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    space: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Namespaces by number. Names that are whole come first.
const SPACES: [(u8, &[u8]); 6] = [
    (2, b"system.posix_acl_access"),
    (3, b"system.posix_acl_default"),
    (1, b"user."),
    (4, b"trusted."),
    (6, b"security."),
    (7, b"system."),
];

/// The namespace that a name is in, and the rest of it.
fn split(name: &[u8]) -> Result<(u8, &[u8])> {
    let found = SPACES.iter().find_map(|(space, prefix)| {
        let rest = name.strip_prefix(*prefix)?;
        (rest.is_empty() != prefix.ends_with(b".")).then_some((*space, rest))
    });
    found
        .filter(|(_, rest)| rest.len() <= usize::from(u8::MAX))
        .ok_or(Error::new(Errno::Unsupported, "name: in no namespace that can be stored"))
}

impl Stored {
    /// Where it stands among the entries of a block.
    fn order(&self) -> (u8, usize, &[u8]) {
        (self.space, self.name.len(), &self.name)
    }

    /// Bytes that entry and value take.
    fn bytes(&self) -> usize {
        (ENTRY + self.name.len()).next_multiple_of(4) + self.value.len().next_multiple_of(4)
    }

    /// The sum over name and value that an entry carries.
    fn hash(&self) -> u32 {
        let name = self.name.iter().fold(0u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(name, |hash, chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }

    /// With its whole name, if its namespace is known.
    fn told(&self) -> Option<Extended> {
        let (_, prefix) = SPACES.iter().find(|(space, _)| *space == self.space)?;
        Some(Extended { name: [prefix, &self.name[..]].concat(), value: self.value.clone() })
    }
}

/// The attributes in a region; entries begin at `first`, and places of values count from its start.
fn decode(region: &[u8], first: usize) -> Result<Vec<Stored>> {
    const BROKEN: Error = corrupt("extended attributes: an entry leaves its region");
    let mut all = vec![];
    let mut at = first;
    loop {
        let start = region.get(at..at + END).ok_or(BROKEN)?;
        if start == [0; END] {
            return Ok(all);
        }
        let entry = region.get(at..at + ENTRY).ok_or(BROKEN)?;
        let end = at + ENTRY + usize::from(entry[0]);
        let name = region.get(at + ENTRY..end).ok_or(BROKEN)?;
        let (place, length) = (usize::from(half(entry, 2)), word(entry, 8) as usize);
        let value = match length {
            0 => &[],
            _ => place.checked_add(length).and_then(|end| region.get(place..end)).ok_or(BROKEN)?,
        };
        all.push(Stored { space: entry[1], name: name.to_vec(), value: value.to_vec() });
        at = end.next_multiple_of(4);
    }
}

/// Puts attributes into a region, which has room for them.
fn encode(region: &mut [u8], first: usize, all: &[Stored]) {
    region[first..].fill(0);
    let (mut at, mut tail) = (first, region.len());
    for it in all {
        if !it.value.is_empty() {
            tail -= it.value.len().next_multiple_of(4);
            region[tail..tail + it.value.len()].copy_from_slice(&it.value);
            put_half(region, at + 2, tail as u16);
        }
        region[at] = it.name.len() as u8;
        region[at + 1] = it.space;
        put_word(region, at + 8, it.value.len() as u32);
        put_word(region, at + 12, it.hash());
        region[at + ENTRY..at + ENTRY + it.name.len()].copy_from_slice(&it.name);
        at = (at + ENTRY + it.name.len()).next_multiple_of(4);
    }
}

impl Inode {
    /// Whether it has extended attributes.
    pub(crate) fn is_extended(&self) -> bool {
        self.attribute_block() != 0
            || self.spare().get(..4).is_some_and(|start| word(start, 0) == MAGIC)
    }

    fn own_attributes(&self) -> Result<Vec<Stored>> {
        match self.spare().split_at_checked(4) {
            Some((start, region)) if word(start, 0) == MAGIC => decode(region, 0),
            _ => Ok(vec![]),
        }
    }

    /// Takes as many of these attributes as there is room for, instead of those it has; the others are left.
    fn take_attributes(&mut self, all: Vec<Stored>) -> Vec<Stored> {
        let mut room = self.spare().len().saturating_sub(4 + END);
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| {
            let fits = it.bytes() <= room;
            room -= if fits { it.bytes() } else { 0 };
            fits
        });
        let spare = self.spare_mut();
        spare.fill(0);
        if !own.is_empty() {
            put_word(spare, 0, MAGIC);
            encode(&mut spare[4..], 0, &own);
        }
        others
    }
}

impl<D: BlockDevice> FileSystem<D> {
    /// The extended attributes of a node.
    pub fn extended(&mut self, node: Node) -> Result<Vec<Extended>> {
        let inode = self.node(node)?;
        Ok(self.stored_attributes(&inode)?.iter().filter_map(Stored::told).collect())
    }

    fn stored_attributes(&mut self, inode: &Inode) -> Result<Vec<Stored>> {
        if self.superblock.inode_bytes > crate::inode::BYTES {
            return Err(Error::new(Errno::Unsupported, "node: its inode is larger than 256 bytes"));
        }
        let mut all = inode.own_attributes()?;
        if let Some(block) = self.check_attribute_block(inode)? {
            all.extend(decode(self.cache.read(block)?, HEADER)?);
        }
        Ok(all)
    }

    /// The block of extended attributes, if there is one.
    fn check_attribute_block(&mut self, inode: &Inode) -> Result<Option<u64>> {
        let block = inode.attribute_block();
        if block == 0 {
            return Ok(None);
        }
        if !self.can_own(block, 1) || word(self.cache.read(block)?, 0) != MAGIC {
            return Err(corrupt("extended attributes: impossible block"));
        }
        Ok(Some(block))
    }

    /// Gives a node an extended attribute, or takes it away if there is no value. `ENOSPC` if the attributes do not
    /// fit into its inode and one block.
    pub fn set_extended(
        &mut self,
        node: Node,
        name: &[u8],
        value: Option<&[u8]>,
        now: Time,
    ) -> Result<()> {
        let (space, rest) = split(name)?;
        self.changing(now, |this| {
            let mut inode = this.node(node)?;
            let mut all = this.stored_attributes(&inode)?;
            all.retain(|it| it.space != space || it.name != rest);
            let new = value.map(|value| Stored { space, name: rest.into(), value: value.into() });
            all.extend(new);
            all.sort_unstable_by(|one, other| one.order().cmp(&other.order()));
            let others = inode.take_attributes(all);
            let needed: usize = others.iter().map(Stored::bytes).sum();
            if HEADER + needed + END > this.superblock.block_bytes {
                return Err(Error::new(Errno::NoSpace, "value: no room beside the node's others"));
            }
            this.reserve(SPARE + 1)?;
            if others.is_empty() {
                this.release_attributes(&mut inode)?;
            } else {
                this.store_attributes(node.0, &mut inode, &others)?;
            }
            inode.set_time(Stamp::Change, now);
            this.keep(node.0, inode);
            Ok(())
        })
    }

    /// Puts attributes into the block of a node, which is nobody else's afterwards.
    fn store_attributes(&mut self, number: u32, inode: &mut Inode, all: &[Stored]) -> Result<()> {
        let own = match self.check_attribute_block(inode)? {
            Some(block) if word(self.cache.read(block)?, USERS) <= 1 => Some(block),
            _ => None,
        };
        let block = match own {
            Some(block) => block,
            None => {
                self.release_attributes(inode)?;
                let goal = self.superblock.group_start(self.split_inode(number).0);
                let (block, _) = self.allocate(goal, 1)?;
                inode.set_attribute_block(block);
                inode.add_blocks(1, &self.superblock);
                block
            }
        };
        let raw = self.fresh(block, Seal::Plain)?;
        encode(raw, HEADER, all);
        put_word(raw, 0, MAGIC);
        put_word(raw, USERS, 1);
        // So many blocks: there is never more than one.
        put_word(raw, 8, 1);
        let sum = all.iter().fold(0u32, |sum, it| sum.rotate_left(16) ^ it.hash());
        put_word(raw, HASH, sum);
        self.seal_attributes(block)
    }

    /// Gives back the block of extended attributes, which several nodes may share.
    pub(crate) fn release_attributes(&mut self, inode: &mut Inode) -> Result<()> {
        let Some(block) = self.check_attribute_block(inode)? else { return Ok(()) };
        let users = word(self.cache.read(block)?, USERS);
        if users <= 1 {
            self.free(block, 1, Contents::Structure)?;
        } else {
            put_word(self.change(block, Seal::Plain)?, USERS, users - 1);
            self.seal_attributes(block)?;
        }
        inode.set_attribute_block(0);
        inode.add_blocks(-1, &self.superblock);
        Ok(())
    }

    /// Brings the checksum of a changed block up to date.
    fn seal_attributes(&mut self, block: u64) -> Result<()> {
        if self.superblock.protection != Protection::Everything {
            return Ok(());
        }
        let seed = crc32c(self.superblock.seed, &block.to_le_bytes());
        let raw = self.change(block, Seal::Plain)?;
        put_word(raw, CHECKSUM, 0);
        let checksum = crc32c(seed, raw);
        put_word(raw, CHECKSUM, checksum);
        Ok(())
    }
}
