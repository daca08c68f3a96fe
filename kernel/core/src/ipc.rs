//! IPC Ports: the general path of sending and receiving.

use a9n_abi::{
    Culprit, Error, MESSAGE_REGISTERS, MessageInfo, REPLY_SLOT_SHIFT, Reason, Rights, Source,
    ipc_port::{Operation, word},
};
use a9n_hal::{CallFrame, Context, Hal};
use a9n_store::{Internal, Phase, Port, Process, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop};

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_port(
        &mut self,
        caller: Caller,
        (port, identifier, rights): (Ref<Port>, u64, Rights),
        operation: Operation,
        frame: &CallFrame,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::Call | Operation::Send
                if MessageInfo(frame.info).capabilities() != 0
                    && !rights.contains(Rights::GRANT) =>
            {
                Err(Error::new(Reason::PermissionDenied, Culprit::DESCRIPTOR).into())
            }
            Operation::Call => self.send(caller, port, identifier, frame, Phase::Calling),
            Operation::Send => self.send(caller, port, identifier, frame, Phase::Sending),
            Operation::Receive => {
                let (info, reply_index) =
                    (MessageInfo(frame.info), self.check_reply_slot(caller, frame)?);
                if info.is_on_own_time() && reply_index == 0 {
                    // A Reply in the PCB comes with its caller's time.
                    return Err(Error::new(Reason::InvalidArgument, Culprit::INFO).into());
                }
                self.receive(caller, port, info, reply_index)
            }
            Operation::ReplyReceive => {
                let info = self.check_message(caller.process, frame)?;
                if info.is_non_blocking() {
                    // Its reply would be given, and its receive refused.
                    return Err(Error::new(Reason::InvalidArgument, Culprit::INFO).into());
                }
                let reply_index = self.check_reply_slot(caller, frame)?;
                let client = self.store.get(caller.process).caller.take();
                match client {
                    Some(client) => self.reply_then_receive(caller, client, port, frame),
                    None => self.receive(caller, port, MessageInfo::default(), reply_index),
                }
            }
        }
    }

    /// Sends, waiting in `phase` if nobody receives.
    fn send(
        &mut self,
        caller: Caller,
        port: Ref<Port>,
        identifier: u64,
        frame: &CallFrame,
        phase: Phase,
    ) -> Result<Outcome, Stop> {
        let info = self.check_message(caller.process, frame)?;
        match self.store.get(port).receivers.first() {
            Some(receiver) if phase == Phase::Calling => {
                self.call_receiver(caller.process, port, receiver, identifier);
                Ok(Outcome::Settled)
            }
            Some(receiver) => {
                self.store.get(port).receivers.drop_front(&self.store, receiver);
                self.deliver(caller.process, receiver, identifier);
                self.wake_receiver(receiver);
                Ok(Outcome::Nothing)
            }
            None if info.is_non_blocking() => {
                Err(Error::new(Reason::WouldBlock, Culprit::DESCRIPTOR).into())
            }
            None => {
                self.stop_running(caller.process);
                self.queue_sender(caller.process, port, identifier, phase);
                Ok(Outcome::Settled)
            }
        }
    }

    /// The running `client` calls `receiver`, the first that waits at `port`, and hands its CPU
    /// and scheduling context over.
    pub(crate) fn call_receiver(
        &self,
        client: Ref<Process>,
        port: Ref<Port>,
        receiver: Ref<Process>,
        identifier: u64,
    ) {
        self.store.get(port).receivers.drop_front(&self.store, receiver);
        self.deliver(client, receiver, identifier);
        let phase = self.accept_call(receiver, client);
        if self.lends_time(client) {
            self.hand_over(client, phase, receiver);
        } else {
            self.stop_running(client);
            let state = &self.store.get(client).state;
            state.set(state.get().with_phase(phase));
            self.wake_receiver(receiver);
        }
    }

    /// Whether `client`, whose call was just accepted, lends its scheduling context.
    pub(crate) fn lends_time(&self, client: Ref<Process>) -> bool {
        self.store.get(client).partner.get().is_some()
    }

    /// `process`, which does not run any more, waits at `port` until its message is taken.
    pub(crate) fn queue_sender(
        &self,
        process: Ref<Process>,
        port: Ref<Port>,
        identifier: u64,
        phase: Phase,
    ) {
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(phase));
        pcb.identifier.set(identifier);
        pcb.blocked_port.set(Some(port));
        self.store.get(port).senders.push_back(&self.store, process);
    }

    /// A process that waited to receive got something that is no call.
    #[inline(never)]
    pub(crate) fn wake_receiver(&self, receiver: Ref<Process>) {
        self.store.get(receiver).scheduling.set(self.own_context(receiver));
        self.make_ready(receiver);
    }

    /// Links `client`, whose call `server` has just been given, to the Reply: in the slot that the
    /// server named if that is still empty, else in its PCB. Answers how the client waits.
    pub(crate) fn accept_call(&self, server: Ref<Process>, client: Ref<Process>) -> Phase {
        let pcb = self.store.get(server);
        self.store.get(client).partner.set(Some(server));
        if pcb.state.get().stores_reply()
            && let Some(slot) = self.reply_destination(server, pcb.reply_index.get())
        {
            self.store_reply(server, client, slot);
            if pcb.state.get().keeps_time() {
                pcb.donor.set(None);
                self.store.get(client).partner.set(None);
            }
            return Phase::AwaitingStoredReply;
        }
        pcb.caller.set(Some(client));
        Phase::AwaitingReply
    }

    /// Slot `index` of `process`'s root node, if it is there, empty, and the process's to fill.
    fn reply_destination(&self, process: Ref<Process>, index: u64) -> Option<Ref<Slot>> {
        let node = self.store.get(process).node.get()?;
        let holder = self.store.internal_slot(process, Internal::Node);
        if !self.store.get(holder).rights().contains(Rights::WRITE) {
            return None;
        }
        let slot = self.store.slot(node, index)?;
        self.store.get(slot).is_empty().then_some(slot)
    }

    /// The slot for the next Reply that a receive names, 0 for none.
    fn check_reply_slot(&self, caller: Caller, frame: &CallFrame) -> Result<u64, Error> {
        let index = frame.operation >> REPLY_SLOT_SHIFT;
        if index != 0 && self.reply_destination(caller.process, index).is_none() {
            return Err(Error::new(Reason::Occupied, Culprit::OPERATION));
        }
        Ok(index)
    }

    /// Receives; the Reply to a call that is still owed, and kept in the PCB, is dropped.
    fn receive(
        &mut self,
        caller: Caller,
        port: Ref<Port>,
        info: MessageInfo,
        reply_index: u64,
    ) -> Result<Outcome, Stop> {
        let process = caller.process;
        if info.is_non_blocking() && !self.has_something(process, port) {
            return Err(Error::new(Reason::WouldBlock, Culprit::DESCRIPTOR).into());
        }
        let pcb = self.store.get(process);
        if let Some(client) = pcb.caller.take() {
            self.return_context(process, client);
            self.abandon(client);
        }
        self.return_donation(process);
        self.name_reply_slot(process, reply_index);
        let state = &self.store.get(process).state;
        state.set(state.get().with_own_time(info.is_on_own_time()));
        self.take_or_wait(process, port);
        Ok(Outcome::Settled)
    }

    /// Answers `client`, whose scheduling context the caller uses, and receives.
    fn reply_then_receive(
        &mut self,
        caller: Caller,
        client: Ref<Process>,
        port: Ref<Port>,
        frame: &CallFrame,
    ) -> Result<Outcome, Stop> {
        let process = caller.process;
        let runnable = self.deliver_reply(process, client);
        let reply_index = frame.operation >> REPLY_SLOT_SHIFT;
        self.name_reply_slot(process, reply_index);
        let lost = self.store.get(client).state.get().is_context_lost();
        if runnable && !lost && !self.has_something(process, port) {
            // The usual case: the server waits again, and the client goes on at once.
            self.store.get(client).partner.set(None);
            let phase = Phase::Receiving;
            self.hand_over(process, phase, client);
            self.wait_at(process, port);
            return Ok(Outcome::Settled);
        }
        self.return_context(process, client);
        if runnable {
            self.make_ready(client);
        }
        if MessageInfo(frame.info).capabilities() != 0 {
            // The next message may bring some as well.
            let receive = word::Receive | reply_index << REPLY_SLOT_SHIFT;
            return Err(Stop::RestartAs(receive));
        }
        self.take_or_wait(process, port);
        Ok(Outcome::Settled)
    }

    /// Gives the running `process` what is waiting for it, or lets it wait. Only who waits has named
    /// a slot for its Reply.
    fn take_or_wait(&self, process: Ref<Process>, port: Ref<Port>) {
        if self.take_waiting(process, port) {
            self.name_reply_slot(process, 0);
        } else {
            self.stop_running(process);
            self.wait_at(process, port);
        }
    }

    fn name_reply_slot(&self, process: Ref<Process>, index: u64) {
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_stored_reply(index != 0).with_own_time(false));
        pcb.reply_index.set(index);
    }

    /// Puts `process`, which does not run any more, into the queue of receivers.
    fn wait_at(&self, process: Ref<Process>, port: Ref<Port>) {
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(Phase::Receiving));
        pcb.blocked_port.set(Some(port));
        self.store.get(port).receivers.push_back(&self.store, process);
    }

    /// Whether a receive of `process` at `port` would not wait.
    fn has_something(&self, process: Ref<Process>, port: Ref<Port>) -> bool {
        self.bound_signals(process) != 0 || self.store.get(port).senders.first().is_some()
    }

    /// Gives the running `process` what is waiting for it: signals, else the first message.
    fn take_waiting(&self, process: Ref<Process>, port: Ref<Port>) -> bool {
        if self.bound_signals(process) != 0 {
            self.deliver_signals(process);
            return true;
        }
        let Some(sender) = self.store.get(port).senders.pop_front(&self.store) else {
            return false;
        };
        let state = self.store.get(sender).state.get();
        self.deliver(sender, process, self.store.get(sender).identifier.get());
        if state.phase() == Phase::Calling {
            let phase = self.accept_call(process, sender);
            self.store.get(sender).state.set(state.with_phase(phase));
            if self.lends_time(sender) {
                self.exchange_context(process, self.store.get(sender).scheduling.get());
            }
        } else {
            let info = MessageInfo::success(0);
            self.context(sender).answer(0, info.0, &[0; MESSAGE_REGISTERS]);
            self.make_ready(sender);
        }
        true
    }

    /// Gives `receiver`, which receives, the signals of the Notification Port bound to it.
    pub(crate) fn deliver_signals(&self, receiver: Ref<Process>) {
        let slot = self.store.internal_slot(receiver, Internal::Notification);
        let Some((notification, _)) = self.store.get(slot).notification(Rights::empty()) else {
            return;
        };
        let bits = self.store.get(notification).bits.take();
        let info = MessageInfo::new(0, 0).from_source(Source::Notification);
        self.context(receiver).answer(bits, info.0, &[0; MESSAGE_REGISTERS]);
        self.refresh_fast_mask(receiver);
    }
}
