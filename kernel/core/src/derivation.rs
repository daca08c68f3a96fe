//! The tree of derivations: who was made from whom.
//!
//! It is one doubly linked list in preorder; a slot's descendants follow it with greater depth.
//! A child goes right behind its source, a sibling right before it (behind it would adopt the
//! source's children).

use a9n_abi::{Culprit, Error, Reason, Rights};
use a9n_hal::Hal;
use a9n_store::{Capability, Ref, Slot, TableUse};

use crate::Kernel;

/// How deep derivations may be. Whoever revokes walks down to the deepest one without a look for
/// interrupts.
const MAXIMUM_DEPTH: u8 = 128;

impl<H: Hal> Kernel<H> {
    /// Depth of a new child of `source`, or an error if the tree would become too deep.
    pub(crate) fn child_depth(&self, source: Ref<Slot>, culprit: Culprit) -> Result<u8, Error> {
        match self.store.get(source).depth() {
            depth if depth < MAXIMUM_DEPTH => Ok(depth.wrapping_add(1)),
            _ => Err(Error::new(Reason::TooDeep, culprit)),
        }
    }

    /// Fills the empty slot `target` with `capability`, derived from `source`.
    #[inline(never)]
    pub(crate) fn derive_child(
        &self,
        source: Ref<Slot>,
        target: Ref<Slot>,
        capability: Capability,
        rights: Rights,
        depth: u8,
    ) {
        self.store.get(target).fill(capability, rights, depth);
        self.link_between(Some(source), target, self.store.get(source).next.get());
    }

    /// Fills the empty slot `target` with `capability`, derived from what `source` is derived
    /// from.
    pub(crate) fn derive_sibling(
        &self,
        source: Ref<Slot>,
        target: Ref<Slot>,
        capability: Capability,
        rights: Rights,
    ) {
        self.store.get(target).fill(capability, rights, self.store.get(source).depth());
        self.link_between(self.store.get(source).previous.get(), target, Some(source));
    }

    fn link_between(&self, before: Option<Ref<Slot>>, slot: Ref<Slot>, after: Option<Ref<Slot>>) {
        self.store.get(slot).previous.set(before);
        self.store.get(slot).next.set(after);
        if let Some(before) = before {
            self.store.get(before).next.set(Some(slot));
        }
        if let Some(after) = after {
            self.store.get(after).previous.set(Some(slot));
        }
    }

    /// Takes `slot`, which has no descendants, out of the tree.
    pub(crate) fn unlink_derivation(&self, slot: Ref<Slot>) {
        let (before, after) =
            (self.store.get(slot).previous.get(), self.store.get(slot).next.get());
        if let Some(before) = before {
            self.store.get(before).next.set(after);
        }
        if let Some(after) = after {
            self.store.get(after).previous.set(before);
        }
    }

    /// The first slot derived from `slot`.
    pub(crate) fn first_child(&self, slot: Ref<Slot>) -> Option<Ref<Slot>> {
        let next = self.store.get(slot).next.get()?;
        (self.store.get(next).depth() > self.store.get(slot).depth()).then_some(next)
    }

    /// Exchanges what two slots hold, places in the tree included.
    pub(crate) fn exchange_capabilities(&self, one: Ref<Slot>, other: Ref<Slot>) {
        // Three moves, by way of a slot that holds nothing between kernel calls.
        if let Some(spare) = self.spare_slot() {
            self.move_capability(one, spare);
            self.move_capability(other, one);
            self.move_capability(spare, other);
        }
    }

    /// Moves what `from` holds to the empty slot `to`, place in the tree included.
    pub(crate) fn move_capability(&self, from: Ref<Slot>, to: Ref<Slot>) {
        let (source, target) = (self.store.get(from), self.store.get(to));
        target.take_over(source);
        if let Some(before) = target.previous.get() {
            self.store.get(before).next.set(Some(to));
        }
        if let Some(after) = target.next.get() {
            self.store.get(after).previous.set(Some(to));
        }
        match target.capability() {
            Some(Capability::Reply { caller }) => {
                self.store.get(caller).reply_slot.set(Some(to));
            }
            Some(Capability::Window { space: Some(space), .. }) => {
                self.move_anchor(&self.store.get(space).anchored, from, to);
            }
            Some(Capability::PageTable { usage: TableUse::Installed(place), .. }) => {
                self.move_anchor(&self.store.get(place.space).anchored, from, to);
            }
            Some(Capability::PageTable { usage: TableUse::Pooled(space), .. }) => {
                self.move_anchor(&self.store.get(space).pool, from, to);
            }
            _ => {}
        }
        source.clear();
    }
}
