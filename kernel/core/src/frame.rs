//! Frames: memory to be mapped, by way of Windows.

use a9n_abi::{Culprit, Reason, Rights, frame::Operation};
use a9n_hal::{Hal, PageSize, PhysicalAddress, UserAddress};
use a9n_store::{Capability, MemoryKind, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop, bad_argument};

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_frame(
        &mut self,
        caller: Caller,
        slot: Ref<Slot>,
        (base, size_bits, kind): (PhysicalAddress, u8, MemoryKind),
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::Attach { space, address, bits, node, index } => {
                let (space_slot, capability) = self.lookup_argument(caller.process, space, 1)?;
                let space = match capability {
                    Capability::AddressSpace(space) | Capability::VirtualAddressSpace(space) => {
                        space
                    }
                    _ => return Err(bad_argument(Reason::InvalidDescriptor, 1).into()),
                };
                if !self.store.get(space_slot).rights().contains(Rights::WRITE) {
                    return Err(bad_argument(Reason::PermissionDenied, 1).into());
                }
                let address = UserAddress(address);
                let range_bits = u8::try_from(bits)
                    .ok()
                    .filter(|bits| {
                        (PageSize::Small.bits()..=user_bits::<H>()).contains(&u32::from(*bits))
                    })
                    .ok_or(bad_argument(Reason::InvalidArgument, 3))?;
                let misaligned = address.0 & (1u64 << (range_bits & 63)).wrapping_sub(1) != 0;
                if misaligned || address >= H::USER_END {
                    return Err(bad_argument(Reason::InvalidArgument, 2).into());
                }
                let node = self.lookup_node(caller.process, node, 4)?;
                let target = self.empty_slot(node, index, 5)?;
                let depth = self.child_depth(slot, Culprit::DESCRIPTOR)?;
                let window = Capability::Window {
                    base,
                    size_bits,
                    kind,
                    address,
                    range_bits,
                    space: Some(space),
                };
                let rights = self.store.get(slot).rights();
                self.derive_child(slot, target, window, rights, depth);
                self.anchor(&self.store.get(space).anchored, target);
                Ok(Outcome::Nothing)
            }
            Operation::Information => {
                Ok(Outcome::words([u64::from(size_bits), u64::from(kind == MemoryKind::Device)]))
            }
            Operation::Address => Ok(Outcome::Word(base.0)),
        }
    }
}

/// Logarithm of the size of the user half.
fn user_bits<H: Hal>() -> u32 {
    u64::BITS - (H::USER_END.0 - 1).leading_zeros()
}
