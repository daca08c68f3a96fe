//! Memory management, all of it user policy. Each part can be used alone, keeps its books in
//! itself, and needs no heap.
//!
//! | part | what it does |
//! |---|---|
//! | [`Buddy`] | splits Generics into halves, and merges them when both are free again |
//! | [`Slab`], [`SlabCache`] | cut a Generic into equal kernel objects, and give it back when all are free |
//! | [`Pool`] | makes and unmakes kernel objects of any size on a buddy system |
//! | [`Space`] | says what lies where in an address space: reservations, guards, mappings |
//! | [`HeapMemory`] | a quota from which pages are mapped on demand; crate `nun-heap` is an allocator on it |
//!
//! What all of them want is somebody who makes kernel objects and has slots for them: a [`Maker`].

use crate::slots::Slots;
use crate::{Error, Generic, ObjectType};

mod buddy;
mod heap_memory;
mod maker;
mod pool;
mod regions;
mod slab;
mod space;
mod tables;

pub use buddy::Buddy;
pub use heap_memory::{HEAP_WORDS, HeapMemory};
pub use maker::Maker;
pub use pool::{ObjectSizes, Pool};
pub use slab::{Slab, SlabCache};
pub use space::{Piece, Space};

/// Cuts `count` Generics of 2^`size_bits` bytes from the empty Generic `memory` into consecutive slots
/// from `first` on: the kernel makes a few at a time. If that fails, `memory` is empty again.
fn cut(
    memory: Generic,
    size_bits: u8,
    count: u64,
    first: u64,
    slots: &impl Slots,
) -> Result<(), Error> {
    let mut made = 0;
    while made < count {
        let (left, index) = (count - made, first + made);
        match memory.convert(ObjectType::Generic, size_bits.into(), left, slots.node(), index) {
            Ok(more) => made += more,
            Err(error) => {
                (first..index).try_for_each(|index| slots.node().remove(index))?;
                return Err(error);
            }
        }
    }
    Ok(())
}
