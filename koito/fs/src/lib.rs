//! KOITO's file system: ext4 with its journal, on any [`koito_block::BlockDevice`].
//!
//! What a POSIX server needs: nodes by number, names in directories, contents, attributes,
//! durability. Permissions are stored, not checked; paths, open files and locks are the server's.
//!
//! **Durability.** [`FileSystem::sync_node`] and [`FileSystem::sync`] return when everything before
//! survives a power failure. In between, the journal makes every single change atomic, and changes
//! survive in the order in which they were made. New contents are on the device before the change
//! that makes them visible.
//!
//! **Memory.** A cache of a size that the owner chooses, a thousand inodes, the inodes that are
//! held, and the open transaction, which is bounded by the journal's length.
//!
//! **Malformed images** give errors, [`Errno::Corrupt`] mostly. Checksums are checked where the
//! image has them; nothing is believed because its checksum is right.
//!
//! Read in this order: `filesystem`, `journal/commit`, `allocate`, `extent`, `directory`,
//! `namespace`, `rename`, `file`, `orphans`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod allocate;
mod attributes;
mod bitmap;
mod bytes;
mod checksum;
mod directory;
mod error;
mod extended;
mod extent;
mod file;
mod filesystem;
mod groups;
mod inode;
mod inodes;
mod journal;
mod namespace;
mod orphans;
mod rename;
mod superblock;

pub use attributes::{
    Attributes, Changes, Cookie, Entry, Extended, Kind, Maker, New, Node, ROOT, Rename, Space, Time,
};
pub use error::{Errno, Error, Result};
pub use filesystem::{Access, FileSystem, Options};
