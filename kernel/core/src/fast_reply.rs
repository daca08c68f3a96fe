//! The fast paths of messages that do not change who runs at once: a call whose Reply lands in a
//! slot, a Reply that is set aside, an answer through it, a message without an answer, a receive.
//!
//! A server that keeps callers waiting lives by them. They rely on what the paths in `fast` rely on.
//! The words of a message stand in its sender's context, and go to the context of the receiver, which
//! does not run yet.

use a9n_abi::{MessageInfo, REPLY_SLOT_SHIFT, Rights, Verdict};
use a9n_hal::{Context, CpuNumber, Hal, Trap};
use a9n_store::{Internal, Pcb, Phase, Process, Ref, Slot, State};

use crate::Kernel;
use crate::cpu::Cpu;
use crate::fast::{Lengths, Owners, Short, Vectors};
use crate::fast_switch::DONE;

impl<H: Hal> Kernel<H> {
    /// `call` of process `me` to a receiver that named a slot for the Reply. Otherwise like
    /// [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_stored_call(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<H::Leave> {
        let client = self.store.get(me);
        let slot = self.store.fast_slot(client, Vectors::mask(client), descriptor)?;
        let (port, identifier) = slot.port(Rights::WRITE)?;
        let port = self.store.get(port);
        let receiver = port.receivers.first()?;
        let server = self.store.get(receiver);
        let state = server.state.get();
        let waits = State::new(Phase::Receiving, H::cpu_number(cpu)).with_stored_reply(true);
        if !Short::admit(info) || !Vectors::is(state, waits) {
            return None;
        }
        let place = self.fast_place(server, server.reply_index.get())?;

