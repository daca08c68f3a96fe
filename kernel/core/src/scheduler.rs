//! Who runs: 256 priorities, round robin within one, constant time, per CPU.
//!
//! What one CPU knows is a [`Cpu`]. A [`SchedulingContext`] is at one place at a time: on a CPU, or in
//! the PCB of a process that does not run. On a call it stays on the CPU while the server takes over,
//! and comes back with the reply, so neither looks at the ready queues nor at the clock.

use a9n_abi::Rights;
use a9n_hal::{Context, CpuNumber, Hal, Ticks, Trap};
use a9n_store::{Internal, Node, Pcb, Phase, Process, Ref, SchedulingContext};

use crate::Kernel;
use crate::binding::Binding;
use crate::cpu::{Cpu, Pause, Place};
use crate::kernel::Caller;
use crate::outcome::Stop;

/// Parts of a second that a process runs before others of its priority get their turn.
const QUANTA_PER_SECOND: u64 = 100;

/// Interrupted processes whose resolvers are told in one scheduling decision.
const TRAPS_PER_DECISION: u32 = 8;

impl<H: Hal> Kernel<H> {
    #[inline(always)]
    pub(crate) fn cpu(&self, number: CpuNumber) -> &Cpu {
        // The mask is the bound: there are 16 of them.
        &self.cpus[usize::from(number) & (crate::MAXIMUM_CPUS - 1)]
    }

    /// Finds out the length of a quantum.
    pub(crate) fn start_clock(&self) {
        self.quantum.set(self.hal().ticks_per_second() / QUANTA_PER_SECOND);
    }

    /// The kernel was entered on `cpu` from `process`, or from idling.
    pub(crate) fn enter(&self, cpu: CpuNumber, process: Option<Ref<Process>>) {
        self.here.set(cpu);
        self.cpu(cpu).current.set(process);
    }

    /// The running process of `cpu`, unless it has just stopped running.
    pub(crate) fn current(&self, cpu: CpuNumber) -> Option<Ref<Process>> {
        self.cpu(cpu).current.get()
    }

    /// Takes the running process of `cpu`, which is `pcb`, off it with its scheduling context.
    #[inline(always)]
    pub(crate) fn set_aside(&self, cpu: &Cpu, pcb: &Pcb<H::Context>, now: Ticks) {
        pcb.scheduling.set(cpu.context_at(now));
        self.charge(cpu, pcb, now);
    }

    /// Charges the time since the last decision, which this is, to `pcb`.
    #[inline(always)]
    fn charge(&self, cpu: &Cpu, pcb: &Pcb<H::Context>, now: Ticks) {
        pcb.time.set(pcb.time.get().wrapping_add(now.wrapping_sub(cpu.since.replace(now))));
    }

    /// The CPU time of `process` by now: what it was charged, and what it will be if it runs.
    pub(crate) fn time_of(&self, process: Ref<Process>) -> Ticks {
        let pcb = self.store.get(process);
        let cpu = self.cpu(pcb.state.get().cpu());
        let runs = cpu.current.get() == Some(process);
        let since = if runs { self.hal().now().saturating_sub(cpu.since.get()) } else { 0 };
        pcb.time.get().wrapping_add(since)
    }

    /// Takes the running `process` off its CPU, scheduling context included. The caller says in
    /// its state what it does instead.
    pub(crate) fn stop_running(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let cpu = self.cpu(pcb.state.get().cpu());
        self.set_aside(cpu, pcb, self.hal().now());
        cpu.current.set(None);
    }

    /// The running `from` stops in phase `phase`, and `to` gets its scheduling context. It runs at
    /// once, unless it belongs to another CPU or its resolver has to be told something first.
    pub(crate) fn hand_over(&self, from: Ref<Process>, phase: Phase, to: Ref<Process>) {
        let state = self.store.get(from).state.get();
        let target = self.store.get(to);
        let elsewhere = target.affinity.get() != state.cpu();
        if elsewhere || target.state.get().is_interrupted() {
            self.stop_running(from);
            self.store.get(from).state.set(state.with_phase(phase));
            target.scheduling.set(self.store.get(from).scheduling.get());
            self.make_ready(to);
            return;
        }
        let cpu = self.cpu(state.cpu());
        self.charge(cpu, self.store.get(from), self.hal().now());
        self.store.get(from).state.set(state.with_phase(phase));
        target.state.set(target.state.get().with_cpu(state.cpu()).afresh(Phase::Running));
        cpu.current.set(Some(to));
    }

    /// The running `process` changes to `context` and goes on; the one that it used is returned.
    #[inline(never)]
    pub(crate) fn exchange_context(
        &self,
        process: Ref<Process>,
        context: SchedulingContext,
    ) -> SchedulingContext {
        let number = self.store.get(process).state.get().cpu();
        let now = self.hal().now();
        let used = self.cpu(number).context_at(now);
        self.use_context(number, context, now);
        used
    }

