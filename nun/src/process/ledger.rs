//! The node with the capabilities to all parts of one process.

use a9n_abi::init::INIT_NODE_RADIX;

use crate::capability::Capability;
use crate::resources::EXHAUSTED;
use crate::{Descriptor, Error, Generic, Node, ObjectType, Resources, Rights};

/// Radix of the node: 256 slots.
const RADIX: u32 = 8;

/// A node of init's root node, filled from slot to slot and never emptied but as a whole.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// From which everything in it is made.
    quota: Generic,
    /// Its slot in the root node.
    slot: u64,
    /// The first of its slots that is empty.
    next: u64,
}

impl Ledger {
    /// A new one, itself made from `quota`.
    pub(super) fn new(resources: &mut Resources, quota: Generic) -> Result<Self, Error> {
        let slot = resources.take_slot()?;
        quota.convert(ObjectType::Node, RADIX.into(), 1, resources.node(), slot)?;
        // Slot 0 is the node's own.
        Ok(Self { quota, slot, next: 1 })
    }

    /// The slot of the root node that it stands in.
    pub(super) const fn slot(&self) -> u64 {
        self.slot
    }

    /// Makes an object from the quota; `size_bits` as for [`Resources::make`].
    pub(super) fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        let (node, index, made) = self.take()?;
        self.quota.convert(T::TYPE, size_bits.into(), 1, node, index)?;
        Ok(T::named(made))
    }

    /// Mints a capability into it.
    pub(super) fn mint<T: Capability>(
        &mut self,
        source: T,
        rights: Rights,
        identifier: u64,
    ) -> Result<T, Error> {
        let (node, index, made) = self.take()?;
        node.mint(index, source, rights, identifier)?;
        Ok(T::named(made))
    }

    /// An empty slot: of which node, its index, and the descriptor that names it.
    pub(super) fn take(&mut self) -> Result<(Node, u64, Descriptor), Error> {
        let index = self.next;
        if index >> RADIX != 0 {
            return Err(EXHAUSTED);
        }
        self.next += 1;
        let path = (self.slot << RADIX) | index;
        let descriptor = Descriptor::path(path, (INIT_NODE_RADIX + RADIX) as u8);
        Ok((Node::slot(self.slot), index, descriptor))
    }
}
