//! The fast paths of traps: a foreign system call or a fault is told to a resolver that waits, and
//! the resolver's reply lets the process go on.
//!
//! They rely on what the paths in `fast` rely on. The process that traps may be foreign, so its
//! whole state tells whether anything is unusual about it, instead of its masks.

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, Rights, Verdict};
use a9n_hal::{Context, CpuNumber, Fault, Hal, Trap};
use a9n_store::{Internal, Phase, Process, Ref, State};

use crate::Kernel;
use crate::fast::{Lengths, Owners, Program, Vectors};
use crate::transfer::trap_message;

impl<H: Hal> Kernel<H> {
    /// A foreign system call of process `me`, whose registers stand in its context; `info` and the
    /// words in registers are its message already. Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_foreign<O: Owners>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<H::Leave> {
        if !O::can_switch(self.hal()) {
            return None;
        }
        let (to, identifier) = self.fast_tell::<O>(H::cpu_number(cpu), me, Trap::ForeignCall)?;
        let to = self.context(to);
        O::switch_to_server(self.hal(), cpu, self.context(me), to);
        Some(self.hal().leave(cpu, to, identifier, info, word4, word5))
    }

    /// The running process `me` faulted on this CPU, whose number is given: its resolver, if it waits
    /// for a message here, gets it, and runs on. `None` if nothing has happened.
    pub(crate) fn fast_fault(
        &self,
        number: CpuNumber,
        me: Ref<Process>,
        fault: Fault,
    ) -> Option<Ref<Process>> {
        let trap = Trap::Fault(fault);
        let told = self.fast_tell::<Vectors>(number, me, trap);
        let (to, identifier) = told.or_else(|| self.fast_tell_stored(number, me, trap))?;
        self.store.get(me).batch.set((0, 0));
        let (info, words) = trap_message(self.context(me), trap);
        self.context(to).answer(identifier, info.0, &words);
        Some(to)
    }

    /// The running process `me` waits for the verdict of its resolver on `trap`, if that waits for a
    /// message on this CPU, whose number is given. Answers whom to give the message, and `me`'s
    /// identifier there.
    #[inline(always)]
    pub(crate) fn fast_tell<O: Owners>(
        &self,
        number: CpuNumber,
        me: Ref<Process>,
        trap: Trap,
    ) -> Option<(Ref<Process>, u64)> {
        let client = self.store.get(me);
        if !O::is_client(client.state.get(), State::new(Phase::Running, number)) {
            return None;
        }
        let slot = &client.slots[Internal::Resolver as usize];
        let (port, identifier) = slot.port(Rights::WRITE)?;
        let port = self.store.get(port);
        let receiver = port.receivers.first()?;
        let resolver = self.store.get(receiver);
        if !O::is_server(resolver, State::new(Phase::Receiving, number)) {
            return None;
        }

        port.receivers.drop_front(&self.store, receiver);
        self.fast_accept(client, me, resolver, receiver);
        client.trap.set(Some(trap));
        let state = O::afresh(&client.state, Phase::AwaitingReply, number);
        client.state.set(state.with_trap(true));
        Some((receiver, identifier))
    }

    /// A foreign system call to a resolver that named a slot for the Reply. Otherwise like
    /// [`fast_foreign`](Self::fast_foreign).
    #[inline(always)]
    pub fn fast_stored_foreign(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<H::Leave> {
        let (to, identifier) = self.fast_tell_stored(H::cpu_number(cpu), me, Trap::ForeignCall)?;
        Vectors::switch(self.hal(), cpu, self.context(to));
        Some(self.hal().leave(cpu, self.context(to), identifier, info, word4, word5))
    }

    /// Like [`fast_tell`](Self::fast_tell), of a resolver that named a slot for the Reply.
    #[inline(never)]
    fn fast_tell_stored(
        &self,
        number: CpuNumber,
        me: Ref<Process>,
        trap: Trap,
    ) -> Option<(Ref<Process>, u64)> {
        let client = self.store.get(me);
        let (port, identifier) = client.slots[Internal::Resolver as usize].port(Rights::WRITE)?;
        let port = self.store.get(port);
        let receiver = port.receivers.first()?;
        let resolver = self.store.get(receiver);
        let waits = State::new(Phase::Receiving, number).with_stored_reply(true);
        if !Vectors::can_switch(self.hal())
            || !Vectors::is(client.state.get(), State::new(Phase::Running, number))
            || !Vectors::is(resolver.state.get(), waits)
        {
            return None;
        }
        let place = self.fast_place(resolver, resolver.reply_index.get())?;

        port.receivers.drop_front(&self.store, receiver);
        self.fast_accept_stored(client, me, resolver, receiver, place);
        client.trap.set(Some(trap));
        let state = client.state.get().afresh(Phase::AwaitingStoredReply);
        client.state.set(state.with_trap(true));
        Some((receiver, identifier))
    }

    /// `reply_receive` of process `me`, which is the result of a foreign system call of a [`Program`].
    /// Otherwise like [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_result(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
    ) -> Option<H::Leave> {
        const { assert!(Verdict::Resume as u32 == 0, "such a message is nothing but its length") };
        let number = H::cpu_number(cpu);
        let resolver = self.store.get(me);
        let client = self.store.get(resolver.caller.get()?);
        let trapped = State::new(Phase::AwaitingReply, number).with_trap(true);
        if !Program::is_client(client.state.get(), trapped)
            || client.trap.get() != Some(Trap::ForeignCall)
            || !Program::is(resolver.state.get(), State::new(Phase::Running, number))
            || info > MESSAGE_REGISTERS as u64
        {
            return None;
        }
        let slot = self.store.fast_slot(resolver, Program::mask(resolver), descriptor)?;
        let port = self.fast_port(slot)?;

        self.fast_wait(resolver, me, port);
        client.state.set(Program::afresh(&client.state, Phase::Running, number));
        Program::switch(self.hal(), cpu, &client.context);
        Some(self.hal().leave_foreign(cpu, &client.context))
    }

    /// `reply_receive` of process `me`, which is a verdict on a trap. Otherwise like
    /// [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_verdict<L: Lengths>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
    ) -> Option<H::Leave> {
        let number = H::cpu_number(cpu);
        let resolver = self.store.get(me);
        if !L::admit(info) {
            return None;
        }
        let client = self.store.get(resolver.caller.get()?);
        let trapped = State::new(Phase::AwaitingReply, number).with_trap(true);
        if !Vectors::is(client.state.get(), trapped) {
            return None;
        }
        let verdict = Verdict::from_label(MessageInfo(info).label());
        if verdict == Verdict::Stop {
            return None;
        }
        let slot = self.store.fast_slot(resolver, Vectors::mask(resolver), descriptor)?;
        let port = self.fast_port(slot)?;

        self.fast_wait(resolver, me, port);
        client.state.set(client.state.get().resumed());
        Vectors::switch(self.hal(), cpu, &client.context);
        let trap = client.trap.get();
        if verdict == Verdict::ResumeWhole {
            client.context.resume_whole();
        } else if trap == Some(Trap::ForeignCall) {
            return Some(self.hal().leave_foreign(cpu, &client.context));
        }
        Some(self.hal().resume(cpu, &client.context))
    }
}
