//! The list of a function's capabilities, walked with limited patience: a device may say what it likes,
//! and a list that leads back into itself would never end.

use core::cell::Cell;

use pci_types::capability::PciCapability;
use pci_types::{ConfigRegionAccess, PciAddress};

use super::Function;

/// Words of configuration space that a walk reads at most: all that can lie in it, and each a few times.
const READS: u32 = 512;

/// Configuration space of which so many words can still be read. Then it reads as zeros, which end a
/// list.
struct Patience<'a, A> {
    access: &'a A,
    left: Cell<u32>,
}

impl<A: ConfigRegionAccess> ConfigRegionAccess for Patience<'_, A> {
    // SAFETY: the caller promises what `access` demands.
    unsafe fn read(&self, address: PciAddress, offset: u16) -> u32 {
        match self.left.get().checked_sub(1) {
            None => 0,
            Some(left) => {
                self.left.set(left);
                // SAFETY: the caller's promise.
                unsafe { self.access.read(address, offset) }
            }
        }
    }

    // SAFETY: as for `read`.
    unsafe fn write(&self, address: PciAddress, offset: u16, value: u32) {
        // SAFETY: the caller's promise.
        unsafe { self.access.write(address, offset, value) }
    }
}

impl Function {
    /// What it says that it can do; nothing if it is a bridge.
    pub fn capabilities(
        &self,
        access: &impl ConfigRegionAccess,
    ) -> impl Iterator<Item = PciCapability> {
        self.endpoint(access)
            .into_iter()
            .flat_map(move |it| it.capabilities(Patience { access, left: Cell::new(READS) }))
    }
}
