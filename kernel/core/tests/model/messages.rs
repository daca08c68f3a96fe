//! Messages, signals, timers and traps in the model.

use a9n_abi::{
    Culprit, Error, FaultReason, MESSAGE_REGISTERS, MessageInfo, ObjectType, Reason, Rights,
    Source, Verdict,
};
use a9n_hal_sim::Answer;

use super::state::{
    Doing, Id, Kind, Message, Model, Number, Outcome, Place, bad, refused, results,
};

/// First slot for the capabilities that a process receives, one for each process.
pub const RECEIVED: u64 = crate::common::FREE + 24;

impl Model {
    fn check_message(&self, message: &Message) -> Result<(), Error> {
        if let Some(slot) = message.gives {
            let passes = self.in_slot(slot).is_some_and(|id| self.may_pass(id));
            if !passes {
                return refused(Reason::InvalidDescriptor, Culprit::IPC_BUFFER);
            }
        }
        Ok(())
    }

    fn may_pass(&self, id: Id) -> bool {
        let found = &self.capabilities[&id];
        let copied = found.kind.is_copyable() && found.rights.contains(Rights::COPY);
        copied || matches!(found.kind, Kind::Reply { .. })
    }

    /// The port that `slot` names, and the identifier.
    fn port(&self, slot: u64, rights: Rights) -> Result<(Id, u64, Rights), Error> {
        let id = self.called(slot, ObjectType::IpcPort, rights)?;
        match self.capabilities[&id].kind {
            Kind::Port { port, identifier } => {
                Ok((port, identifier, self.capabilities[&id].rights))
            }
            _ => unreachable!("it is a port"),
        }
    }

    pub fn send(
        &mut self,
        me: Number,
        slot: u64,
        message: Message,
        (calls, waits): (bool, bool),
    ) -> Outcome {
        let (port, identifier, rights) = self.port(slot, Rights::WRITE)?;
        if message.gives.is_some() && !rights.contains(Rights::GRANT) {
            return refused(Reason::PermissionDenied, Culprit::DESCRIPTOR);
        }
        self.check_message(&message)?;
        let message = Message { identifier, ..message };
        let Some(receiver) = self.ports[&port].receivers.front().copied() else {
            if !waits {
                return refused(Reason::WouldBlock, Culprit::DESCRIPTOR);
            }
            self.queue(me, port, message, calls);
            return Ok(None);
        };
        self.deliver_to_waiting(me, receiver, message, calls);
        Ok((!calls).then(|| results(&[])))
    }

    fn queue(&mut self, me: Number, port: Id, message: Message, calls: bool) {
        self.processes[me].message = Some(message);
        self.processes[me].doing = if calls { Doing::Calling(port) } else { Doing::Sending(port) };
        self.ports.get_mut(&port).expect("it lives").senders.push_back(me);
    }

    fn deliver_to_waiting(&mut self, me: Number, receiver: Number, message: Message, calls: bool) {
        let Doing::Receiving(port, reply) = self.processes[receiver].doing else {
            unreachable!("it stands in the queue of receivers")
        };
        self.ports.get_mut(&port).expect("it lives").receivers.pop_front();
        self.deliver(receiver, message);
        self.processes[receiver].doing = Doing::Runs;
        if calls {
            self.accept(receiver, me, reply);
        }
    }

    fn deliver(&mut self, receiver: Number, message: Message) {
        let mut info = message.info.with_capabilities(0);
        if let Some(id) = message.gives.and_then(|slot| self.in_slot(slot))
            && self.may_pass(id)
            && self.in_slot(RECEIVED + receiver as u64).is_none()
        {
            let to = RECEIVED + receiver as u64;
            if self.capabilities[&id].kind.is_copyable() {
                self.duplicate(id, to);
            } else {
                self.capabilities.get_mut(&id).expect("offered").place = Place::Slot(to);
            }
            info = info.with_capabilities(1);
        }
        let Message { identifier, words, .. } = message;
        self.processes[receiver].answer = Some(Answer { identifier, info: info.0, words });
    }

    /// `client` waits for the reply of `server`, which named `slot` for it, or 0.
    fn accept(&mut self, server: Number, client: Number, slot: u64) {
        self.processes[client].message = None;
        self.processes[client].doing = if slot != 0 && self.in_slot(slot).is_none() {
            let reply = Kind::Reply { caller: client };
            Doing::AwaitingStored(self.put(Place::Slot(slot), None, Rights::all(), reply))
        } else {
            self.processes[server].owes = Some(client);
            Doing::Awaiting(server)
        };
    }

    fn check_reply_slot(&self, slot: u64) -> Result<(), Error> {
        if slot != 0 && self.in_slot(slot).is_some() {
            return refused(Reason::Occupied, Culprit::OPERATION);
        }
        Ok(())
    }

