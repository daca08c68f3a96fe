//! The component's own memory, of which a guest is made.

use koito::conventions::slot;
use nun::abi::init::SlotRange;
use nun::memory::{Pool, Space};
use nun::{AddressSpace, Error, Generic, ObjectType, SlotAllocator, Slots, aci};

/// Blocks of memory, split ones included.
const BLOCKS: usize = 256;
/// Slots that are used for it: as many as bits in so many words.
const SLOT_WORDS: usize = 16;
/// What is mapped: pieces of the guest's memory, and of boot modules.
const REGIONS: usize = 256;
/// Page tables for that.
const TABLES: usize = 64;

/// What the manifest entry calls its pool, and the part of the own address space that nobody else uses.
pub fn granted() -> Result<(Pool<BLOCKS, SLOT_WORDS>, Space<REGIONS, TABLES>), Error> {
    let end = SLOT_WORDS as u32 * u64::BITS;
    let first = slot::REPLIES as u32;
    let mut slots = SlotAllocator::new(SlotRange { first, count: end - first });
    let quota = Generic::slot(aci::slot::HEAP_MEMORY);
    let (_, size_bits, ..) = quota.information()?;
    let whole = slots.take_slot()?;
    quota.convert(ObjectType::Generic, size_bits, 1, slots.node(), whole)?;
    let mut pool = Pool::new(slots);
    pool.add(whole, size_bits as u8)?;
    let own = AddressSpace::slot(aci::slot::ADDRESS_SPACE);
    let end = aci::MODULES_ADDRESS + aci::MODULES_BYTES;
    Ok((pool, Space::new(own, aci::WORKSPACE_ADDRESS, end)))
}
