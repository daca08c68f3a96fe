//! The fast paths of signals: what only touches the bits of a Notification Port, whoever waits for
//! them, and who runs next.

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, Rights, Source};
use a9n_hal::{Context, CpuNumber, Hal};
use a9n_store::{Notification, Phase, Process, Ref};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// `notify` of process `me` where nobody waits. `None` if nothing has happened; else this must be
    /// the last thing its caller does.
    #[inline(always)]
    pub fn fast_notify(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        const DONE: MessageInfo = MessageInfo::success(0);
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let (port, identifier) = slot.notification(Rights::WRITE)?;
        let port = self.store.get(port);
        if port.bound.get().is_some() || port.waiters.first().is_some() {
            return None;
        }
        port.bits.set(port.bits.get() | identifier);
        Some(self.hal().stay(cpu, &caller.context, 0, DONE.0, word4, word5))
    }

    /// `notify` of process `me` where somebody waits; otherwise like
    /// [`fast_notify`](Self::fast_notify).
    #[inline(always)]
    pub fn fast_signal(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        words: (u64, u64),
    ) -> Option<H::Leave> {
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let (port, identifier) = slot.notification(Rights::WRITE)?;
        let number = H::cpu_number(cpu);
        if identifier == 0 || !self.is_plainly(caller, Phase::Running, number) {
            return None;
        }
        let port = self.store.get(port);
        let (woken, source) = match port.waiters.first() {
            Some(waiter) => {
                let pcb = self.store.get(waiter);
                if !self.is_plainly(pcb, Phase::Waiting, number) || pcb.affinity.get() != number {
                    return None;
                }
                port.waiters.drop_front(&self.store, waiter);
                (waiter, MessageInfo::success(1))
            }
            None => {
                let receiver = self.fast_bound(number, port)?;
                (receiver, MessageInfo::new(0, 0).from_source(Source::Notification))
            }
        };
        self.context(woken).answer(identifier, source.0, &[0; MESSAGE_REGISTERS]);
        Some(self.fast_wake(cpu, me, woken, words))
    }

    /// Takes the process that is bound to `port`, and receives on CPU `number`, out of the queue where
    /// it is alone.
    #[inline(always)]
    fn fast_bound(&self, number: CpuNumber, port: &Notification) -> Option<Ref<Process>> {
        let bound = port.bound.get()?;
        let pcb = self.store.get(bound);
        if !self.is_plainly(pcb, Phase::Receiving, number) || pcb.affinity.get() != number {
            return None;
        }
        let receivers = &self.store.get(pcb.blocked_port.get()?).receivers;
        if receivers.first() != Some(bound) {
            return None;
        }
        receivers.drop_front(&self.store, bound);
        pcb.scheduling.set(self.own_context(bound));
        Some(bound)
    }

    /// `poll` or `wait` of process `me` where there are signals; otherwise like
    /// [`fast_notify`](Self::fast_notify).
    #[inline(always)]
    pub fn fast_take(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        const TAKEN: MessageInfo = MessageInfo::success(1);
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let (port, _) = slot.notification(Rights::READ)?;
        let port = self.store.get(port);
        let bits = port.bits.get();
        if port.bound.get().is_some() || bits == 0 {
            return None;
        }
        port.bits.set(0);
        Some(self.hal().stay(cpu, &caller.context, bits, TAKEN.0, word4, word5))
    }

    /// `wait` of process `me` where there are no signals, and somebody else is ready to run; otherwise
    /// like [`fast_notify`](Self::fast_notify).
    #[inline(always)]
    pub fn fast_wait_signal(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
    ) -> Option<H::Leave> {
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        let (port, _) = slot.notification(Rights::READ)?;
        let number = H::cpu_number(cpu);
        let cells = self.store.get(port);
        if cells.bits.get() != 0
            || cells.waiters.first().is_some()
            || !self.is_plainly(caller, Phase::Running, number)
        {
            return None;
        }
        let next = self.fast_successor(number)?;

        cells.waiters.start(me);
        caller.blocked_notification.set(Some(port));
        caller.state.set(caller.state.get().with_phase(Phase::Waiting));
        Some(self.fast_pass_on(cpu, caller, next))
    }
}
