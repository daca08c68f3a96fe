//! Address spaces: a header page and the root of the page tables behind it.

use core::cell::Cell;

use a9n_hal::CpuSet;

use crate::{Dying, Ref, Slot};

/// A user address space. The page after this header is the root table.
#[repr(C, align(4096))]
#[derive(Debug, Default)]
pub struct AddressSpace {
    /// First of the slots anchored here: Windows and installed Page Tables. They lose their hold
    /// when the address space dies.
    pub anchored: Cell<Option<Ref<Slot>>>,
    /// First of the slots with Page Tables that batched mapping may use.
    pub pool: Cell<Option<Ref<Slot>>>,
    /// CPUs on which it may ever have been loaded: those of its processes, now or before.
    pub cpus: Cell<CpuSet>,
    /// Next object to be destroyed, while this one is.
    pub dying_next: Cell<Option<Dying>>,
}
