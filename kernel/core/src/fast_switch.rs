//! Fast switches between processes: what waiting, waking and yielding have in common.
//!
//! As in [`scheduler`](crate::scheduler), but between two processes of one CPU about which nothing is
//! unusual: what waits in the ready queue is just ready, and what runs just runs. One look at the
//! clock serves both.

use a9n_abi::MessageInfo;
use a9n_hal::{Context, CpuNumber, Hal, Ticks};
use a9n_store::{Pcb, Phase, Process, Ref, SchedulingContext, State};

use crate::Kernel;
use crate::cpu::{Cpu, Pause, Place};
use crate::fast::{Owners, Plain};

/// The answer to a kernel call that has nothing to say.
pub(crate) const DONE: MessageInfo = MessageInfo::success(0);

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

    /// Who runs on CPU `number`, which is this one, when its running process stops.
    #[inline(always)]
    pub(crate) fn fast_successor<O: Owners>(&self, number: CpuNumber) -> Option<Ref<Process>> {
        let next = self.cpu(number).first()?;
        let state = self.store.get(next).state.get();
        O::is(state, State::new(Phase::Ready, number)).then_some(next)
    }

    /// The process `from`, which stops running on this CPU, leaves it to `to`.
    #[inline(always)]
    pub(crate) fn fast_pass_on<O: Owners>(
        &self,
        machine: &H::Cpu,
        from: &Pcb<H::Context>,
        to: Ref<Process>,
    ) -> H::Leave {
        let cpu = self.cpu(H::cpu_number(machine));
        let now = self.hal().now();
        self.set_aside(cpu, from, now);
        let priority = self.store.get(to).scheduling.get().priority;
        cpu.dequeue(&self.store, priority, to);
        self.fast_start::<O>(machine, to, priority, now)
    }

    /// The running process of `cpu`, which is this one, goes on in `own`, and `lender` gets back what it
    /// lent it. The timer goes off when that would have ended: if it had more, `own` lasts longer, at most a quantum.
    #[inline(always)]
    pub(crate) fn fast_return(&self, cpu: &Cpu, lender: &Pcb<H::Context>, own: SchedulingContext) {
        let now = self.hal().now();
        let used = cpu.context_at(now);
        let remaining = if used.remaining == 0 { lender.turn.get() } else { used.remaining };
        lender.scheduling.set(SchedulingContext { remaining, ..used });
        cpu.lay_down(own, now);
    }

    /// Lets `process`, which is in no queue any more and has `priority`, run from `now` on.
    #[inline(always)]
    fn fast_start<O: Owners>(
        &self,
        machine: &H::Cpu,
        process: Ref<Process>,
        priority: u8,
        now: Ticks,
    ) -> H::Leave {
        let cpu = self.cpu(H::cpu_number(machine));
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(Phase::Running));
        let remaining = pcb.scheduling.get().remaining;
        cpu.lay_down(SchedulingContext { priority, remaining }, now);
        O::switch(self.hal(), machine, &pcb.context);
        match cpu.new_deadline() {
            Some(deadline) => self.hal().resume_until(machine, &pcb.context, deadline),
            None => self.hal().resume(machine, &pcb.context),
        }
    }

    /// Whether the running `me` can make `woken` ready, which waits for a signal or a message: that
    /// has to belong to this CPU, with time to run, and be as urgent as itself; and where it would run at once,
    /// nothing may be unusual about `me`.
    #[inline(always)]
    pub(crate) fn can_wake(
        &self,
        number: CpuNumber,
        me: &Pcb<H::Context>,
        woken: &Pcb<H::Context>,
        context: SchedulingContext,
    ) -> bool {
        let is_urgent = context.priority > self.cpu(number).priority();
        woken.affinity.get() == number
            && context.remaining != 0
            && context.priority >= woken.priority.get()
            && (!is_urgent || self.is_plainly(me, Phase::Running, number))
            && !self.is_held_up(number, me, context.priority)
    }

    /// Whether somebody with `priority` would make the running `me` stop while that serves a caller less urgent than
    /// itself: it has to [rise](Self::rise) first.
    #[inline(always)]
    pub(crate) fn is_held_up(&self, number: CpuNumber, me: &Pcb<H::Context>, priority: u8) -> bool {
        let used = self.cpu(number).priority();
        priority > used && me.priority.get() > used
    }

    /// Lets `woken`, which waits in no queue any more and has its answer and its scheduling context,
    /// run: at once if it is more urgent than the running `me`, else when its turn comes. `me` gets
    /// nothing but success for an answer.
    #[inline(always)]
    pub fn fast_wake<O: Owners>(
        &self,
        machine: &H::Cpu,
        me: Ref<Process>,
        woken: Ref<Process>,
        (word4, word5): (u64, u64),
    ) -> H::Leave {
        let cpu = self.cpu(H::cpu_number(machine));
        let pcb = self.store.get(woken);
        let priority = pcb.scheduling.get().priority;
        if priority > cpu.priority() {
            let now = self.hal().now();
            self.fast_preempt(cpu, me, Pause::Interrupted, now);
            return self.fast_start::<O>(machine, woken, priority, now);
        }
        pcb.state.set(pcb.state.get().with_phase(Phase::Ready));
        cpu.enqueue(&self.store, woken, priority, Place::Back);
        self.hal().stay(machine, self.context(me), 0, DONE.0, word4, word5)
    }

    /// The running `me` of `cpu` has success for an answer, and is ready to run again.
    #[inline(always)]
    fn fast_preempt(&self, cpu: &Cpu, me: Ref<Process>, pause: Pause, now: Ticks) {
        let caller = self.store.get(me);
        caller.context.answer_without_words(0, DONE.0);
        self.set_aside(cpu, caller, now);
        caller.state.set(caller.state.get().with_phase(Phase::Ready));
        self.requeue(cpu, me, pause);
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
        let number = H::cpu_number(machine);
        let cpu = self.cpu(number);
        let caller = self.store.get(me);
        if !self.is_plainly(caller, Phase::Running, number)
            || caller.priority.get() > cpu.priority()
        {
            return None;
        }
        if cpu.highest().is_none_or(|highest| highest < cpu.priority()) {
            // Nobody to yield to: a new quantum, which ends later than the one that it replaces.
            let context =
                SchedulingContext { priority: cpu.priority(), remaining: caller.turn.get() };
            cpu.lay_down(context, self.hal().now());
            return Some(self.hal().stay(machine, &caller.context, 0, DONE.0, word4, word5));
        }
        let next = self.fast_successor::<Plain>(number)?;
        let now = self.hal().now();
        let priority = self.store.get(next).scheduling.get().priority;
        cpu.dequeue(&self.store, priority, next);
        self.fast_preempt(cpu, me, Pause::Ended, now);
        Some(self.fast_start::<Plain>(machine, next, priority, now))
    }
}