    /// The running `process` goes on with `priority` for what is left of its quantum.
    pub(crate) fn change_priority(&self, process: Ref<Process>, priority: u8) {
        let number = self.store.get(process).state.get().cpu();
        self.cpu(number).priority.set(priority);
        if number != self.here.get() {
            self.hal().nudge(number);
        }
    }

    fn use_context(&self, number: CpuNumber, context: SchedulingContext, now: Ticks) {
        if number == self.here.get() {
            self.adopt_context(self.cpu(number), context, now);
            return;
        }
        self.cpu(number).lay_down(context, now);
        self.hal().nudge(number);
    }

    /// `context` is in use from now on at `cpu`, which is this one.
    #[inline(always)]
    pub(crate) fn adopt_context(&self, cpu: &Cpu, context: SchedulingContext, now: Ticks) {
        cpu.lay_down(context, now);
        self.program_timer(cpu);
    }

    /// Makes the timer of CPU `number` fit its quantum and its user's time. Each CPU sets its own.
    fn reprogram_timer(&self, number: CpuNumber) {
        if number == self.here.get() {
            self.program_timer(self.cpu(number));
        } else {
            self.hal().nudge(number);
        }
    }

    /// Asks for an interrupt at the end of the quantum, or at the user's time if that is sooner.
    #[inline(always)]
    fn program_timer(&self, cpu: &Cpu) {
        let end = cpu.quantum_end.get();
        self.ask_timer(cpu, cpu.alarm.get().map_or(end, |alarm| alarm.min(end)));
    }

    /// Makes sure that the timer goes off at `deadline` or before.
    #[inline(always)]
    fn ask_timer(&self, cpu: &Cpu, deadline: Ticks) {
        if deadline < cpu.asked.get() {
            cpu.asked.set(deadline);
            self.hal().set_timer(Some(deadline));
        }
    }

    /// Sets or clears the user's timer of a CPU.
    pub(crate) fn set_alarm(&self, number: CpuNumber, deadline: Option<Ticks>) {
        self.cpu(number).alarm.set(deadline);
        self.reprogram_timer(number);
    }

    /// Sets the user's timer of `cpu`, which is this one.
    #[inline(always)]
    pub(crate) fn set_alarm_here(&self, cpu: &Cpu, deadline: Ticks) {
        cpu.alarm.set(Some(deadline));
        self.program_timer(cpu);
    }

    /// Makes sure that `process` does not run on another CPU; asks for a restart while it does.
    /// The other CPU stops it. A process that must not run any more is stopped in this way before
    /// anything is taken from it.
    pub(crate) fn quiesce(&self, process: Ref<Process>) -> Result<(), Stop> {
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        if state.phase() != Phase::Running || state.cpu() == self.here.get() {
            return Ok(());
        }
        pcb.state.set(state.with_eviction());
        self.hal().nudge(state.cpu());
        Err(Stop::Restart)
    }

    /// Puts `process`, which waits for nothing any more, into the ready queue of its CPU, and lets
    /// that CPU know if it should run it now.
    pub(crate) fn make_ready(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        self.rise(process);
        if pcb.scheduling.get().remaining == 0 {
            let priority = pcb.scheduling.get().priority;
            pcb.scheduling.set(SchedulingContext { priority, remaining: pcb.turn.get() });
        }
        let number = pcb.affinity.get();
        let interrupted = state.is_interrupted();
        let ready = state.with_cpu(number).afresh(Phase::Ready);
        pcb.state.set(ready.with_interruption(interrupted));
        let cpu = self.cpu(number);
        let priority = pcb.scheduling.get().priority;
        cpu.enqueue(&self.store, process, priority, Place::Back);
        let urgent =
            cpu.current.get().is_none() || pcb.scheduling.get().priority > cpu.priority.get();
        if number != self.here.get() && urgent {
            self.hal().nudge(number);
        }
    }

    /// Takes `process` out of its ready queue.
    #[inline(never)]
    pub(crate) fn unready(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let cpu = self.cpu(pcb.state.get().cpu());
        let priority = pcb.scheduling.get().priority;
        cpu.queue(priority).remove(&self.store, process);
        cpu.update_bit(priority);
    }

    /// The caller gives up the rest of its quantum.
    pub(crate) fn yield_cpu(&self, caller: Caller) {
        self.cpu(caller.cpu).quantum_end.set(0);
        // The answer must be set before somebody else runs, and `next` rotates an ended quantum.
    }

    /// The timer went off, or was set by another CPU: the quantum in use may have ended, or the
    /// user's time have come.
    pub(crate) fn expire(&self, number: CpuNumber) {
        let cpu = self.cpu(number);
        cpu.asked.set(Ticks::MAX);
        if cpu.alarm.get().is_some_and(|alarm| self.hal().now() >= alarm) {
            cpu.alarm.set(None);
            self.signal_binding(Binding::Timer(number));
        }
        // An idle CPU has no quantum; `next` asks for the user's time.
        if cpu.current.get().is_none() {
            return;
        }
        if self.hal().now() >= cpu.quantum_end.get() {
            cpu.quantum_end.set(0);
        } else {
            self.program_timer(cpu);
        }
    }

