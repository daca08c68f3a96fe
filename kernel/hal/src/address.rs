//! Addresses of three kinds that must not be confused.

use core::num::NonZeroU64;

/// An address on the memory bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysicalAddress(pub u64);

/// An address at which the kernel reaches physical memory (its window to all of it).
/// Never null. On a simulated machine, the simulated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelAddress(pub NonZeroU64);

/// An address in the user half of some address space. May be any number: whoever uses it
/// checks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserAddress(pub u64);

impl PhysicalAddress {
    /// This address plus `bytes`, wrapping.
    #[must_use]
    pub const fn offset(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

impl UserAddress {
    /// This address plus `bytes`, wrapping.
    #[must_use]
    pub const fn offset(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}
