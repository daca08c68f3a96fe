//! Interrupts for user-level drivers.

use a9n_abi::{Culprit, Descriptor, Error, Reason, Rights, interrupt_port, interrupt_region};
use a9n_hal::{Hal, Interrupt};
use a9n_store::{Capability, Ref, Slot};

use crate::Kernel;
use crate::binding::Binding;
use crate::kernel::{CLAIM_WORDS, Caller};
use crate::outcome::{Outcome, Stop, bad_argument};

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_interrupt_region(
        &mut self,
        caller: Caller,
        slot: Ref<Slot>,
        operation: interrupt_region::Operation,
    ) -> Result<Outcome, Stop> {
        let interrupt_region::Operation::MakePort { line, kind, node, index } = operation;
        Ok(self.make_interrupt_port(caller, slot, (line, kind), (node, index))?)
    }

    /// Derives the only port of an interrupt; answers what raises it, if it is a message.
    fn make_interrupt_port(
        &self,
        caller: Caller,
        slot: Ref<Slot>,
        (line, kind): (u64, u64),
        (node, index): (Descriptor, u64),
    ) -> Result<Outcome, Error> {
        let line = u8::try_from(line).map_err(|_| bad_argument(Reason::InvalidArgument, 1))?;
        let interrupt = match kind {
            0 => Interrupt::Line(line),
            1 => Interrupt::Message(line),
            _ => return Err(bad_argument(Reason::InvalidArgument, 2)),
        };
        if !self.hal().has_interrupt(interrupt) {
            return Err(bad_argument(Reason::InvalidArgument, 1));
        }
        let (word, bit) = self.claim_of(interrupt);
        if word.get() & bit != 0 {
            return Err(bad_argument(Reason::Busy, 1));
        }
        let node = self.lookup_node(caller.process, node, 3)?;
        let target = self.empty_slot(node, index, 4)?;
        let depth = self.child_depth(slot, Culprit::DESCRIPTOR)?;

        word.set(word.get() | bit);
        let port = Capability::InterruptPort { interrupt };
        self.derive_child(slot, target, port, Rights::all(), depth);
        self.store.get(target).mark_original();
        Ok(match self.hal().message(interrupt) {
            Some(message) => Outcome::words([message.address, message.data]),
            None => Outcome::words([0, 0]),
        })
    }

    pub(crate) fn invoke_interrupt_port(
        &mut self,
        caller: Caller,
        interrupt: Interrupt,
        operation: interrupt_port::Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            interrupt_port::Operation::Bind { notification } => {
                let signal = self.lookup_signal(caller, notification, 1)?;
                self.bind(Binding::Interrupt(interrupt), signal)?;
            }
            interrupt_port::Operation::Unbind => {
                self.hal().mask(interrupt);
                self.unbind(Binding::Interrupt(interrupt))?;
            }
            interrupt_port::Operation::Acknowledge => self.hal().unmask(interrupt),
            interrupt_port::Operation::Information => {
                let (Interrupt::Line(line) | Interrupt::Message(line)) = interrupt;
                return Ok(Outcome::Word(u64::from(line)));
            }
        }
        Ok(Outcome::Nothing)
    }

    /// The port of `interrupt` is gone: it is masked, and another port may be made.
    pub(crate) fn release_interrupt(&mut self, interrupt: Interrupt) -> Result<(), Stop> {
        self.hal().mask(interrupt);
        let (word, bit) = self.claim_of(interrupt);
        word.set(word.get() & !bit);
        self.unbind(Binding::Interrupt(interrupt))
    }

    fn claim_of(&self, interrupt: Interrupt) -> (&core::cell::Cell<u64>, u64) {
        let number = interrupt.number();
        let word = (number / u64::from(u64::BITS)) as usize;
        // The number of words is a power of two, so the mask is the bound.
        (&self.claimed[word & (CLAIM_WORDS - 1)], 1 << (number & 63))
    }
}
