//! What programs are made of: pages of memory, and kernel objects.

mod mapping;
mod memory;
mod objects;
mod placement;
mod threads;

pub use mapping::{Mapping, Runs};
pub use memory::Memory;
pub use objects::{Body, HEAP_BYTES, IDENTIFIER, Objects};
pub use placement::{CALM, Urgency, urgency};
pub use threads::Seat;
