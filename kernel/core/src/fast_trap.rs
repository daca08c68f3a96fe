//! The fast paths of traps: a foreign system call or a fault is told to a resolver that waits, and
//! the resolver's reply lets the process go on.
//!
//! They rely on what the paths in `fast` rely on. The process that traps may be foreign, so its
//! whole state tells whether anything is unusual about it, instead of its masks.

use a9n_abi::{MessageInfo, Rights, Verdict};
use a9n_hal::{Context, CpuNumber, Hal, Trap};
use a9n_store::{Internal, Phase, Process, Ref, State};

use crate::Kernel;
use crate::fast::{Lengths, Owners, Plain, Short, Vectors};

impl<H: Hal> Kernel<H> {
    /// A foreign system call of process `me`, whose registers stand in its context; `info` and the
    /// words in registers are its message already. Must be the last thing its caller does.
    #[inline(always)]
    pub fn fast_foreign(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> H::Leave {
        let message = (info, word4, word5);
        if let Some(leave) = self.try_foreign::<Plain>(cpu, me, message) {
            return leave;
        }
        if let Some(leave) = self.try_foreign::<Vectors>(cpu, me, message) {
            return leave;
        }
        self.hal().retreat_foreign(cpu, self.context(me))
    }

    #[inline(always)]
    fn try_foreign<O: Owners>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        (info, word4, word5): (u64, u64, u64),
    ) -> Option<H::Leave> {
        let (to, identifier) = self.fast_tell::<O>(H::cpu_number(cpu), me, Trap::ForeignCall)?;
        O::switch(self.hal(), cpu, self.context(to));
        Some(self.hal().leave(cpu, self.context(to), identifier, info, word4, word5))
    }

    /// The running process `me` waits for the verdict of its resolver on `trap`, if that waits for a
    /// message on this CPU, whose number is given. Answers whom to give the message, and `me`'s
    /// identifier there.
    #[inline(always)]
    fn fast_tell<O: Owners>(
        &self,
        number: CpuNumber,
        me: Ref<Process>,
        trap: Trap,
    ) -> Option<(Ref<Process>, u64)> {
        let client = self.store.get(me);
        if !O::is(client.state.get(), State::new(Phase::Running, number)) {
            return None;
        }
        let slot = self.store.internal_slot(me, Internal::Resolver);
        let (port, identifier) = self.store.get(slot).port(Rights::WRITE)?;
        let port = self.store.get(port);
        let receiver = port.receivers.first()?;
        let resolver = self.store.get(receiver);
        if !O::is(resolver.state.get(), State::new(Phase::Receiving, number)) {
            return None;
        }

        port.receivers.drop_front(&self.store, receiver);
        self.fast_accept(client, me, resolver, receiver);
        client.trap.set(Some(trap));
        let state = client.state.get().with_phase(Phase::AwaitingReply);
        client.state.set(state.with_trap(true));
        Some((receiver, identifier))
    }

    /// `reply_receive` of process `me`, which is a verdict on a trap.
    #[inline(always)]
    pub(crate) fn try_verdict<O: Owners>(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        info: u64,
    ) -> Option<H::Leave> {
        if !Short::admit(info) {
            return None;
        }
        let number = H::cpu_number(cpu);
        let resolver = self.store.get(me);
        let client = self.store.get(resolver.caller.get()?);
        let trapped = State::new(Phase::AwaitingReply, number).with_trap(true);
        if !O::is(client.state.get(), trapped) {
            return None;
        }
        let verdict = Verdict::from_label(MessageInfo(info).label());
        if verdict == Verdict::Stop {
            return None;
        }
        let port = self.fast_port::<O>(resolver, descriptor)?;

        self.fast_wait::<O>(resolver, me, port, number);
        O::rest(&client.state, Phase::Running, number);
        O::switch(self.hal(), cpu, &client.context);
        let trap = client.trap.take();
        if verdict == Verdict::ResumeWhole {
            client.context.resume_whole();
        } else if trap == Some(Trap::ForeignCall) {
            return Some(self.hal().leave_foreign(cpu, &client.context));
        }
        Some(self.hal().resume(cpu, &client.context))
    }
}
