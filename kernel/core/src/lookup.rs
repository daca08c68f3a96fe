//! From descriptors to slots.

use a9n_abi::{Culprit, DESCRIPTOR_LEVELS as LEVELS, Descriptor, Error, Reason, Rights};
use a9n_hal::Hal;
use a9n_store::{Capability, Internal, Node, Process, Ref, Slot};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// The slot that `descriptor` names for `process`. One level, which is the usual, is short.
    #[inline(never)]
    pub(crate) fn lookup(
        &self,
        process: Ref<Process>,
        descriptor: Descriptor,
        culprit: Culprit,
    ) -> Result<Ref<Slot>, Error> {
        if descriptor.depth() == 0 {
            let node = self.store.get(process).node.get();
            let slot = node.and_then(|node| self.store.slot(node, descriptor.index()));
            return slot.ok_or(Error::new(Reason::InvalidDescriptor, culprit));
        }
        self.locate(process, descriptor, culprit).map(|(slot, _)| slot)
    }

    /// The slot that `descriptor` names for `process`, and the one with the node that it is in. At
    /// most [`LEVELS`] steps.
    #[inline(never)]
    fn locate(
        &self,
        process: Ref<Process>,
        descriptor: Descriptor,
        culprit: Culprit,
    ) -> Result<(Ref<Slot>, Ref<Slot>), Error> {
        let invalid = Error::new(Reason::InvalidDescriptor, culprit);
        let mut node = self.store.get(process).node.get().ok_or(invalid)?;
        let mut holder = self.store.internal_slot(process, Internal::Node);
        let mut bits = u32::from(descriptor.depth());
        if bits == 0 {
            return self.store.slot(node, descriptor.index()).map(|at| (at, holder)).ok_or(invalid);
        }
        for _ in 0..LEVELS {
            let radix = self.store.get(node).radix();
            bits = bits.checked_sub(radix).ok_or(Error::new(Reason::InvalidDepth, culprit))?;
            let index = descriptor.index().checked_shr(bits).unwrap_or(0);
            let index = index & ((1 << (radix & 63)) - 1);
            let slot = self.store.slot(node, index).ok_or(invalid)?;
            if bits == 0 {
                return Ok((slot, holder));
            }
            let cells = self.store.get(slot);
            let Some(inner) = cells.node(Rights::READ) else {
                let is_node = cells.node(Rights::empty()).is_some();
                let denied = Error::new(Reason::PermissionDenied, culprit);
                return Err(if is_node { denied } else { invalid });
            };
            (node, holder) = (inner, slot);
        }
        Err(Error::new(Reason::InvalidDepth, culprit))
    }

    /// The filled slot that `descriptor`, argument `number` of a call, names, in a node that may be
    /// changed.
    pub(crate) fn lookup_movable(
        &self,
        process: Ref<Process>,
        descriptor: Descriptor,
        number: u8,
    ) -> Result<Ref<Slot>, Error> {
        let culprit = Culprit::argument(number);
        let (slot, holder) = self.locate(process, descriptor, culprit)?;
        if self.store.get(slot).is_empty() {
            return Err(Error::new(Reason::InvalidDescriptor, culprit));
        }
        if !self.store.get(holder).rights().contains(Rights::WRITE) {
            return Err(Error::new(Reason::PermissionDenied, culprit));
        }
        Ok(slot)
    }

    /// The empty slot that `descriptor` names, in a node that may be changed.
    pub(crate) fn lookup_fillable(
        &self,
        process: Ref<Process>,
        descriptor: Descriptor,
        culprit: Culprit,
    ) -> Result<Ref<Slot>, Error> {
        let (slot, holder) = self.locate(process, descriptor, culprit)?;
        if !self.store.get(slot).is_empty() {
            return Err(Error::new(Reason::Occupied, culprit));
        }
        if !self.store.get(holder).rights().contains(Rights::WRITE) {
            return Err(Error::new(Reason::PermissionDenied, culprit));
        }
        Ok(slot)
    }

    /// The capability that `descriptor`, argument `number` of a call, names, with its slot.
    #[inline(never)]
    pub(crate) fn lookup_argument(
        &self,
        process: Ref<Process>,
        descriptor: Descriptor,
        number: u8,
    ) -> Result<(Ref<Slot>, Capability), Error> {
        let culprit = Culprit::argument(number);
        let slot = self.lookup(process, descriptor, culprit)?;
        let capability = self.store.get(slot).capability();
        Ok((slot, capability.ok_or(Error::new(Reason::InvalidDescriptor, culprit))?))
    }

    /// The node that `descriptor`, argument `number` of a call, names.
    #[inline(never)]
    pub(crate) fn lookup_node(
        &self,
        process: Ref<Process>,
        descriptor: Descriptor,
        number: u8,
    ) -> Result<Ref<Node>, Error> {
        let culprit = Culprit::argument(number);
        let slot = self.store.get(self.lookup(process, descriptor, culprit)?);
        let node =
            slot.node(Rights::empty()).ok_or(Error::new(Reason::InvalidDescriptor, culprit))?;
        if !slot.rights().contains(Rights::WRITE) {
            return Err(Error::new(Reason::PermissionDenied, culprit));
        }
        Ok(node)
    }

    /// Slot `index` of `node`, which must be empty; `index` is argument `number` of a call.
    #[inline(never)]
    pub(crate) fn empty_slot(
        &self,
        node: Ref<Node>,
        index: u64,
        number: u8,
    ) -> Result<Ref<Slot>, Error> {
        let culprit = Culprit::argument(number);
        let slot =
            self.store.slot(node, index).ok_or(Error::new(Reason::InvalidArgument, culprit))?;
        if self.store.get(slot).is_empty() {
            Ok(slot)
        } else {
            Err(Error::new(Reason::Occupied, culprit))
        }
    }
}
