//! Mapped memory: what lies in the address space without being Rust's.
//!
//! The kernel and other processes may read and write it at any time, so it is never a `&[u8]`
//! while anybody else can write it; it is copied in and out by volatile accesses, and every
//! access is checked against its bounds. Apart from the architecture and the entry, this is the
//! only module of Nun with unsafe code.

use a9n_abi::boot::PAGE_BYTES;

use crate::aci;

/// A stretch of mapped memory.
#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    address: usize,
    bytes: usize,
}

/// The page of the own IPC buffer.
#[inline]
pub(crate) fn own_buffer() -> Mapped {
    #[cfg(not(test))]
    let address = aci::BUFFER_ADDRESS as usize;
    #[cfg(test)]
    let address = crate::syscall::fake::buffer_address();
    // SAFETY: the kernel (for init) or Nun (for a process that it starts) maps the buffer there
    // for as long as the process lives; without it an access faults and ends the process.
    unsafe { Mapped::new(address, PAGE_BYTES as usize) }
}

impl Mapped {
    /// `bytes` bytes from `address` on, both multiples of 8.
    ///
    /// # Safety
    /// As long as the value is used, they are mapped readable and hold no Rust object; to be
    /// written, they are mapped writable. Being not mapped at all is harmless too: it faults.
    #[inline]
    pub const unsafe fn new(address: usize, bytes: usize) -> Self {
        Self { address, bytes }
    }

    /// `bytes` bytes of the [workspace](aci::WORKSPACE_ADDRESS) from `address` on. By convention
    /// no Rust object lies there.
    pub fn in_workspace(address: u64, bytes: u64) -> Self {
        let end = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES;
        let fits = aci::WORKSPACE_ADDRESS <= address && address <= end && bytes <= end - address;
        assert!(fits, "the workspace is full");
        // SAFETY: it lies in the workspace.
        unsafe { Self::new(address as usize, bytes as usize) }
    }

    /// Address of its first byte.
    pub const fn address(&self) -> u64 {
        self.address as u64
    }

    /// Length in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The word at `offset` bytes, a multiple of 8; 0 outside.
    #[inline]
    pub fn read(&self, offset: usize) -> u64 {
        match self.word(offset) {
            // SAFETY: `word` gives an aligned pointer into the stretch, which `new` vouches for.
            Some(pointer) => unsafe { pointer.read_volatile() },
            None => 0,
        }
    }

    /// Writes the word at `offset` bytes, a multiple of 8; outside nothing happens.
    #[inline]
    pub fn write(&self, offset: usize, value: u64) {
        if let Some(pointer) = self.word(offset) {
            // SAFETY: as for `read`.
            unsafe { pointer.write_volatile(value) }
        }
    }

    /// Copies `bytes` to `offset`; what does not fit is left out.
    pub fn copy_from(&self, offset: usize, bytes: &[u8]) {
        let room = self.bytes.saturating_sub(offset);
        let target = (self.address + offset.min(self.bytes)) as *mut u8;
        for (index, byte) in bytes.iter().enumerate().take(room) {
            // SAFETY: `index` is less than the room behind `target` in the stretch.
            unsafe { target.add(index).write_volatile(*byte) }
        }
    }

    /// It as a slice, for good.
    ///
    /// # Safety
    /// It stays mapped for good, and nobody writes to it any more.
    pub unsafe fn into_slice(self) -> &'static [u8] {
        // SAFETY: mapped says `new`, for good and never written says the caller.
        unsafe { core::slice::from_raw_parts(self.address as *const u8, self.bytes) }
    }

    #[inline]
    fn word(&self, offset: usize) -> Option<*mut u64> {
        let fits = offset.checked_add(size_of::<u64>())? <= self.bytes;
        (fits && offset.is_multiple_of(size_of::<u64>()))
            .then(|| (self.address + offset) as *mut u64)
    }
}
