//! Reading what a boot loader left in memory.

use core::{ptr, slice};

use a9n_loader_core::PhysicalRange;

use crate::Error;

/// Bytes from address 0 on that are mapped where virtual equals physical address.
pub const MAPPED_BYTES: u64 = 1 << 32;

/// The memory in `range`.
///
/// # Safety
/// The first [`MAPPED_BYTES`] must be mapped where virtual equals physical address, and `range`
/// must not change as long as the result is used.
pub unsafe fn physical<'a>(range: PhysicalRange) -> Result<&'a [u8], Error> {
    let mapped = PhysicalRange { start: 1, bytes: MAPPED_BYTES - 1 };
    if !mapped.contains(range) {
        return Err(Error::Unreachable(range));
    }
    let first = ptr::with_exposed_provenance::<u8>(range.start as usize);
    // SAFETY: the range is mapped, as just checked, and the caller vouches that it stays as is.
    Ok(unsafe { slice::from_raw_parts(first, range.bytes as usize) })
}

/// The little-endian 32-bit number at `offset`.
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// The little-endian 64-bit number at `offset`.
pub fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}
