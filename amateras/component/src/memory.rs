//! The component's own memory, of which a guest is made.

use koito::Environment;
use koito::conventions::{pool_slot, slot};
use nun::abi::init::SlotRange;
use nun::memory::{Maker, Pool, Space};
use nun::{AddressSpace, Error, Generic, ObjectType, SlotAllocator, Slots, aci};

/// Blocks of memory, split ones included.
const BLOCKS: usize = 256;
/// Slots that are used for it: as many as bits in so many words.
const SLOT_WORDS: usize = 16;
/// What is mapped: pieces of the guest's memory, and of boot modules.
const REGIONS: usize = 256;
/// Page tables for that.
const TABLES: usize = 64;

/// The pool that it was given, and the part of the own address space that nobody else uses.
pub fn granted(
    environment: &Environment,
) -> Result<(Pool<BLOCKS, SLOT_WORDS>, Space<REGIONS, TABLES>), Error> {
    let end = SLOT_WORDS as u32 * u64::BITS;
    let first = slot::REPLIES as u32;
    let mut pool = Pool::new(SlotAllocator::new(SlotRange { first, count: end - first }));
    for (index, bits) in environment.pool.iter().enumerate() {
        let (node, whole) = (pool.slots().node(), pool.slots().take_slot()?);
        let piece = Generic::slot(pool_slot(index));
        piece.convert(ObjectType::Generic, (*bits).into(), 1, node, whole)?;
        pool.add(whole, *bits)?;
    }
    let own = AddressSpace::slot(aci::slot::ADDRESS_SPACE);
    let end = aci::MODULES_ADDRESS + aci::MODULES_BYTES;
    Ok((pool, Space::new(own, aci::WORKSPACE_ADDRESS, end)))
}
