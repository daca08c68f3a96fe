//! Stopping a process, whatever it is doing, and ending its wait or its call from outside.
//!
//! A process that stops leaves every queue and parts from its partner in a call, whose scheduling context
//! it may be using (see `donation`). Suspending, cancelling and destroying all come here.

use a9n_abi::{Culprit, Error, MESSAGE_REGISTERS, MessageInfo, Reason};
use a9n_hal::{Context, Hal};
use a9n_store::{Phase, Process, Ref};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// Stops `process`, and parts it from those whose calls it serves.
    pub(crate) fn stop_for_good(&self, process: Ref<Process>) {
        self.halt(process);
        let pcb = self.store.get(process);
        if let Some(caller) = pcb.caller.take() {
            self.abandon(caller);
        }
        if let Some(donor) = pcb.donor.take() {
            self.send_context_home(donor);
        }
        pcb.scheduling.set(self.own_context(process));
    }

    /// The call of `caller` was accepted and will never be answered. After a trap it stays
    /// stopped.
    pub(crate) fn abandon(&self, caller: Ref<Process>) {
        let pcb = self.store.get(caller);
        pcb.reply_slot.set(None);
        match pcb.partner.get() {
            Some(partner) if self.store.get(partner).donor.get() == Some(caller) => {
                self.store.get(partner).donor.set(None);
                self.part_contexts(caller, partner);
            }
            _ => self.send_context_home(caller),
        }
        if pcb.state.get().is_trapped() {
            pcb.state.set(pcb.state.get().with_phase(Phase::Stopped));
        } else {
            self.answer_failure(caller, Reason::PartnerDied);
            self.make_ready(caller);
        }
    }

    /// Ends the wait of `process`, which is queued somewhere, with an error.
    pub(crate) fn fail_blocked(&self, process: Ref<Process>, reason: Reason) {
        let trapped = self.store.get(process).state.get().is_trapped();
        self.halt(process);
        if !trapped {
            self.answer_failure(process, reason);
            self.make_ready(process);
        }
    }

    #[inline(never)]
    fn answer_failure(&self, process: Ref<Process>, reason: Reason) {
        let info = MessageInfo::failure(Error::new(reason, Culprit::OTHER));
        self.context(process).answer(0, info.0, &[0; MESSAGE_REGISTERS]);
    }

    /// Stops `process`, whatever it is doing, and takes it out of every queue. An operation in
    /// which it was blocked ends with *cancelled* when it is resumed.
    #[inline(never)]
    pub(crate) fn halt(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        match state.phase() {
            Phase::Stopped => return,
            Phase::Ready => self.unready(process),
            Phase::Running => self.stop_running(process),
            Phase::Sending | Phase::Calling => {
                if let Some(port) = pcb.blocked_port.get() {
                    self.store.get(port).senders.remove(&self.store, process);
                }
            }
            Phase::Receiving => {
                if let Some(port) = pcb.blocked_port.get() {
                    self.store.get(port).receivers.remove(&self.store, process);
                }
                // What is stored may be what it served its last caller with.
                pcb.scheduling.set(self.own_context(process));
            }
            Phase::Waiting => {
                if let Some(notification) = pcb.blocked_notification.get() {
                    self.store.get(notification).waiters.remove(&self.store, process);
                }
            }
            Phase::AwaitingReply => {
                if let Some(partner) = pcb.partner.get() {
                    self.store.get(partner).caller.set(None);
                    self.part_contexts(process, partner);
                }
            }
            Phase::AwaitingStoredReply => {
                if let Some(slot) = pcb.reply_slot.take() {
                    self.unlink_derivation(slot);
                    self.store.get(slot).clear();
                }
                if let Some(partner) = pcb.partner.get() {
                    self.store.get(partner).donor.set(None);
                    self.part_contexts(process, partner);
                }
            }
        }
        let blocked = !matches!(state.phase(), Phase::Ready | Phase::Running);
        if blocked && !state.is_trapped() {
            self.answer_failure(process, Reason::Cancelled);
        }
        // It may be made to do something else than to repeat its call.
        pcb.batch.set((0, 0));
        let state = pcb.state.get().with_stored_reply(false).with_own_time(false);
        pcb.state.set(state.with_phase(Phase::Stopped));
    }
}