    pub fn receive(&mut self, me: Number, slot: u64, reply: u64, waits: bool) -> Outcome {
        let (port, ..) = self.port(slot, Rights::READ)?;
        self.check_reply_slot(reply)?;
        if !waits && self.ports[&port].senders.is_empty() {
            return refused(Reason::WouldBlock, Culprit::DESCRIPTOR);
        }
        if let Some(client) = self.processes[me].owes.take() {
            self.drop_call(client);
        }
        Ok(self.take_message(me, port, reply))
    }

    pub fn reply_receive(
        &mut self,
        me: Number,
        slot: u64,
        message: Message,
        reply: u64,
    ) -> Outcome {
        let (port, ..) = self.port(slot, Rights::READ)?;
        self.check_message(&message)?;
        self.check_reply_slot(reply)?;
        if let Some(client) = self.processes[me].owes.take() {
            self.answer_call(client, message);
        }
        Ok(self.take_message(me, port, reply))
    }

    fn take_message(&mut self, me: Number, port: Id, reply: u64) -> Option<Answer> {
        let queues = self.ports.get_mut(&port).expect("it lives");
        let Some(sender) = queues.senders.pop_front() else {
            queues.receivers.push_back(me);
            self.processes[me].doing = Doing::Receiving(port, reply);
            return None;
        };
        let message = self.processes[sender].message.take().expect("it sends");
        self.deliver(me, message);
        if let Doing::Calling(_) = self.processes[sender].doing {
            self.accept(me, sender, reply);
        } else {
            self.processes[sender].doing = Doing::Runs;
            self.processes[sender].answer = Some(results(&[]));
        }
        self.processes[me].answer
    }

    pub fn reply(&mut self, me: Number, slot: u64, message: Message) -> Outcome {
        if slot == 0 {
            self.check_message(&message)?;
            let Some(client) = self.processes[me].owes.take() else {
                return refused(Reason::InvalidDescriptor, Culprit::DESCRIPTOR);
            };
            self.answer_call(client, message);
            return Ok(Some(results(&[])));
        }
        let id = self.called(slot, ObjectType::Reply, Rights::empty())?;
        self.check_message(&message)?;
        let Kind::Reply { caller } = self.capabilities[&id].kind else {
            unreachable!("it is a Reply")
        };
        self.capabilities.remove(&id);
        self.answer_call(caller, message);
        Ok(Some(results(&[])))
    }

    pub fn keep(&mut self, me: Number, slot: u64) -> Outcome {
        if self.in_slot(slot).is_some() {
            return refused(Reason::Occupied, Culprit::DESCRIPTOR);
        }
        let Some(client) = self.processes[me].owes.take() else {
            return refused(Reason::InvalidDescriptor, Culprit::OTHER);
        };
        let reply =
            self.put(Place::Slot(slot), None, Rights::all(), Kind::Reply { caller: client });
        self.processes[client].doing = Doing::AwaitingStored(reply);
        Ok(Some(results(&[])))
    }

    /// `client` gets its reply; a trapped one, its verdict.
    fn answer_call(&mut self, client: Number, message: Message) {
        if !self.processes[client].trapped {
            self.processes[client].doing = Doing::Runs;
            self.deliver(client, Message { identifier: 0, ..message });
        } else if Verdict::from_label(message.info.label()) == Verdict::Stop {
            self.processes[client].doing = Doing::Stopped;
        } else {
            self.processes[client].doing = Doing::Runs;
            self.processes[client].trapped = false;
        }
    }

    /// Nobody will answer `client`.
    pub fn drop_call(&mut self, client: Number) {
        self.end_wait(client, Reason::PartnerDied);
    }

    /// `me` faults at `address`: a call of its resolver in its name.
    pub fn fault(&mut self, me: Number, reason: FaultReason, address: u64) {
        self.processes[me].trapped = true;
        self.processes[me].answer = None;
        let resolver = self.at(Place::Resolver(me)).map(|id| self.capabilities[&id].kind);
        let Some(Kind::Port { port, identifier }) = resolver else {
            self.processes[me].doing = Doing::Stopped;
            return;
        };
        let mut words = [0; MESSAGE_REGISTERS];
        (words[0], words[1]) = (crate::ENTRY, address);
        let info = MessageInfo::new(reason as u32, 3).from_source(Source::Fault);
        let message = Message { info, words, gives: None, identifier };
        match self.ports[&port].receivers.front().copied() {
            Some(receiver) => self.deliver_to_waiting(me, receiver, message, true),
            None => self.queue(me, port, message, true),
        }
    }

    fn signals(&self, slot: u64, rights: Rights) -> Result<(Id, u64), Error> {
        let id = self.called(slot, ObjectType::NotificationPort, rights)?;
        match self.capabilities[&id].kind {
            Kind::Signals { signals, identifier } => Ok((signals, identifier)),
            _ => unreachable!("these are signals"),
        }
    }

    pub fn notify(&mut self, slot: u64) -> Outcome {
        let (signals, bits) = self.signals(slot, Rights::WRITE)?;
        self.signal(signals, bits);
        Ok(Some(results(&[])))
    }

