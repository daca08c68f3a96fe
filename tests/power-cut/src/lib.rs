//! Power cuts: what a file system leaves on a device when the power goes at any moment.
//!
//! A write load runs on a device that records every write and flush ([`record`]), or QEMU records
//! them ([`log_writes`]). From such a record come any number of images ([`cut`]): everything up to
//! the last flush, and a random part of what came after, torn between sectors. Each must be
//! repaired by a replay of its journal alone, by our code and by `e2fsck` alike, and what was synced
//! must be there ([`check`]). What was synced is known of a load that runs here, and of the one in
//! `tests/disk` by its [`marks`]. Some images are [kept](keep) for a whole system to boot with.
//!
//! [`model`] drives a file system beside one in plain memory, for everything but power.

#![forbid(unsafe_code)]

pub mod check;
pub mod cut;
pub mod fsck;
pub mod keep;
pub mod load;
pub mod log_writes;
pub mod lose;
pub mod make;
pub mod marks;
pub mod model;
pub mod random;
pub mod record;
pub mod scratch;
pub mod tree;
