//! A simulated machine: the portable kernel runs on the host against it.
//!
//! It is stricter than a real one. Memory knows which kernel object lives where, and panics on an
//! access to none, on two objects in one place, and on an access past an object's end. Page tables
//! live in the simulated memory and are as real as any. A [`SimContext`] is played by the test: it
//! says what kernel call a process makes and reads what the kernel answered. CPUs cache all that they
//! could, and tests can see whether something is left that should have been forgotten.
//!
//! A machine is a value: any number of them live side by side. It can be marked and taken back to
//! its mark, which costs what happened in between; and it says in a number what differs from its
//! first mark.

#![deny(unsafe_op_in_unsafe_fn)]

mod claims;
mod context;
mod devices;
mod guests;
mod history;
mod machine;
mod memory;
mod paging;
mod translations;

pub use context::{Answer, Resumption, SimContext};
pub use machine::{Departure, SimCpu, SimMachine, VECTOR_IMAGE_RESERVED};
pub use memory::{BASE, SimMemory};
pub use paging::Mappings;
