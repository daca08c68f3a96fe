//! Replies: answering a call, once.

use a9n_abi::{Culprit, Descriptor, Error, Reason};
use a9n_hal::{CallFrame, Hal};
use a9n_store::{Phase, Process, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop};

impl<H: Hal> Kernel<H> {
    /// `reply` with the Reply in the caller's own PCB.
    pub(crate) fn reply_internal(
        &mut self,
        caller: Caller,
        frame: &CallFrame,
    ) -> Result<Outcome, Stop> {
        self.check_message(caller.process, frame)?;
        let client = self
            .store
            .get(caller.process)
            .caller
            .take()
            .ok_or(Error::new(Reason::InvalidDescriptor, Culprit::DESCRIPTOR))?;
        let runnable = self.deliver_reply(caller.process, client);
        self.return_context(caller.process, client);
        if runnable {
            self.make_ready(client);
        }
        Ok(Outcome::Nothing)
    }

    /// `reply` with the Reply in `slot`, which answers `client`.
    pub(crate) fn reply_stored(
        &mut self,
        caller: Caller,
        slot: Ref<Slot>,
        client: Ref<Process>,
        frame: &CallFrame,
    ) -> Result<Outcome, Stop> {
        self.check_message(caller.process, frame)?;
        self.unlink_derivation(slot);
        self.store.get(slot).clear();
        self.store.get(client).reply_slot.set(None);
        if let Some(user) = self.store.get(client).partner.get() {
            // Somebody still uses the client's scheduling context.
            self.store.get(user).donor.set(None);
            if user == caller.process {
                self.return_context(user, client);
            } else {
                self.part_contexts(client, user);
            }
        }
        if self.deliver_reply(caller.process, client) {
            self.make_ready(client);
        }
        Ok(Outcome::Nothing)
    }

    /// `keep`: what `process` owes in its PCB, it owes in the empty slot at `descriptor` from now on.
    pub(crate) fn keep_reply(
        &self,
        process: Ref<Process>,
        descriptor: Descriptor,
    ) -> Result<Outcome, Stop> {
        let slot = self.lookup_fillable(process, descriptor, Culprit::DESCRIPTOR)?;
        let client = self
            .store
            .get(process)
            .caller
            .take()
            .ok_or(Error::new(Reason::InvalidDescriptor, Culprit::OTHER))?;
        self.store_reply(process, client, slot);
        let state = &self.store.get(client).state;
        state.set(state.get().with_phase(Phase::AwaitingStoredReply));
        Ok(Outcome::Nothing)
    }

    /// The Reply to `client`, whose scheduling context `server` uses, lies in the empty `slot`.
    pub(crate) fn store_reply(&self, server: Ref<Process>, client: Ref<Process>, slot: Ref<Slot>) {
        self.store.get(slot).fill_reply(client);
        self.store.get(client).reply_slot.set(Some(slot));
        self.store.get(server).donor.set(Some(client));
    }

    /// Gives `client`, whose Reply has been taken, the answer that `server` is making a kernel
    /// call with. Answers whether it can run; its scheduling context is the caller's business.
    pub(crate) fn deliver_reply(&self, server: Ref<Process>, client: Ref<Process>) -> bool {
        if self.store.get(client).state.get().is_trapped() {
            return self.resume_trapped(client, server);
        }
        self.deliver(server, client, 0);
        true
    }
}
