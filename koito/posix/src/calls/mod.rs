//! The system calls, by what they are about. Each takes its arguments as they came: every number and
//! pointer is checked where it is used.

pub mod attributes;
pub mod clone;
pub mod copies;
pub mod descriptors;
pub mod extended;
pub mod files;
pub mod futex;
pub mod host;
pub mod identity;
pub mod lasting;
pub mod memory;
pub mod messages;
pub mod names;
pub mod other_memory;
pub mod paths;
pub mod pipes;
pub mod place;
pub mod poll;
pub mod power;
pub mod privileges;
pub mod process;
pub mod process_files;
pub mod resolving;
pub mod resources;
pub mod schedule;
mod short;
pub mod signals;
pub mod sockets;
pub mod status;
pub mod system;
pub mod terminal;
pub mod time;
pub mod timers;
pub mod wait;
pub mod watches;

use alloc::vec;
use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::Key;
use zerocopy::IntoBytes;

use crate::server::{Server, TaskKey};
use crate::space::Space;

/// Bytes of a string that are read at once.
const PIECE: u64 = 64;

/// Memory of the calling program.
impl Server {
    /// Reads `length` bytes at `address`; the caller has bounded `length`.
    pub fn read_bytes(
        &mut self,
        task: TaskKey,
        address: u64,
        length: usize,
    ) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; length];
        self.read_into(task, address, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `bytes` from what is at `address`.
    pub fn read_into(
        &mut self,
        task: TaskKey,
        address: u64,
        bytes: &mut [u8],
    ) -> Result<(), Errno> {
        let space = self.processes[self.tasks[task].process].space;
        self.spaces[space].read(&mut self.world, address, bytes)
    }

    /// Reads `N` words at `address`.
    #[inline]
    pub fn read_words<const N: usize>(
        &mut self,
        task: TaskKey,
        address: u64,
    ) -> Result<[u64; N], Errno> {
        let space = self.processes[self.tasks[task].process].space;
        self.words_of(space, address)
    }

    /// The same in an address space.
    #[inline]
    pub fn words_of<const N: usize>(
        &mut self,
        space: Key<Space>,
        address: u64,
    ) -> Result<[u64; N], Errno> {
        let mut bytes = [[0; 8]; N];
        let room = bytes.as_flattened_mut();
        let space = &mut self.spaces[space];
        match space.lately(&self.world, address, room.len(), false) {
            Some(part) => _ = part.copy_to(0, room),
            None => space.read(&mut self.world, address, room)?,
        }
        Ok(bytes.map(u64::from_le_bytes))
    }

    /// Reads the string at `address`, without the zero at its end; *name too long* past `most` bytes.
    pub fn read_string(
        &mut self,
        task: TaskKey,
        address: u64,
        most: usize,
    ) -> Result<Vec<u8>, Errno> {
        let mut text = Vec::new();
        loop {
            let known = text.len();
            let at = address.wrapping_add(known as u64);
            // Not past the page that it ends on.
            let room = (4096 - at % 4096).min(PIECE) as usize;
            text.resize(known + room, 0);
            self.read_into(task, at, &mut text[known..])?;
            let end = text[known..].iter().position(|byte| *byte == 0);
            text.truncate(known + end.unwrap_or(room));
            if text.len() > most {
                return Err(Errno::ENAMETOOLONG);
            }
            if end.is_some() {
                return Ok(text);
            }
        }
    }

    /// Writes `bytes` to `address`.
    pub fn write_bytes(&mut self, task: TaskKey, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let space = self.processes[self.tasks[task].process].space;
        self.spaces[space].write(&mut self.world, address, bytes)
    }

    /// Writes words to `address`.
    pub fn write_words(&mut self, task: TaskKey, address: u64, words: &[u64]) -> Result<(), Errno> {
        // All machines that programs of Linux run on here have the low byte first.
        self.write_bytes(task, address, words.as_bytes())
    }
}
