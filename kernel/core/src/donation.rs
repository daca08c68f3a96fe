//! Scheduling contexts that are lent with calls, and what happens when they do not come back.
//!
//! A caller lends its scheduling context to the server: `caller` and `donor` in the server's PCB
//! say whose it uses. If that server calls on, the context goes on as well; the chain may be long.
//! When a link breaks (an answer by somebody else, a cancelled call, a dropped Reply), nobody walks
//! the chain: who waits gets a new context at its own priority, who used the lent one falls back to
//! its own, and lenders further up are only *marked*: what they lent is lost, so that their answer
//! brings them a context of their own instead. So no process keeps another one's urgency.
//!
//! Nor does a server wait behind who is less urgent than itself. While it runs for a caller that is less urgent, nobody
//! looks; where it would have to stop or wait for its turn, it [rises](Kernel::rise) to a context of its own.

use a9n_hal::Hal;
use a9n_store::{Phase, Process, Ref, SchedulingContext};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// The scheduling context of a process that runs on nobody else's.
    pub(crate) fn own_context(&self, process: Ref<Process>) -> SchedulingContext {
        let pcb = self.store.get(process);
        SchedulingContext { priority: pcb.priority.get(), remaining: pcb.turn.get() }
    }

    /// The running `process`, which no longer serves `lender`, goes back to its own scheduling
    /// context and returns the one that it used.
    pub(crate) fn return_context(&self, process: Ref<Process>, lender: Ref<Process>) {
        let used = self.exchange_context(process, self.own_context(process));
        let pcb = self.store.get(lender);
        if pcb.state.get().is_context_lost() {
            self.send_context_home(lender);
        } else {
            pcb.scheduling.set(used);
            pcb.partner.set(None);
        }
    }

    /// The running `process` returns the scheduling context of a caller whose Reply lies in a slot;
    /// that caller goes on waiting.
    pub(crate) fn return_donation(&self, process: Ref<Process>) {
        if let Some(donor) = self.store.get(process).donor.take() {
            self.return_context(process, donor);
        }
    }

    /// Whether `process` uses the scheduling context of a caller that will get it back.
    pub(crate) fn borrows_context(&self, process: Ref<Process>) -> bool {
        self.lender(process)
            .is_some_and(|lender| !self.store.get(lender).state.get().is_context_lost())
    }

    /// Whose call `process` is serving, be its scheduling context still in use or lost.
    fn lender(&self, process: Ref<Process>) -> Option<Ref<Process>> {
        let pcb = self.store.get(process);
        pcb.caller.get().or(pcb.donor.get())
    }

    /// If `process`, which is to enter a ready queue, has borrowed its scheduling context from a caller that is less
    /// urgent than itself, it changes to one of its own, and the borrowed one is lost.
    pub(crate) fn rise(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        if pcb.scheduling.get().priority < pcb.priority.get() {
            pcb.scheduling.set(self.own_context(process));
            self.lose_borrowed(process);
        }
    }

    /// What `process` borrowed, if anything, is lost to its lender.
    fn lose_borrowed(&self, process: Ref<Process>) {
        if let Some(lender) = self.lender(process) {
            self.lose_context(lender);
        }
    }

    /// `process` gets a scheduling context of its own, whatever became of the one it lent. If that
    /// was borrowed itself, it is lost to its lender.
    pub(crate) fn send_context_home(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        pcb.partner.set(None);
        pcb.scheduling.set(self.own_context(process));
        pcb.state.set(pcb.state.get().with_context_lost(false));
        self.lose_borrowed(process);
    }

    /// `lender` ends its call, or has its answer from somebody else than `borrower`, who served it
    /// and is not its server any more: both go on with scheduling contexts of their own.
    pub(crate) fn part_contexts(&self, lender: Ref<Process>, borrower: Ref<Process>) {
        self.renew_context(borrower);
        self.send_context_home(lender);
    }

    /// `process`, which borrows from nobody, changes to a new scheduling context of its own: at
    /// once, or if it has lent the old one, with the answer to its call.
    pub(crate) fn renew_context(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let own = self.own_context(process);
        match pcb.state.get().phase() {
            // A new quantum would let it keep the CPU from others for ever.
            Phase::Running => self.change_priority(process, own.priority),
            Phase::Ready => {
                self.unready(process);
                pcb.scheduling.set(own);
                self.make_ready(process);
            }
            Phase::AwaitingReply | Phase::AwaitingStoredReply if pcb.partner.get().is_some() => {
                self.lose_context(process);
            }
            _ => pcb.scheduling.set(own),
        }
    }

    /// What `lender` lent will not come back.
    fn lose_context(&self, lender: Ref<Process>) {
        let state = &self.store.get(lender).state;
        state.set(state.get().with_context_lost(true));
    }
}
