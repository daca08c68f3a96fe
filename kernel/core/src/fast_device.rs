//! The fast paths of drivers: an interrupt is acknowledged, the timer of the driver's CPU is set anew.

use a9n_abi::Rights;
use a9n_hal::{Context, Hal};
use a9n_store::{Process, Ref};

use crate::Kernel;
use crate::binding::Binding;
use crate::fast_switch::DONE;

impl<H: Hal> Kernel<H> {
    /// `acknowledge` of process `me`. `None` if nothing has happened; else this must be the last thing
    /// its caller does.
    #[inline(always)]
    pub fn fast_acknowledge(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        let caller = self.store.get(me);
        let slot = self.store.fast_slot(caller, caller.fast_mask.get(), descriptor)?;
        self.hal().unmask(slot.interrupt(Rights::WRITE)?);
        Some(self.hal().stay(cpu, &caller.context, 0, DONE.0, word4, word5))
    }

    /// `arm` of process `me`, for the timer of this CPU and a Notification Port that it signalled
    /// before. The arguments stand in its context. Otherwise like
    /// [`fast_acknowledge`](Self::fast_acknowledge).
    #[inline(always)]
    pub fn fast_arm(
        &self,
        cpu: &H::Cpu,
        me: Ref<Process>,
        descriptor: u64,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        let number = H::cpu_number(cpu);
        let caller = self.store.get(me);
        let [deadline, signal, ..] = caller.context.call().words;
        let mask = caller.fast_mask.get();
        let timer = self.store.fast_slot(caller, mask, descriptor)?.timer(Rights::WRITE)?;
        let source = self.store.fast_slot_at(caller, mask, signal)?;
        if timer != number
            || self.store.get(source).notification(Rights::WRITE).is_none()
            || !self.is_bound(Binding::Timer(number), source)
        {
            return None;
        }
        self.set_alarm_here(self.cpu(number), deadline);
        Some(self.hal().stay(cpu, &caller.context, 0, DONE.0, word4, word5))
    }
}
