//! The typed object store.
//!
//! Kernel objects live in memory that users give. This crate is the only place in the portable
//! kernel that turns an address into a reference, so it is where the layouts of all objects
//! stand and where the portable kernel's `unsafe` is.
//!
//! # Why handing out references is sound
//!
//! A [`Ref`] is an address with a type. Nobody outside this crate can make one from a number;
//! [`Store::create`] makes it, and slots and objects keep it. So following a [`Ref`] is right as
//! long as the object it names was created and not destroyed. The portable kernel upholds that:
//!
//! 1. A `Ref` kept in a [`Slot`] is dropped before its object: an object dies with its original
//!    capability, after everything derived from it, internal slots of processes included.
//! 2. A `Ref` kept as a link (queues, partners, anchors) is unlinked by the destruction of either
//!    side.
//! 3. Memory becomes another object only when the Generic it came from has no descendants and
//!    nothing is left to be drained (see the portable kernel's `destroy` module).
//!
//! Objects consist of `Cell`s and are handed out shared, bound to `&Store`; creating and
//! destroying takes `&mut Store`, so no reference survives either. A process that is sender and
//! receiver of one message is no special case. On the host, [`Memory`](a9n_hal::Memory) is a
//! simulated machine that checks every access against a map of what lives where, so a broken
//! promise shows as a panic in a test.

#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]

mod address_space;
mod capability;
mod node;
mod pcb;
mod port;
mod queue;
mod reference;
mod slot;
mod state;
mod store;

pub use address_space::AddressSpace;
pub use capability::{Capability, Installation, MemoryKind, TableUse};
pub use node::{Dying, Node};
pub use pcb::{Internal, Pcb, Process, SchedulingContext};
pub use port::{Notification, Port};
pub use queue::Queue;
pub use reference::Ref;
pub use slot::{Slot, Tag, Window};
pub use state::{Phase, State};
pub use store::{Object, Store};
