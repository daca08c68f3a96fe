//! Stretches of physical memory.

use a9n_abi::boot::PAGE_BYTES;

/// A stretch of physical memory; empty if `bytes` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhysicalRange {
    /// Physical address of the first byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl PhysicalRange {
    /// Physical address past the last byte; the largest address if that does not fit.
    pub const fn end(self) -> u64 {
        self.start.saturating_add(self.bytes)
    }

    /// Whether all of `other` lies in this range.
    pub const fn contains(self, other: Self) -> bool {
        match (self.start.checked_add(self.bytes), other.start.checked_add(other.bytes)) {
            (Some(end), Some(other_end)) => self.start <= other.start && other_end <= end,
            _ => false,
        }
    }
}

/// Pages that hold `bytes` bytes.
pub const fn pages_for(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_BYTES)
}
