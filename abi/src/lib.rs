//! The A9N kernel interface, defined **once**.
//!
//! Kernel, loader, Nun, the manual and the fuzzers all take it from here: object types,
//! operations, rights, errors, message layout, what init receives and what the loader hands
//! over. Numbers are only ever appended; reserved bits must be zero.

#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
mod hash;
mod memory;

pub use hash::{AbiNote, FNV_OFFSET, NOTE_ABI_HASH, NOTE_NAME, fnv1a};
pub use memory::{Access, FaultReason, MemoryType};

/// Identifies this version of the interface; see [`AbiNote`].
pub const ABI_HASH: u64 = fnv1a(FNV_OFFSET, b"A9N");
