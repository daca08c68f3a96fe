//! The node with the capabilities to all parts of one process.

use a9n_abi::init::INIT_NODE_RADIX;

use crate::capability::Capability;
use crate::memory::Maker;
use crate::slots::{SlotAllocator, Slots};
use crate::{Error, Generic, ObjectType, Resources, Rights};

/// Radix of the node: 256 slots.
const RADIX: u32 = 8;
const WORDS: usize = (1 << RADIX) / u64::BITS as usize;

/// A maker that takes everything from one quota, whose memory comes back as a whole, when the quota
/// is revoked.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// From which everything in it is made.
    quota: Generic,
    /// Its slot in the root node.
    slot: u64,
    slots: SlotAllocator<WORDS>,
}

impl Ledger {
    /// A new one, itself made from `quota`.
    pub(super) fn new(resources: &mut Resources, quota: Generic) -> Result<Self, Error> {
        let slot = resources.take_slot()?;
        let made = quota.convert(ObjectType::Node, RADIX.into(), 1, resources.node(), slot);
        if made.is_err() {
            resources.slots().put(slot);
        }
        let slots = SlotAllocator::nested(slot, INIT_NODE_RADIX, RADIX);
        made.map(|_| Self { quota, slot, slots })
    }

    /// The slot of the root node that it stands in.
    pub(super) const fn slot(&self) -> u64 {
        self.slot
    }

    /// Mints a capability into it.
    pub(super) fn mint<T: Capability>(
        &mut self,
        source: T,
        rights: Rights,
        identifier: u64,
    ) -> Result<T, Error> {
        let index = self.slots.take_slot()?;
        let minted = self.slots.node().mint(index, source, rights, identifier);
        if minted.is_err() {
            self.slots.put(index);
        }
        minted.map(|()| T::named(self.slots.descriptor(index)))
    }
}

impl Maker for Ledger {
    type Slots = SlotAllocator<WORDS>;

    fn slots(&mut self) -> &mut Self::Slots {
        &mut self.slots
    }

    fn make<T: Capability>(&mut self, size_bits: u8) -> Result<T, Error> {
        let index = self.slots.take_slot()?;
        let made = self.quota.convert(T::TYPE, size_bits.into(), 1, self.slots.node(), index);
        if made.is_err() {
            self.slots.put(index);
        }
        made.map(|_| T::named(self.slots.descriptor(index)))
    }

    fn discard<T: Capability>(&mut self, object: T) -> Result<(), Error> {
        let Some(index) = self.slots.index(object.into()) else { return Ok(()) };
        self.slots.node().remove(index)?;
        self.slots.put(index);
        Ok(())
    }
}
