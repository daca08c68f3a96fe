//! Fast changes of who runs: what waiting, waking and yielding have in common.
//!
//! As in [`scheduler`](crate::scheduler), but between two processes of one CPU about which nothing is
//! unusual: what waits in the ready queue is just ready, and what runs just runs. One look at the
//! clock serves both.

use a9n_abi::MessageInfo;
use a9n_hal::{Context, CpuNumber, Hal, Ticks};
use a9n_store::{Pcb, Phase, Process, Ref, SchedulingContext, State};

use crate::Kernel;
use crate::scheduler::{Cpu, Pause, Place};

/// The answer to a kernel call that has nothing to say.
const DONE: MessageInfo = MessageInfo::success(0);

/// A process that can run at once, and its scheduling context.
#[derive(Clone, Copy)]
pub(crate) struct Successor {
    /// Which one.
    pub(crate) process: Ref<Process>,
    /// What it runs on.
    pub(crate) context: SchedulingContext,
}

/// When a process that was woken gets its turn.
#[derive(Clone, Copy)]
pub(crate) enum Turn {
    /// At once, in place of whoever runs.
    Now,
    /// When those are done who run and were ready before.
    Later,
}

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
    pub(crate) fn fast_successor(&self, number: CpuNumber) -> Option<Ref<Process>> {
        let next = self.cpu(number).first()?;
        self.is_plainly(self.store.get(next), Phase::Ready, number).then_some(next)
    }

    /// The process `from`, which stops running on this CPU, leaves it to `to`.
    #[inline(always)]
    pub(crate) fn fast_pass_on(
        &self,
        machine: &H::Cpu,
        from: &Pcb<H::Context>,
        to: Ref<Process>,
    ) -> H::Leave {
        let cpu = self.cpu(H::cpu_number(machine));
        let now = self.hal().now();
        self.set_aside(cpu, from, now);
        let context = self.store.get(to).scheduling.get();
        cpu.dequeue(&self.store, context.priority, to);
        self.fast_start(machine, Successor { process: to, context }, now)
    }

    /// Lets `process`, which is in no queue any more, run from `now` on.
    #[inline(always)]
    fn fast_start(
        &self,
        machine: &H::Cpu,
        Successor { process, context }: Successor,
        now: Ticks,
    ) -> H::Leave {
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(Phase::Running));
        let cpu = self.cpu(H::cpu_number(machine));
        cpu.lay_down(context, now);
        match cpu.new_deadline() {
            Some(deadline) => self.hal().resume_until(machine, &pcb.context, deadline),
            None => self.hal().resume(machine, &pcb.context),
        }
    }

    /// When a process with `context` that is woken on CPU `number`, which is this one, gets its turn.
    #[inline(always)]
    pub(crate) fn fast_turn(&self, number: CpuNumber, context: SchedulingContext) -> Option<Turn> {
        let cpu = self.cpu(number);
        if context.remaining == 0 {
            return None;
        }
        Some(if context.priority <= cpu.priority() { Turn::Later } else { Turn::Now })
    }

    /// Lets `woken`, which waits in no queue any more and has its answer and its scheduling context,
    /// run at its `turn`. The running `me` gets nothing but success for an answer.
    #[inline(always)]
    pub(crate) fn fast_wake(
        &self,
        machine: &H::Cpu,
        me: Ref<Process>,
        (woken, turn): (Successor, Turn),
        (word4, word5): (u64, u64),
    ) -> H::Leave {
        let cpu = self.cpu(H::cpu_number(machine));
        let caller = self.store.get(me);
        match turn {
            Turn::Later => {
                let pcb = self.store.get(woken.process);
                pcb.state.set(pcb.state.get().with_phase(Phase::Ready));
                cpu.enqueue(&self.store, woken.process, woken.context.priority, Place::Back);
                self.hal().stay(machine, &caller.context, 0, DONE.0, word4, word5)
            }
            Turn::Now => {
                let now = self.hal().now();
                self.fast_preempt(cpu, me, Pause::Interrupted, now);
                self.fast_start(machine, woken, now)
            }
        }
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
        if !self.is_plainly(caller, Phase::Running, number) {
            return None;
        }
        if cpu.highest().is_none_or(|highest| highest < cpu.priority()) {
            // Nobody to yield to: a new quantum, which ends later than the one that it replaces.
            let context = SchedulingContext { priority: cpu.priority(), remaining: self.quantum() };
            cpu.lay_down(context, self.hal().now());
            return Some(self.hal().stay(machine, &caller.context, 0, DONE.0, word4, word5));
        }
        let next = self.fast_successor(number)?;
        let now = self.hal().now();
        let context = self.store.get(next).scheduling.get();
        cpu.dequeue(&self.store, context.priority, next);
        self.fast_preempt(cpu, me, Pause::Ended, now);
        Some(self.fast_start(machine, Successor { process: next, context }, now))
    }
}
