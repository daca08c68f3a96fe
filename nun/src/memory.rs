//! Memory management, all of it user policy. Each part can be used alone, keeps its books in
//! itself, and needs no heap.
//!
//! | part | what it does |
//! |---|---|
//! | [`Buddy`] | splits Generics into halves, and merges them when both are free again |
//! | [`Slab`], [`SlabCache`] | cut a Generic into equal kernel objects, and give it back when all are free |
//! | [`Pool`] | makes and unmakes kernel objects of any size on a buddy system |
//! | [`Space`] | says what lies where in an address space: reservations, guards, mappings |
//!
//! What all of them want is somebody who makes kernel objects and has slots for them: a [`Maker`].

mod buddy;
mod maker;
mod pool;
mod regions;
mod slab;
mod space;
mod tables;

pub use buddy::Buddy;
pub use maker::Maker;
pub use pool::{ObjectSizes, Pool};
pub use slab::{Slab, SlabCache};
pub use space::{Piece, Space};