    fn signal(&mut self, signals: Id, bits: u64) {
        if bits == 0 {
            return;
        }
        let found = self.signals.get_mut(&signals).expect("they live");
        match found.waiters.pop_front() {
            Some(waiter) => {
                self.processes[waiter].doing = Doing::Runs;
                self.processes[waiter].answer = Some(results(&[bits]));
            }
            None => found.bits |= bits,
        }
    }

    pub fn take_signals(&mut self, me: Number, slot: u64, waits: bool) -> Outcome {
        let (signals, _) = self.signals(slot, Rights::READ)?;
        let found = self.signals.get_mut(&signals).expect("they live");
        let bits = std::mem::take(&mut found.bits);
        if bits == 0 && waits {
            found.waiters.push_back(me);
            self.processes[me].doing = Doing::Waiting(signals);
            return Ok(None);
        }
        Ok(Some(results(&[bits])))
    }

    /// From now on what stands at `place` is signalled through a child of `slot`.
    pub fn bind(&mut self, place: Place, slot: u64, argument: u8) -> Outcome {
        let id = self.named(slot, argument)?;
        let found = self.capabilities[&id].clone();
        if found.kind.object() != ObjectType::NotificationPort {
            return bad(Reason::InvalidDescriptor, argument);
        }
        if !found.rights.contains(Rights::WRITE) {
            return bad(Reason::PermissionDenied, argument);
        }
        self.unbind(place);
        self.put(place, Some(id), Rights::WRITE, found.kind);
        Ok(Some(results(&[])))
    }

    pub fn unbind(&mut self, place: Place) {
        if let Some(id) = self.at(place) {
            self.take_away(id);
        }
    }

    fn signal_bound(&mut self, place: Place) {
        let bound = self.at(place).map(|id| self.capabilities[&id].kind);
        if let Some(Kind::Signals { signals, identifier }) = bound {
            self.signal(signals, identifier);
        }
    }

    pub fn pass(&mut self, ticks: u64) {
        self.now += ticks;
        if self.alarm.is_some_and(|alarm| alarm <= self.now) {
            self.alarm = None;
            self.signal_bound(Place::Timer);
        }
    }

    pub fn raise(&mut self) {
        if std::mem::take(&mut self.line_open) {
            self.signal_bound(Place::Line);
        }
    }

    pub fn set_resolver(&mut self, of: Number, slot: u64) -> Outcome {
        let id = self.named(slot, 1)?;
        let found = self.capabilities[&id].clone();
        if found.kind.object() != ObjectType::IpcPort {
            return bad(Reason::InvalidDescriptor, 1);
        }
        if !found.rights.contains(Rights::WRITE) {
            return bad(Reason::PermissionDenied, 1);
        }
        self.unbind(Place::Resolver(of));
        self.put(Place::Resolver(of), Some(id), found.rights, found.kind);
        Ok(Some(results(&[])))
    }

    /// Takes `of` out of whatever it waits in.
    fn withdraw(&mut self, of: Number) {
        match self.processes[of].doing {
            Doing::Sending(port) | Doing::Calling(port) | Doing::Receiving(port, _) => {
                let port = self.ports.get_mut(&port).expect("it lives");
                port.senders.retain(|process| *process != of);
                port.receivers.retain(|process| *process != of);
            }
            Doing::Waiting(signals) => {
                let signals = self.signals.get_mut(&signals).expect("they live");
                signals.waiters.retain(|process| *process != of);
            }
            Doing::Awaiting(server) => self.processes[server].owes = None,
            Doing::AwaitingStored(reply) => {
                self.capabilities.remove(&reply);
            }
            Doing::Runs | Doing::Stopped => {}
        }
    }

    pub fn cancel(&mut self, of: Number) -> Outcome {
        if !matches!(self.processes[of].doing, Doing::Runs | Doing::Stopped) {
            self.withdraw(of);
            self.end_wait(of, Reason::Cancelled);
        }
        Ok(Some(results(&[])))
    }

    pub fn suspend(&mut self, me: Number, of: Number) -> Outcome {
        let phase = match self.processes[of].doing {
            Doing::Stopped => 0,
            Doing::Runs => 1 + u64::from(me == of),
            Doing::Sending(_) => 3,
            Doing::Calling(_) => 4,
            Doing::Receiving(..) => 5,
            Doing::Awaiting(_) => 6,
            Doing::AwaitingStored(_) => 7,
            Doing::Waiting(_) => 8,
        };
        self.withdraw(of);
        if !matches!(self.processes[of].doing, Doing::Runs | Doing::Stopped) {
            self.end_wait(of, Reason::Cancelled);
        }
        self.processes[of].doing = Doing::Stopped;
        Ok(Some(results(&[phase])))
    }

    pub fn resume(&mut self, of: Number) -> Outcome {
        if self.processes[of].doing != Doing::Stopped {
            return refused(Reason::Busy, Culprit::DESCRIPTOR);
        }
        self.processes[of].doing = Doing::Runs;
        self.processes[of].trapped = false;
        Ok(Some(results(&[])))
    }
}
