//! The component's own memory, of which a guest is made.

use nun::memory::{Pool, Space};
use nun::{AddressSpace, Error, Generic, Node, ObjectType, SlotAllocator, Slots, aci};

/// Blocks of memory, split ones included.
const BLOCKS: usize = 64;
const SLOT_WORDS: usize = (1 << aci::HEAP_RADIX) / u64::BITS as usize;
/// What is mapped: pieces of the guest's memory.
const REGIONS: usize = 32;
/// Page tables for that.
const TABLES: usize = 16;

/// What the manifest entry calls its pool, and the part of the own address space that nobody else uses.
pub fn granted() -> Result<(Pool<BLOCKS, SLOT_WORDS>, Space<REGIONS, TABLES>), Error> {
    let quota = Generic::slot(aci::slot::HEAP_MEMORY);
    let node = Node::slot(aci::slot::HEAP_NODE);
    let (_, size_bits, ..) = quota.information()?;
    let mut slots =
        SlotAllocator::nested(node.descriptor().index(), aci::NODE_RADIX, aci::HEAP_RADIX);
    let whole = slots.take_slot()?;
    quota.convert(ObjectType::Generic, size_bits, 1, node, whole)?;
    let mut pool = Pool::new(slots);
    pool.add(whole, size_bits as u8)?;
    let own = AddressSpace::slot(aci::slot::ADDRESS_SPACE);
    let end = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 4;
    Ok((pool, Space::new(own, aci::WORKSPACE_ADDRESS, end)))
}
