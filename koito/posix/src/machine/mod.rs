//! What programs are made of: pages of memory, and kernel objects.

mod frames;
mod mapping;
mod memory;
mod objects;
mod placement;
mod threads;

pub use mapping::{Mapping, Runs};
pub use memory::Memory;
pub use objects::{Body, IDENTIFIER, Objects};
pub use placement::{CALM, MOST as MOST_CPUS, Urgency, urgency};
pub use threads::Seat;
