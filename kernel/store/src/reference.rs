//! Typed addresses of objects.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

use a9n_hal::KernelAddress;

/// Where an object of type `T` lives. Only the store makes and follows one.
pub struct Ref<T> {
    address: KernelAddress,
    marker: PhantomData<fn() -> T>,
}

impl<T> Ref<T> {
    pub(crate) const fn new(address: KernelAddress) -> Self {
        Self { address, marker: PhantomData }
    }

    /// What the machine was handed as `address`, turned back.
    ///
    /// # Safety
    /// It is the [`address`](Self::address) of a `Ref` to an object that lives.
    #[inline(always)]
    pub const unsafe fn from_address(address: KernelAddress) -> Self {
        Self::new(address)
    }

    /// Its address, to be shown or handed to the machine.
    #[inline(always)]
    pub const fn address(self) -> KernelAddress {
        self.address
    }
}

impl<T> Clone for Ref<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ref<T> {}

impl<T> PartialEq for Ref<T> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl<T> Eq for Ref<T> {}

impl<T> Hash for Ref<T> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.address.hash(state);
    }
}

impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.address.0)
    }
}
