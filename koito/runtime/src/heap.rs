//! A component's pool as the memory of its heap, for one that builds no processes.

use nun::abi::init::SlotRange;
use nun::memory::{HEAP_WORDS, HeapMemory};
use nun::{AddressSpace, Error, Generic, SlotAllocator, aci};

use crate::Server;
use crate::conventions::slot;

/// The first slot that a heap may use: before it lie the Replies of waiting callers.
const FIRST: u32 = slot::REPLIES as u32 + Server::WAITING as u32;
/// One past the last.
const END: u32 = HEAP_WORDS as u32 * u64::BITS;

/// All of the pool that the manifest entry gives. Once.
pub fn pool_memory() -> Result<HeapMemory, Error> {
    let slots = SlotAllocator::new(SlotRange { first: FIRST, count: END - FIRST });
    let quota = Generic::slot(aci::slot::HEAP_MEMORY);
    HeapMemory::in_slots(quota, slots, AddressSpace::slot(aci::slot::ADDRESS_SPACE))
}
