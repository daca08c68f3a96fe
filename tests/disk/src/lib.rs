//! What the load on the virtual disk and those who judge what it left have in common.
//!
//! Behind the file system, in the last page of the disk, the load writes after each sync how many there
//! were. So the emulator's log of writes tells which promises held at any moment.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod load;

/// Bytes at the end of the disk that are not the file system's.
pub const MARK_BYTES: u64 = 4096;
