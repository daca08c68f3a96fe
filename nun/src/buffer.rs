//! The own IPC buffer: message words past the sixth.

use a9n_abi::{IpcBuffer, MESSAGE_WORDS};

use crate::mapped::{self, Mapped};

/// The process's IPC buffer, where the [conventions](crate::aci::BUFFER_ADDRESS) put it.
#[derive(Clone, Copy, Debug)]
pub struct Buffer(Mapped);

/// The own IPC buffer.
#[inline]
pub const fn buffer() -> Buffer {
    Buffer(mapped::own_buffer())
}

impl Buffer {
    /// Message word `index`; 0 past the last.
    #[inline]
    pub fn read(&self, index: usize) -> u64 {
        if index < MESSAGE_WORDS { self.0.read(Self::offset(index)) } else { 0 }
    }

    /// Sets message word `index`; nothing happens past the last.
    #[inline]
    pub fn write(&self, index: usize, word: u64) {
        if index < MESSAGE_WORDS {
            self.0.write(Self::offset(index), word);
        }
    }

    const fn offset(index: usize) -> usize {
        core::mem::offset_of!(IpcBuffer, words) + index * size_of::<u64>()
    }
}