        port.receivers.drop_front(&self.store, receiver);
        self.fast_accept_stored(client, me, server, receiver, place);
        client.state.set(client.state.get().with_phase(Phase::AwaitingStoredReply));
        Vectors::switch(self.hal(), cpu, &server.context);
        Some(self.hal().leave(cpu, &server.context, identifier, info, word4, word5))
    }

    /// Slot `index` of the root node of `pcb`, if a Reply can be put there.
    #[inline(always)]
    pub(crate) fn fast_place(&self, pcb: &Pcb<H::Context>, index: u64) -> Option<Ref<Slot>> {
        let place = self.store.fast_slot_at(pcb, Vectors::mask(pcb), index)?;
        let holder = &pcb.slots[Internal::Node as usize];
        let is_free = index != 0 && self.store.get(place).is_empty();
        (is_free && holder.node(Rights::WRITE).is_some()).then_some(place)
    }

    /// `server`, which is `receiver` and was waiting, serves `client`, which is `me`, from now on, and
    /// has the Reply in `place`.
    #[inline(always)]
    pub(crate) fn fast_accept_stored(
        &self,
        client: &Pcb<H::Context>,
        me: Ref<Process>,
        server: &Pcb<H::Context>,
        receiver: Ref<Process>,
        place: Ref<Slot>,
    ) {
        self.store.get(place).fill_reply(me);
        client.reply_slot.set(Some(place));
        client.partner.set(Some(receiver));
        server.donor.set(Some(me));
        let state = server.state.get().with_stored_reply(false);
        server.state.set(state.with_phase(Phase::Running));
    }

    /// `keep` of process `me`. Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_keep(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        let server = self.store.get(me);
        let place = self.fast_place(server, descriptor)?;
        let caller = server.caller.get()?;
        let client = self.store.get(caller);

        server.caller.set(None);
        server.donor.set(Some(caller));
        self.store.get(place).fill_reply(caller);
        client.reply_slot.set(Some(place));
        client.state.set(client.state.get().with_phase(Phase::AwaitingStoredReply));
        Some(self.hal().stay(cpu, &server.context, 0, DONE.0, word4, word5))
    }

    /// `reply` of process `me`, be the Reply in its PCB or in a slot, with a message in registers or a
    /// verdict. Answers who is to be [woken](Self::fast_wake); `None` if nothing has happened.
    #[inline(always)]
    pub fn fast_reply(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<Ref<Process>> {
        let number = H::cpu_number(cpu);
        let server = self.store.get(me);
        let is_owed = descriptor == 0;
        let (place, caller, phase) = if is_owed {
            (None, server.caller.get()?, Phase::AwaitingReply)
        } else {
            let slot = self.store.fast_slot(server, server.fast_mask.get(), descriptor)?;
            (Some(slot), slot.reply()?, Phase::AwaitingStoredReply)
        };
        let client = self.store.get(caller);
        let state = client.state.get();
        let is_trapped = state.is_trapped();
        let lender = client.partner.get();
        let verdict = Verdict::from_label(MessageInfo(info).label());
        if !Short::admit(info)
            || server.fast_mask.get() == 0
            || !self.is_plainly(server, Phase::Running, number)
            || !Vectors::can_switch(self.hal())
            || !Vectors::is(state.with_trap(false), State::new(phase, number))
            || client.affinity.get() != number
            || is_trapped && verdict == Verdict::Stop
            || !self.goes_on(number, me, client)
        {
            return None;
        }

        server.count_message();
        if let Some(place) = place {
            place.clear_reply();
            client.reply_slot.set(None);
        }
        if lender.is_some() {
            server.caller.set(None);
            server.donor.set(None);
            client.partner.set(None);
            self.fast_return(self.cpu(number), client, self.own_context(me));
        }
        if !is_trapped {
            let [word0, word1, word2, word3, ..] = server.context.call().words;
            client.context.answer(0, info, &[word0, word1, word2, word3, word4, word5]);
        } else if verdict == Verdict::ResumeWhole {
            client.context.resume_whole();
        } else if client.trap.get() == Some(Trap::ForeignCall) {
            let [result, ..] = server.context.call().words;
            client.context.answer_foreign(result);
        }
        client.state.set(state.with_trap(false));
        Some(caller)
    }

    /// Whether whom `server` gives its scheduling context back to would run before somebody as urgent, who became ready
    /// while the server ran with it.
    #[inline(always)]
    fn would_pass_an_equal(&self, cpu: &Cpu, server: &Pcb<H::Context>) -> bool {
        server.priority.get() < cpu.priority() && cpu.highest() == Some(cpu.priority())
    }

    /// Whether `client`, which the running `me` answers, can be made ready with what it lent or kept: with time to run, and
    /// as urgent as itself.
    #[inline(always)]
    fn goes_on(&self, number: CpuNumber, me: Ref<Process>, client: &Pcb<H::Context>) -> bool {
        let kept = client.scheduling.get();
        let (goes_on, priority) = match client.partner.get() {
            Some(lender) => {
                let (cpu, server) = (self.cpu(number), self.store.get(me));
                (lender == me && !self.would_pass_an_equal(cpu, server), cpu.priority())
            }
            None => {
                let is_held_up = self.is_held_up(number, self.store.get(me), kept.priority);
                (kept.remaining != 0 && !is_held_up, kept.priority)
            }
        };
        goes_on && priority >= client.priority.get()
    }

    /// `send` of process `me` with a message in registers, where somebody waits. Otherwise like
    /// [`fast_reply`](Self::fast_reply).
    #[inline(always)]
    pub fn fast_send(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<Ref<Process>> {
        let number = H::cpu_number(cpu);
        let sender = self.store.get(me);
        let slot = self.store.fast_slot(sender, sender.fast_mask.get(), descriptor)?;
        let (port, identifier) = slot.port(Rights::WRITE)?;
        let port = self.store.get(port);
        let receiver = port.receivers.first()?;
        let pcb = self.store.get(receiver);
        let state = pcb.state.get().with_stored_reply(false);
        if !Short::admit(info)
            || !self.is_plainly(sender, Phase::Running, number)
            || !Vectors::can_switch(self.hal())
            || !Vectors::is(state, State::new(Phase::Receiving, number))
            || pcb.affinity.get() != number
            || self.is_held_up(number, sender, pcb.priority.get())
        {
            return None;
        }

        sender.count_message();
        port.receivers.drop_front(&self.store, receiver);
        let [word0, word1, word2, word3, ..] = sender.context.call().words;
        pcb.context.answer(identifier, info, &[word0, word1, word2, word3, word4, word5]);
        pcb.state.set(state);
        pcb.scheduling.set(self.own_context(receiver));
        Some(receiver)
    }

    /// `receive` of process `me`, by `operation`, where nothing has come and somebody else is ready to
    /// run. Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_receive(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
        operation: u64,
    ) -> Option<H::Leave> {
        let number = H::cpu_number(cpu);
        let server = self.store.get(me);
        let slot = self.store.fast_slot(server, server.fast_mask.get(), descriptor)?;
        let port = self.fast_port(slot)?;
        let index = operation >> REPLY_SLOT_SHIFT;
        if MessageInfo(info).is_non_blocking()
            || MessageInfo(info).is_on_own_time()
            || server.caller.get().is_some()
            || !self.is_plainly(server, Phase::Running, number)
            || !Vectors::can_switch(self.hal())
            || index != 0 && self.fast_place(server, index).is_none()
        {
            return None;
        }
        let lender = server.donor.get().map(|lender| self.store.get(lender));
        if lender.is_some_and(|lender| lender.state.get().is_context_lost()) {
            return None;
        }
        let next = self.fast_successor::<Vectors>(number)?;

        if let Some(lender) = lender {
            server.donor.set(None);
            lender.partner.set(None);
            self.fast_return(self.cpu(number), lender, self.own_context(me));
        }
        self.fast_wait(server, me, port);
        server.state.set(server.state.get().with_stored_reply(index != 0));
        server.reply_index.set(index);
        Some(self.fast_pass_on::<Vectors>(cpu, server, next))
    }
}
