//! The memory of a heap: a quota with books of its own, so that it can be asked for pages from
//! anywhere.

use a9n_abi::init::{INIT_NODE_RADIX, slot};

use super::{Pool, Space};
use crate::slots::{SlotAllocator, Slots};
use crate::{Access, AddressSpace, Error, Generic, Node, ObjectType, Resources, aci};

/// Slots that one needs, in words of as many bits.
pub const HEAP_WORDS: usize = (1 << aci::HEAP_RADIX) / u64::BITS as usize;
/// Blocks of memory, split ones included.
const BLOCKS: usize = 192;
/// Reservations and mappings.
const REGIONS: usize = 128;
/// Page tables.
const TABLES: usize = 32;

/// A quota of memory that is mapped and unmapped by the page, in the part of the caller's own address space
/// that is the [heap's](aci::HEAP_ADDRESS).
#[derive(Clone, Debug)]
pub struct HeapMemory {
    pool: Pool<BLOCKS, HEAP_WORDS>,
    space: Space<REGIONS, TABLES>,
}

impl HeapMemory {
    /// 2^`size_bits` bytes of init's. Page tables come out of them as well.
    pub fn new(resources: &mut Resources, size_bits: u8) -> Result<Self, Error> {
        let quota: Generic = resources.make(size_bits)?;
        let made = resources.make(aci::HEAP_RADIX as u8).and_then(|node: Node| {
            let space = AddressSpace::slot(slot::ADDRESS_SPACE);
            let memory = Self::from_quota(quota, node, INIT_NODE_RADIX, space);
            if memory.is_err() {
                resources.discard(node)?;
            }
            memory
        });
        if made.is_err() {
            resources.discard(quota)?;
        }
        made
    }

    /// What this process, which is not init, was [granted](crate::Process::grant_heap). Once.
    pub fn granted() -> Result<Self, Error> {
        let quota = Generic::slot(aci::slot::HEAP_MEMORY);
        let node = Node::slot(aci::slot::HEAP_NODE);
        let space = AddressSpace::slot(aci::slot::ADDRESS_SPACE);
        Self::from_quota(quota, node, aci::NODE_RADIX, space)
    }

    /// All of the Generic `quota`, which is empty, with `node`, an empty node of 512 slots that
    /// stands in a root node of 2^`root_radix` slots, for the caller's own address space `space`.
    pub fn from_quota(
        quota: Generic,
        node: Node,
        root_radix: u32,
        space: AddressSpace,
    ) -> Result<Self, Error> {
        let slots = SlotAllocator::nested(node.descriptor().index(), root_radix, aci::HEAP_RADIX);
        Self::in_slots(quota, slots, space)
    }

    /// The same with empty slots of the caller's own root node.
    pub fn in_slots(
        quota: Generic,
        mut slots: SlotAllocator<HEAP_WORDS>,
        space: AddressSpace,
    ) -> Result<Self, Error> {
        let (_, size_bits, ..) = quota.information()?;
        let whole = slots.take_slot()?;
        quota.convert(ObjectType::Generic, size_bits, 1, slots.node(), whole)?;
        let mut pool = Pool::new(slots);
        pool.add(whole, size_bits as u8)?;
        let end = aci::HEAP_ADDRESS + aci::HEAP_BYTES;
        Ok(Self { pool, space: Space::new(space, aci::HEAP_ADDRESS, end) })
    }

    /// Maps `pages` fresh pages, with an empty page before and after them; answers where. If it
    /// fails, everything is as it was.
    pub fn map(&mut self, pages: u64) -> Result<u64, Error> {
        self.space.allocate(&mut self.pool, pages, Access::READ | Access::WRITE)
    }

    /// Takes the pages at `address` back that [`map`](Self::map) answered.
    pub fn unmap(&mut self, address: u64) -> Result<(), Error> {
        self.space.release(&mut self.pool, address)
    }

    /// Bytes that are not mapped.
    pub fn free_bytes(&self) -> u64 {
        self.pool.buddy().free_bytes()
    }
}
