//! The fast paths of signals: what only touches the bits of a Notification Port, whoever waits for
//! them, and who runs next.

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, Rights, Source};
use a9n_hal::{Context, Hal};
use a9n_store::{Notification, Phase, Process, Ref};

use crate::Kernel;
use crate::fast_switch::Successor;

impl<H: Hal> Kernel<H> {
    /// `notify` of process `me`. `None` if nothing has happened; else this must be
    /// the last thing its caller does.
    #[inline(always)]
    pub fn fast_notify(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        words: (u64, u64),
    ) -> Option<H::Leave> {
        const DONE: MessageInfo = MessageInfo::success(0);
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let (port, identifier) = slot.notification(Rights::WRITE)?;
        let port = self.store.get(port);
        let number = H::cpu_number(cpu);
        if let Some(waiter) = port.waiters.first() {
            let pcb = self.store.get(waiter);
            let context = pcb.scheduling.get();
            if identifier == 0
                || !self.is_plainly(caller, Phase::Running, number)
                || !self.is_plainly(pcb, Phase::Waiting, number)
                || pcb.affinity.get() != number
            {
                return None;
            }
            let turn = self.fast_turn(number, context)?;
            port.waiters.drop_front(&self.store, waiter);
            pcb.context.answer_without_words(identifier, MessageInfo::success(1).0);
            let woken = Successor { process: waiter, context };
            return Some(self.fast_wake(cpu, me, (woken, turn), words));
        }
        let Some(bound) = port.bound.get() else {
            let (word4, word5) = words;
            port.bits.set(port.bits.get() | identifier);
            return Some(self.hal().stay(cpu, &caller.context, 0, DONE.0, word4, word5));
        };
        let pcb = self.store.get(bound);
        if identifier == 0
            || !self.is_plainly(caller, Phase::Running, number)
            || !self.is_plainly(pcb, Phase::Receiving, number)
            || pcb.affinity.get() != number
        {
            return None;
        }
        let receivers = &self.store.get(pcb.blocked_port.get()?).receivers;
        if receivers.first() != Some(bound) {
            return None;
        }
        let context = self.own_context(bound);
        let turn = self.fast_turn(number, context)?;
        receivers.drop_front(&self.store, bound);
        pcb.scheduling.set(context);
        let info = MessageInfo::new(0, 0).from_source(Source::Notification);
        pcb.context.answer(identifier, info.0, &[0; MESSAGE_REGISTERS]);
        let woken = Successor { process: bound, context };
        Some(self.fast_wake(cpu, me, (woken, turn), words))
    }

    /// `poll` of process `me` where there are signals; otherwise like
    /// [`fast_notify`](Self::fast_notify).
    #[inline(always)]
    pub fn fast_poll(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        words: (u64, u64),
    ) -> Option<H::Leave> {
        let (_, port) = self.fast_signals(me, descriptor)?;
        self.fast_take(cpu, me, port, words)
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
        let (reference, port) = self.fast_signals(me, descriptor)?;
        if port.bits.get() != 0 {
            return self.fast_take(cpu, me, port, words);
        }
        let number = H::cpu_number(cpu);
        let caller = self.store.get(me);
        if port.waiters.first().is_some() || !self.is_plainly(caller, Phase::Running, number) {
            return None;
        }
        let next = self.fast_successor(number)?;

        port.waiters.start(me);
        caller.blocked_notification.set(Some(reference));
        caller.state.set(caller.state.get().with_phase(Phase::Waiting));
        Some(self.fast_pass_on(cpu, caller, next))
    }

    /// The Notification Port that process `me` names to take signals.
    #[inline(always)]
    fn fast_signals(
        &self,
        me: Ref<Process>,
        descriptor: u64,
    ) -> Option<(Ref<Notification>, &Notification)> {
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let (port, _) = slot.notification(Rights::READ)?;
        Some((port, self.store.get(port)))
    }

    /// Gives the running `me` the signals at `port`, if there are any and they concern nobody else.
    #[inline(always)]
    fn fast_take(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        port: &Notification,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        const TAKEN: MessageInfo = MessageInfo::success(1);
        let bits = port.bits.get();
        if port.bound.get().is_some() || bits == 0 {
            return None;
        }
        port.bits.set(0);
        Some(self.hal().stay(cpu, self.context(me), bits, TAKEN.0, word4, word5))
    }
}
