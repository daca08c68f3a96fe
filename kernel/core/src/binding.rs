//! Bindings: Notification Ports that the kernel itself signals, for timers and interrupts.
//!
//! Each is a capability derived from the user's, in a node of the kernel's own. So a binding ends
//! when the user revokes it, like everything else.

use a9n_abi::{Culprit, Descriptor, Error, Reason, Rights};
use a9n_hal::{CpuNumber, Hal, Interrupt};
use a9n_store::{Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Budget, Stop, bad_argument};

/// What signals.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binding {
    /// The timer of a CPU.
    Timer(CpuNumber),
    /// An interrupt.
    Interrupt(Interrupt),
}

impl Binding {
    /// Radix of the node that holds all bindings.
    pub(crate) const RADIX: u32 = 10;

    /// A slot of no binding, always empty between kernel calls.
    const SPARE: u64 = 31;

    /// Slots before those of interrupts.
    const FIRST_INTERRUPT: u64 = 32;

    const fn index(self) -> u64 {
        match self {
            Self::Timer(cpu) => 1 + cpu as u64,
            Self::Interrupt(interrupt) => Self::FIRST_INTERRUPT + interrupt.number(),
        }
    }
}

const _: () = assert!(Binding::FIRST_INTERRUPT + Interrupt::COUNT <= 1 << Binding::RADIX);

impl<H: Hal> Kernel<H> {
    /// An empty slot for the time of one kernel call.
    pub(crate) fn spare_slot(&self) -> Option<Ref<Slot>> {
        self.store.slot(self.bindings.get()?, Binding::SPARE)
    }

    #[inline(always)]
    fn binding_slot(&self, binding: Binding) -> Option<Ref<Slot>> {
        self.store.slot(self.bindings.get()?, binding.index())
    }

    /// The Notification Port that `descriptor`, argument `number` of a call, names for signalling.
    pub(crate) fn lookup_signal(
        &self,
        caller: Caller,
        descriptor: Descriptor,
        number: u8,
    ) -> Result<Ref<Slot>, Error> {
        let slot = self.lookup(caller.process, descriptor, Culprit::argument(number))?;
        let cells = self.store.get(slot);
        if cells.notification(Rights::empty()).is_none() {
            return Err(bad_argument(Reason::InvalidDescriptor, number));
        }
        if !cells.rights().contains(Rights::WRITE) {
            return Err(bad_argument(Reason::PermissionDenied, number));
        }
        self.child_depth(slot, Culprit::argument(number))?;
        Ok(slot)
    }

    /// From now on `binding` signals the Notification Port in `source`, and no other.
    pub(crate) fn bind(&mut self, binding: Binding, source: Ref<Slot>) -> Result<(), Stop> {
        let depth = self.child_depth(source, Culprit::OTHER)?;
        if self.is_bound(binding, source) {
            return Ok(());
        }
        self.unbind(binding)?;
        if let Some(target) = self.binding_slot(binding)
            && let Some(capability) = self.store.get(source).capability()
        {
            self.derive_child(source, target, capability, Rights::WRITE, depth);
        }
        Ok(())
    }

    /// Whether `binding` signals what was derived from `source` for it.
    #[inline(always)]
    pub(crate) fn is_bound(&self, binding: Binding, source: Ref<Slot>) -> bool {
        self.binding_slot(binding).is_some_and(|slot| {
            let cells = self.store.get(slot);
            // A child right behind its source. What is empty follows nothing.
            cells.previous.get() == Some(source) && cells.depth() > self.store.get(source).depth()
        })
    }

    /// From now on `binding` signals nobody.
    pub(crate) fn unbind(&mut self, binding: Binding) -> Result<(), Stop> {
        match self.binding_slot(binding) {
            Some(slot) if !self.store.get(slot).is_empty() => {
                self.empty_leaf(slot, &mut Budget::new())
            }
            _ => Ok(()),
        }
    }

    /// Signals what `binding` is bound to, if anything.
    pub(crate) fn signal_binding(&self, binding: Binding) {
        let Some(slot) = self.binding_slot(binding) else { return };
        if let Some((notification, identifier)) = self.store.get(slot).notification(Rights::empty())
        {
            self.notify(notification, identifier);
        }
    }
}
