//! Nodes, and the list of objects that are being destroyed.

use core::cell::Cell;

use crate::{AddressSpace, Notification, Port, Process, Ref};

/// Header of a node; it takes the place of slot 0. The other slots follow it.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Node {
    /// Logarithm of the number of slots, this header included.
    /// A whole word: the fast paths may look at it as the first word of a slot, without rights.
    pub(crate) radix: Cell<u64>,
    /// While it is being destroyed: slots below this index are empty.
    pub emptied: Cell<u64>,
    /// Next object to be destroyed, while this one is.
    pub dying_next: Cell<Option<Dying>>,
}

impl Node {
    /// Largest radix: 2^24 slots, 1 GiB.
    pub const MAXIMUM_RADIX: u32 = 24;

    /// Logarithm of the number of slots, slot 0 included.
    pub fn radix(&self) -> u32 {
        self.radix.get() as u32
    }
}

/// An object whose original capability is gone, but which still has parts that must be let go
/// one by one. Numbered from 1, so that none at all is zero: a kernel that has just been made
/// consists of zeros and takes no room in the image's file.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dying {
    /// Its slots.
    Node(Ref<Node>) = 1,
    /// Processes queued at it.
    Port(Ref<Port>) = 2,
    /// Processes waiting at it.
    Notification(Ref<Notification>) = 3,
    /// Windows and Page Tables anchored in it.
    AddressSpace(Ref<AddressSpace>) = 4,
    /// What it was configured with. It is stopped for good.
    Process(Ref<Process>) = 5,
}