    /// Decides who runs next on `cpu`.
    pub(crate) fn next(&self, number: CpuNumber) -> Option<Ref<Process>> {
        let cpu = self.cpu(number);
        if let Some(current) = cpu.current.get() {
            let pcb = self.store.get(current);
            let state = pcb.state.get();
            if state.is_evicted() {
                self.halt(current);
            } else if state.is_interrupted() {
                self.stop_interrupted(cpu, current);
            } else if pcb.affinity.get() != number {
                self.stop_running(current);
                self.make_ready(current);
            } else {
                self.make_way(cpu, current);
            }
            // It goes on, or a resolver that waited has taken over the CPU.
            if let Some(current) = cpu.current.get() {
                return Some(current);
            }
        }
        for _ in 0..TRAPS_PER_DECISION {
            let Some(next) = cpu.first() else {
                // With time on its hands the CPU goes on with what died.
                let soon = self.is_draining().then(|| self.hal().now());
                if let Some(deadline) = soon.or(cpu.alarm.get()) {
                    self.ask_timer(cpu, deadline);
                }
                return None;
            };
            let pcb = self.store.get(next);
            cpu.dequeue(&self.store, pcb.scheduling.get().priority, next);
            if pcb.state.get().is_interrupted() {
                self.trap_interrupted(next);
                continue;
            }
            pcb.state.set(pcb.state.get().afresh(Phase::Running));
            cpu.current.set(Some(next));
            let now = self.hal().now();
            cpu.since.set(now);
            self.adopt_context(cpu, pcb.scheduling.get(), now);
            return Some(next);
        }
        // Many were interrupted at once: look for interrupts, then go on.
        self.ask_timer(cpu, self.hal().now());
        None
    }

    /// The running `process` of `cpu` tells its resolver that it was stopped. A resolver that goes on
    /// with its scheduling context has no longer and is no more urgent than it.
    #[cold]
    #[inline(never)]
    fn stop_interrupted(&self, cpu: &Cpu, process: Ref<Process>) {
        self.trap(process, Trap::Stopped);
        if let Some(resolver) = cpu.current.get() {
            self.make_way(cpu, resolver);
        }
    }

    /// The running `process` of `cpu` makes way for others, if its quantum has ended or somebody is more urgent.
    #[inline(always)]
    fn make_way(&self, cpu: &Cpu, process: Ref<Process>) {
        if let Some(pause) = cpu.pause() {
            self.preempt(cpu, process, pause);
        }
    }

    /// The running `process` goes back to its ready queue: to the front with what is left of its
    /// quantum, to the back with a new one if that has ended. If it rises, it may be the next again.
    fn preempt(&self, cpu: &Cpu, process: Ref<Process>, pause: Pause) {
        self.stop_running(process);
        self.rise(process);
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(Phase::Ready));
        self.requeue(cpu, process, pause);
    }

    /// `process`, which has just stopped running, enters the ready queue of `cpu`.
    #[inline(always)]
    pub(crate) fn requeue(&self, cpu: &Cpu, process: Ref<Process>, pause: Pause) {
        let pcb = self.store.get(process);
        let (remaining, place) = match pcb.scheduling.get().remaining {
            0 => (pcb.turn.get(), Place::Back),
            _ if pause == Pause::Ended => (pcb.turn.get(), Place::Back),
            remaining => (remaining, Place::Front),
        };
        let priority = pcb.scheduling.get().priority;
        pcb.scheduling.set(SchedulingContext { priority, remaining });
        cpu.enqueue(&self.store, process, priority, place);
    }

    /// Brings the masks that let `process` use the fast paths up to date: none for foreign
    /// processes, without a root node, interrupted, or with a signal waiting to be received; and
    /// none but the second with a vector state.
    #[inline(never)]
    pub(crate) fn refresh_fast_mask(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let vector = self.store.internal_slot(process, Internal::VectorState);
        let plain = !pcb.context.is_foreign()
            && !pcb.state.get().is_interrupted()
            && self.bound_signals(process) == 0;
        let node = pcb.node.get().filter(|_| plain);
        let slots = |node: Ref<Node>| 1u64 << (self.store.get(node).radix() & 63);
        let mask = node.map_or(0, |node| slots(node).wrapping_sub(1));
        pcb.fast_slots.set(self.store.fast_slots(process, node));
        pcb.fast_mask.set(if self.store.get(vector).is_empty() { mask } else { 0 });
        pcb.vector_mask.set(if self.hal().switches_vectors() { mask } else { 0 });
    }

    /// Signals waiting at the Notification Port bound to `process`.
    pub(crate) fn bound_signals(&self, process: Ref<Process>) -> u64 {
        let slot = self.store.internal_slot(process, Internal::Notification);
        let signals = self.store.get(slot).notification(Rights::empty());
        signals.map_or(0, |(notification, _)| self.store.get(notification).bits.get())
    }
}
