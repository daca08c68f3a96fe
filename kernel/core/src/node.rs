//! Nodes: copying, moving and removing capabilities.

use a9n_abi::{Culprit, Descriptor, Error, Reason, Rights, node::Operation};
use a9n_hal::Hal;
use a9n_store::{Capability, Node, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop, bad_argument};

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_node(
        &mut self,
        caller: Caller,
        node: Ref<Node>,
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::Copy { index, source } => self.copy(caller, node, index, source)?,
            Operation::Move { index, source } => {
                let target = self.empty_slot(node, index, 1)?;
                let from = self.lookup_movable(caller.process, source, 2)?;
                self.refuse_unmovable(from, 2)?;
                self.move_capability(from, target);
            }
            Operation::Mint { index, source, rights, identifier } => {
                self.mint(caller, node, index, (source, rights, identifier))?;
            }
            Operation::Demote { index, rights } => {
                let slot = self.store.get(self.filled_slot(node, index)?);
                slot.set_rights(slot.rights() & rights);
            }
            Operation::Remove { index } => {
                let slot = self.filled_slot(node, index)?;
                self.remove(slot)?;
            }
            Operation::Revoke { index } => {
                let slot = self.filled_slot(node, index)?;
                self.revoke(slot)?;
            }
            Operation::Exchange { index, other } => {
                let slot = self.filled_slot(node, index)?;
                let other = self.lookup_movable(caller.process, other, 2)?;
                self.refuse_unmovable(slot, 1)?;
                self.refuse_unmovable(other, 2)?;
                if slot != other {
                    self.exchange_capabilities(slot, other);
                }
            }
            Operation::Look { index } => return Ok(self.look(node, index)?),
        }
        Ok(Outcome::Nothing)
    }

    fn copy(
        &mut self,
        caller: Caller,
        node: Ref<Node>,
        index: u64,
        source: Descriptor,
    ) -> Result<(), Error> {
        let target = self.empty_slot(node, index, 1)?;
        let (from, capability) = self.lookup_argument(caller.process, source, 2)?;
        let rights = self.store.get(from).rights();
        if !rights.contains(Rights::COPY) || !capability.is_copyable() {
            return Err(bad_argument(Reason::PermissionDenied, 2));
        }
        self.copy_capability(from, target, capability).map_err(|_| bad_argument(Reason::TooDeep, 2))
    }

    /// Puts a copy of `capability`, which is in `source`, into the empty slot `target`: derived
    /// from an original, beside any other.
    pub(crate) fn copy_capability(
        &self,
        source: Ref<Slot>,
        target: Ref<Slot>,
        capability: Capability,
    ) -> Result<(), Error> {
        let rights = self.store.get(source).rights();
        if self.store.get(source).is_original() {
            let depth = self.child_depth(source, Culprit::OTHER)?;
            self.derive_child(source, target, capability, rights, depth);
        } else {
            self.derive_sibling(source, target, capability, rights);
        }
        Ok(())
    }

    fn mint(
        &mut self,
        caller: Caller,
        node: Ref<Node>,
        index: u64,
        (source, rights, identifier): (Descriptor, Rights, u64),
    ) -> Result<(), Error> {
        let target = self.empty_slot(node, index, 1)?;
        let (from, capability) = self.lookup_argument(caller.process, source, 2)?;
        let held = self.store.get(from).rights();
        if !held.contains(Rights::COPY | Rights::MODIFY) || !capability.is_copyable() {
            return Err(bad_argument(Reason::PermissionDenied, 2));
        }
        let minted = with_identifier(capability, identifier)
            .ok_or(bad_argument(Reason::InvalidArgument, 4))?;
        let depth = self.child_depth(from, Culprit::argument(2))?;
        self.derive_child(from, target, minted, held & rights, depth);
        Ok(())
    }

    fn look(&self, node: Ref<Node>, index: u64) -> Result<Outcome, Error> {
        let slot = self.store.slot(node, index).ok_or(bad_argument(Reason::InvalidArgument, 1))?;
        let slot = self.store.get(slot);
        Ok(match slot.capability() {
            Some(capability) => Outcome::words([
                capability.object_type() as u64,
                u64::from(slot.rights().bits()),
                capability.identifier(),
            ]),
            None => Outcome::words([0; 3]),
        })
    }

    /// Slot `index` of `node`, argument 1 of a call, which must hold something.
    #[inline(never)]
    fn filled_slot(&self, node: Ref<Node>, index: u64) -> Result<Ref<Slot>, Error> {
        let slot = self.store.slot(node, index).ok_or(bad_argument(Reason::InvalidArgument, 1))?;
        if self.store.get(slot).is_empty() {
            return Err(bad_argument(Reason::InvalidDescriptor, 1));
        }
        Ok(slot)
    }

    /// Refuses to move a capability that a restartable operation has begun to take apart.
    fn refuse_unmovable(&self, slot: Ref<Slot>, number: u8) -> Result<(), Error> {
        if self.store.get(slot).progress() == 0 {
            Ok(())
        } else {
            Err(bad_argument(Reason::Busy, number))
        }
    }
}

/// `capability` with `identifier`, which it must not have had before; `None` if it cannot have it.
fn with_identifier(capability: Capability, identifier: u64) -> Option<Capability> {
    match capability {
        _ if identifier == 0 => Some(capability),
        Capability::IpcPort { port, identifier: 0 } => {
            Some(Capability::IpcPort { port, identifier })
        }
        Capability::Notification { notification, identifier: 0 } => {
            Some(Capability::Notification { notification, identifier })
        }
        _ => None,
    }
}
