//! Mapped memory: what lies in the address space without being Rust's.
//!
//! The kernel and other processes may read and write it at any time, so it is never a `&[u8]`
//! while anybody else can write it; it is copied in and out by volatile accesses, and every
//! access is checked against its bounds.

use a9n_abi::boot::PAGE_BYTES;

use crate::{aci, thread};

/// A stretch of mapped memory.
#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    address: usize,
    bytes: usize,
}

/// The page of the caller's own IPC buffer.
#[inline]
pub(crate) fn own_buffer() -> Mapped {
    // SAFETY: the kernel (for init) or Nun (for a process or thread that it starts) maps the buffer
    // there for as long as it lives; without it an access faults and ends the process.
    unsafe { Mapped::new(thread::own_buffer() as usize, PAGE_BYTES as usize) }
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
        match self.place::<u64>(offset) {
            // SAFETY: `place` answers an aligned address in the stretch, which `new` vouches for.
            Some(address) => unsafe { load(address) },
            None => 0,
        }
    }

    /// The two bytes at `offset`, an even one, read at once; 0 outside.
    #[inline]
    pub fn read_half(&self, offset: usize) -> u16 {
        match self.place::<u16>(offset) {
            // SAFETY: as for `read`.
            Some(address) => unsafe { load(address) },
            None => 0,
        }
    }

    /// Writes two bytes at `offset`, an even one, at once; outside nothing happens.
    #[inline]
    pub fn write_half(&self, offset: usize, value: u16) {
        if let Some(address) = self.place::<u16>(offset) {
            // SAFETY: as for `read`.
            unsafe { store(address, value) }
        }
    }

    /// Writes the word at `offset` bytes, a multiple of 8; outside nothing happens.
    #[inline]
    pub fn write(&self, offset: usize, value: u64) {
        if let Some(address) = self.place::<u64>(offset) {
            // SAFETY: as for `read`.
            unsafe { store(address, value) }
        }
    }

    /// Copies `bytes` to `offset`; what does not fit is left out.
    #[inline]
    pub fn copy_from(&self, offset: usize, bytes: &[u8]) {
        let room = self.bytes.saturating_sub(offset).min(bytes.len());
        #[cfg(not(target_os = "none"))]
        for (index, byte) in bytes[..room].iter().enumerate() {
            crate::hosted::write((self.address + offset + index) as u64, &[*byte]);
        }
        // SAFETY: `room` bytes behind `offset` lie in the stretch, which `new` vouches for, and no
        // more are borrowed.
        #[cfg(target_os = "none")]
        unsafe {
            crate::arch::copy(bytes.as_ptr().expose_provenance(), self.address + offset, room);
        }
    }

    /// Copies from `offset` to `bytes`; answers how many bytes there were.
    #[inline]
    pub fn copy_to(&self, offset: usize, bytes: &mut [u8]) -> usize {
        let room = self.bytes.saturating_sub(offset).min(bytes.len());
        #[cfg(not(target_os = "none"))]
        for (index, byte) in bytes[..room].iter_mut().enumerate() {
            let address = (self.address + offset + index) as u64;
            crate::hosted::read(address, core::slice::from_mut(byte));
        }
        // SAFETY: as for `copy_from`.
        #[cfg(target_os = "none")]
        unsafe {
            crate::arch::copy(self.address + offset, bytes.as_mut_ptr().expose_provenance(), room);
        }
        room
    }

    /// The `bytes` bytes from `offset` on, as far as there are so many.
    #[must_use]
    #[inline]
    pub fn part(&self, offset: usize, bytes: usize) -> Self {
        let offset = offset.min(self.bytes);
        Self { address: self.address + offset, bytes: bytes.min(self.bytes - offset) }
    }

    /// Writes zeros everywhere, word by word, and byte by byte what is left.
    #[inline]
    pub fn clear(&self) {
        let whole = self.bytes & !(size_of::<u64>() - 1);
        self.copy_from(whole, &[0; size_of::<u64>()][..self.bytes - whole]);
        #[cfg(not(target_os = "none"))]
        (0..whole).step_by(size_of::<u64>()).for_each(|offset| self.write(offset, 0));
        // SAFETY: whole words of the stretch, which `new` vouches for.
        #[cfg(target_os = "none")]
        unsafe {
            crate::arch::clear(self.address, self.bytes / size_of::<u64>());
        }
    }

    /// Copies what is in `other`, as far as there is room. The two do not overlap, or are the same.
    #[inline]
    pub fn copy_of(&self, other: &Self) {
        let room = self.bytes.min(other.bytes);
        #[cfg(not(target_os = "none"))]
        for offset in (0..room).step_by(size_of::<u64>()) {
            self.write(offset, other.read(offset));
        }
        // SAFETY: both stretches have so many bytes, which `new` vouches for.
        #[cfg(target_os = "none")]
        unsafe {
            crate::arch::copy(other.address, self.address, room);
        }
    }

    /// `bytes` bytes of the part of the workspace that holds [boot modules](aci::MODULES_ADDRESS), from
    /// `address` on. Where nothing is mapped, reading faults.
    pub fn module(address: u64, bytes: u64) -> &'static [u8] {
        let end = aci::MODULES_ADDRESS + aci::MODULES_BYTES;
        let fits = aci::MODULES_ADDRESS <= address && address <= end && bytes <= end - address;
        assert!(fits, "there are no boot modules");
        // SAFETY: by convention, what is mapped there stays, and nobody writes it.
        unsafe { Self::in_workspace(address, bytes).into_slice() }
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
    fn place<T: Unit>(&self, offset: usize) -> Option<usize> {
        let fits = offset.checked_add(size_of::<T>())? <= self.bytes;
        let address = self.address + offset;
        (fits && address.is_multiple_of(size_of::<T>())).then_some(address)
    }
}

/// A unit of access.
trait Unit: Copy {
    /// Reads one at an address that the stand-in of a host knows.
    #[cfg(not(target_os = "none"))]
    fn load_hosted(address: u64) -> Self;

    /// Writes one there.
    #[cfg(not(target_os = "none"))]
    fn store_hosted(self, address: u64);
}

macro_rules! unit {
    ($($unit:ident)*) => {
        $(impl Unit for $unit {
            #[cfg(not(target_os = "none"))]
            fn load_hosted(address: u64) -> Self {
                let mut bytes = [0; size_of::<Self>()];
                crate::hosted::read(address, &mut bytes);
                Self::from_le_bytes(bytes)
            }

            #[cfg(not(target_os = "none"))]
            fn store_hosted(self, address: u64) {
                crate::hosted::write(address, &self.to_le_bytes());
            }
        })*
    };
}

unit!(u16 u64);

/// Reads what is mapped at `address`.
///
/// # Safety
/// It is aligned, and lies in a [`Mapped`].
#[inline]
unsafe fn load<T: Unit>(address: usize) -> T {
    #[cfg(not(target_os = "none"))]
    return T::load_hosted(address as u64);
    // SAFETY: the caller's promise.
    #[cfg(target_os = "none")]
    return unsafe { (address as *const T).read_volatile() };
}

/// Writes to what is mapped at `address`.
///
/// # Safety
/// It is aligned, and lies in a [`Mapped`].
#[inline]
unsafe fn store<T: Unit>(address: usize, value: T) {
    #[cfg(not(target_os = "none"))]
    value.store_hosted(address as u64);
    // SAFETY: the caller's promise.
    #[cfg(target_os = "none")]
    unsafe {
        (address as *mut T).write_volatile(value);
    }
}
