//! The fast paths of signals: what only touches the bits of a Notification Port, whoever waits for
//! them, and who runs next.

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, Rights, Source};
use a9n_hal::{Context, Hal};
use a9n_store::{Notification, Pcb, Phase, Process, Ref};

use crate::Kernel;
use crate::fast::Plain;
use crate::fast_switch::DONE;

/// Whom a signal reached.
pub enum Notified<L> {
    /// Nobody yet.
    Nobody(L),
    /// This process, which is to be [woken](Kernel::fast_wake).
    Process(Ref<Process>),
}

impl<H: Hal> Kernel<H> {
    /// `notify` of process `me`, where nobody waits or somebody at the port. `None` if nothing has
    /// happened; else what is left to do must be the last thing its caller does.
    #[inline(always)]
    pub fn fast_notify(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (word4, word5): (u64, u64),
    ) -> Option<Notified<H::Leave>> {
        let caller = self.store.get(me);
        let (port, identifier) = self.fast_signals(caller, descriptor, Rights::WRITE)?;
        let cells = self.store.get(port);
        let Some(waiter) = cells.waiters.first() else {
            if cells.bound.get().is_some() {
                return None;
            }
            cells.bits.set(cells.bits.get() | identifier);
            let leave = self.hal().stay(cpu, &caller.context, 0, DONE.0, word4, word5);
            return Some(Notified::Nobody(leave));
        };
        let number = H::cpu_number(cpu);
        let pcb = self.store.get(waiter);
        let context = pcb.scheduling.get();
        if identifier == 0
            || !self.is_plainly(pcb, Phase::Waiting, number)
            || !self.can_wake(number, caller, pcb, context)
        {
            return None;
        }

        pcb.context.answer_without_words(identifier, MessageInfo::success(1).0);
        cells.waiters.drop_front(&self.store, waiter);
        Some(Notified::Process(waiter))
    }

    /// `notify` of process `me`, where a bound process receives. Answers who is to be
    /// [woken](Self::fast_wake); `None` if nothing has happened.
    #[inline(always)]
    pub fn fast_notify_bound(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
    ) -> Option<Ref<Process>> {
        let caller = self.store.get(me);
        let (port, identifier) = self.fast_signals(caller, descriptor, Rights::WRITE)?;
        let bound = self.store.get(port).bound.get()?;
        let number = H::cpu_number(cpu);
        let pcb = self.store.get(bound);
        let context = self.own_context(bound);
        if identifier == 0
            || !self.is_plainly(pcb, Phase::Receiving, number)
            || !self.can_wake(number, caller, pcb, context)
        {
            return None;
        }
        let receivers = &self.store.get(pcb.blocked_port.get()?).receivers;
        if receivers.first() != Some(bound) {
            return None;
        }

        let info = MessageInfo::new(0, 0).from_source(Source::Notification);
        pcb.context.answer(identifier, info.0, &[0; MESSAGE_REGISTERS]);
        receivers.drop_front(&self.store, bound);
        pcb.scheduling.set(context);
        Some(bound)
    }

    /// `poll` of process `me` where there are signals; otherwise like
    /// [`fast_call`](Self::fast_call).
    #[inline(always)]
    pub fn fast_poll(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        words: (u64, u64),
    ) -> Option<H::Leave> {
        let caller = self.store.get(me);
        let (port, _) = self.fast_signals(caller, descriptor, Rights::READ)?;
        self.fast_take(cpu, caller, self.store.get(port), words)
    }

    /// `wait` of process `me` where there are signals, or somebody else is ready to run; otherwise
    /// like [`fast_notify`](Self::fast_notify).
    #[inline(always)]
    pub fn fast_wait_signal(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        words: (u64, u64),
    ) -> Option<H::Leave> {
        let caller = self.store.get(me);
        let (port, _) = self.fast_signals(caller, descriptor, Rights::READ)?;
        let cells = self.store.get(port);
        if cells.bits.get() != 0 {
            return self.fast_take(cpu, caller, cells, words);
        }
        let number = H::cpu_number(cpu);
        if cells.waiters.first().is_some() || !self.is_plainly(caller, Phase::Running, number) {
            return None;
        }
        let next = self.fast_successor::<Plain>(number)?;

        cells.waiters.start(me);
        caller.blocked_notification.set(Some(port));
        caller.state.set(caller.state.get().with_phase(Phase::Waiting));
        Some(self.fast_pass_on::<Plain>(cpu, caller, next))
    }

    /// The Notification Port that `caller` names, with the identifier in its capability.
    #[inline(always)]
    fn fast_signals(
        &self,
        caller: &Pcb<H::Context>,
        descriptor: u64,
        rights: Rights,
    ) -> Option<(Ref<Notification>, u64)> {
        self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?.notification(rights)
    }

    /// Gives the running `caller` the signals at `port`, if there are any and they concern nobody
    /// else.
    #[inline(always)]
    fn fast_take(
        &self,
        cpu: &H::Cpu,
        caller: &Pcb<H::Context>,
        port: &Notification,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        const TAKEN: MessageInfo = MessageInfo::success(1);
        let bits = port.bits.get();
        if port.bound.get().is_some() || bits == 0 {
            return None;
        }
        port.bits.set(0);
        Some(self.hal().stay(cpu, &caller.context, bits, TAKEN.0, word4, word5))
    }
}
