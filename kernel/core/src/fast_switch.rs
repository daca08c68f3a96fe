//! Fast changes of who runs: what waiting, waking and yielding have in common.
//!
//! As in [`scheduler`](crate::scheduler), but between two processes of one CPU about which nothing is
//! unusual: what waits in the ready queue is just ready, and what runs just runs. One look at the
//! clock serves both.

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo};
use a9n_hal::{Context, CpuNumber, Hal, Ticks};
use a9n_store::{Pcb, Phase, Process, Ref, SchedulingContext, State};

use crate::Kernel;
use crate::scheduler::Place;

impl<H: Hal> Kernel<H> {
    /// Whether `pcb` is in `phase` on CPU `number`, and nothing else is to be known about it.
    #[inline(always)]
    pub(crate) fn is_plainly(
        &self,
        pcb: &Pcb<H::Context>,
        phase: Phase,
        number: CpuNumber,
    ) -> bool {
        pcb.state.get() == State::new(phase, number)
    }

    /// Who runs next on CPU `number` when its running process stops, and its priority, if nothing is
    /// unusual about it.
    #[inline(always)]
    pub(crate) fn fast_successor(&self, number: CpuNumber) -> Option<(u8, Ref<Process>)> {
        let (priority, next) = self.cpu(number).first()?;
        let plain = self.is_plainly(self.store.get(next), Phase::Ready, number);
        plain.then_some((priority, next))
    }

    /// The process `from`, which stops running on this CPU, whose number is given, leaves it to the
    /// [successor](Self::fast_successor).
    #[inline(always)]
    pub(crate) fn fast_pass_on(
        &self,
        machine: &H::Cpu,
        from: &Pcb<H::Context>,
        (priority, to): (u8, Ref<Process>),
    ) -> H::Leave {
        let number = H::cpu_number(machine);
        let now = self.hal().now();
        self.set_aside(self.cpu(number), from, now);
        self.cpu(number).dequeue(&self.store, priority, to);
        self.fast_start(number, to, now);
        self.hal().resume(machine, self.context(to))
    }

    /// Lets `process`, which is in no queue any more, run on CPU `number`, which is this one.
    #[inline(always)]
    fn fast_start(&self, number: CpuNumber, process: Ref<Process>, now: Ticks) {
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(Phase::Running));
        self.swap_context(self.cpu(number), pcb.scheduling.get(), now);
    }

    /// Lets `woken`, which waits in no queue any more and has its answer, run: at once, if it is more
    /// urgent than the running `me`, which gets nothing but success for an answer.
    #[inline(always)]
    pub(crate) fn fast_wake(
        &self,
        machine: &H::Cpu,
        me: Ref<Process>,
        woken: Ref<Process>,
        (word4, word5): (u64, u64),
    ) -> H::Leave {
        const DONE: MessageInfo = MessageInfo::success(0);
        let number = H::cpu_number(machine);
        let cpu = self.cpu(number);
        let (caller, pcb) = (self.store.get(me), self.store.get(woken));
        let SchedulingContext { priority, mut remaining } = pcb.scheduling.get();
        if remaining == 0 {
            remaining = self.quantum();
            pcb.scheduling.set(SchedulingContext { priority, remaining });
        }
        if priority <= cpu.priority() {
            pcb.state.set(pcb.state.get().with_phase(Phase::Ready));
            cpu.enqueue(&self.store, woken, Place::Back);
            return self.hal().stay(machine, &caller.context, 0, DONE.0, word4, word5);
        }
        let now = self.hal().now();
        caller.context.answer(0, DONE.0, &[0; MESSAGE_REGISTERS]);
        self.set_aside(cpu, caller, now);
        caller.state.set(caller.state.get().with_phase(Phase::Ready));
        self.requeue(cpu, me, false);
        self.fast_start(number, woken, now);
        self.hal().resume(machine, &pcb.context)
    }

    /// `yield` of process `me`. `None` if nothing has happened; else this must be the last thing its
    /// caller does.
    #[inline(always)]
    pub fn fast_yield(
        &self,
        machine: &H::Cpu,
        me: Ref<Process>,
        (word4, word5): (u64, u64),
    ) -> Option<H::Leave> {
        const DONE: MessageInfo = MessageInfo::success(0);
        let number = H::cpu_number(machine);
        let cpu = self.cpu(number);
        let caller = self.store.get(me);
        if !self.is_plainly(caller, Phase::Running, number) {
            return None;
        }
        if cpu.highest().is_none_or(|highest| highest < cpu.priority()) {
            // Nobody to yield to: a new quantum.
            let context = SchedulingContext { priority: cpu.priority(), remaining: self.quantum() };
            self.swap_context(cpu, context, self.hal().now());
            return Some(self.hal().stay(machine, &caller.context, 0, DONE.0, word4, word5));
        }
        let (priority, next) = self.fast_successor(number)?;
        let now = self.hal().now();
        caller.context.answer(0, DONE.0, &[0; MESSAGE_REGISTERS]);
        self.set_aside(cpu, caller, now);
        caller.state.set(caller.state.get().with_phase(Phase::Ready));
        cpu.dequeue(&self.store, priority, next);
        self.requeue(cpu, me, true);
        self.fast_start(number, next, now);
        Some(self.hal().resume(machine, self.context(next)))
    }
}
