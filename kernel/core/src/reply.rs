//! Replies: answering a call, once.

use a9n_abi::{Culprit, Error, Reason};
use a9n_hal::{CallFrame, Context, Hal};
use a9n_store::{Process, Ref, Slot};

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
        let lent = self.exchange_context(caller.process, self.own_context(caller.process));
        self.store.get(client).scheduling.set(lent);
        if runnable {
            self.make_ready(client);
        }
        Ok(Outcome::NOTHING)
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
            if user == caller.process {
                self.return_donation(user);
            } else {
                self.store.get(user).donor.set(None);
                self.store.get(client).scheduling.set(self.own_context(client));
            }
        }
        if self.deliver_reply(caller.process, client) {
            self.make_ready(client);
        }
        Ok(Outcome::NOTHING)
    }

    /// The running `process` goes back to its own scheduling context, and the one that it used
    /// returns to its donor, who goes on waiting for its Reply.
    pub(crate) fn return_donation(&self, process: Ref<Process>) {
        if let Some(donor) = self.store.get(process).donor.take() {
            let lent = self.exchange_context(process, self.own_context(process));
            let donor = self.store.get(donor);
            donor.scheduling.set(lent);
            donor.partner.set(None);
        }
    }

    /// Gives `client`, whose Reply has been taken, the answer that `server` is making a kernel
    /// call with. Answers whether it can run.
    pub(crate) fn deliver_reply(&self, server: Ref<Process>, client: Ref<Process>) -> bool {
        let pcb = self.store.get(client);
        pcb.partner.set(None);
        if pcb.state.get().is_trapped() {
            return self.resume_trapped(client, &self.context(server).call());
        }
        self.deliver(server, client, 0);
        true
    }
}
