//! Traps: what a process's resolver is told in its name.
//!
//! A fault, a foreign system call and an interruption travel like a call, with its scheduling
//! context and its Reply. The reply's label is a [`Verdict`](a9n_abi::Verdict) on how it goes on.

use a9n_abi::{Rights, Verdict};
use a9n_hal::{Context, Hal, Text, Trap};
use a9n_store::{Internal, Phase, Port, Process, Ref};

use crate::Kernel;

impl<H: Hal> Kernel<H> {
    /// The running `process` trapped: its resolver is called in its name. Without a resolver it
    /// stops, and the early console says why.
    pub(crate) fn trap(&self, process: Ref<Process>, trap: Trap) {
        self.note_trap(process, trap);
        match self.resolver(process) {
            Some((port, identifier)) => match self.store.get(port).receivers.first() {
                Some(receiver) => self.call_receiver(process, port, receiver, identifier),
                None => {
                    self.stop_running(process);
                    self.queue_sender(process, port, identifier, Phase::Calling);
                }
            },
            None => {
                self.stop_running(process);
                self.stop_unresolved(process, trap);
            }
        }
    }

    /// `process`, which is in no queue and could run, has been interrupted: its resolver is told
    /// first.
    pub(crate) fn trap_interrupted(&self, process: Ref<Process>) {
        self.note_trap(process, Trap::Stopped);
        let Some((port, identifier)) = self.resolver(process) else {
            self.stop_unresolved(process, Trap::Stopped);
            return;
        };
        let Some(receiver) = self.store.get(port).receivers.first() else {
            self.queue_sender(process, port, identifier, Phase::Calling);
            return;
        };
        self.store.get(port).receivers.drop_front(&self.store, receiver);
        self.deliver(process, receiver, identifier);
        let phase = self.accept_call(receiver, process);
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(phase));
        if self.lends_time(process) {
            self.store.get(receiver).scheduling.set(pcb.scheduling.get());
            self.make_ready(receiver);
        } else {
            self.wake_receiver(receiver);
        }
    }

    /// At its next user boundary `process` tells its resolver that it was stopped.
    pub(crate) fn interrupt_process(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_interruption(true));
        // A fast path would lose the flag.
        self.refresh_fast_mask(process);
        match pcb.state.get().phase() {
            // It stands at a user boundary already.
            Phase::Ready => {
                self.unready(process);
                self.trap_interrupted(process);
            }
            Phase::Running if pcb.state.get().cpu() != self.here.get() => {
                self.hal().nudge(pcb.state.get().cpu());
            }
            _ => {}
        }
    }

    /// The trapped `process` gets the answer that its resolver `server` is making a kernel call with.
    /// Answers whether it can run.
    pub(crate) fn resume_trapped(&self, process: Ref<Process>, server: Ref<Process>) -> bool {
        let (pcb, answer) = (self.store.get(process), self.context(server).call());
        if let Some(guest) = self.guest(process) {
            return self.answer_exit(process, guest, server, &answer);
        }
        let trap = pcb.trap.take();
        let [result, ..] = answer.words;
        match Verdict::from_label(a9n_abi::MessageInfo(answer.info).label()) {
            Verdict::Resume if trap == Some(Trap::ForeignCall) => {
                pcb.context.answer_foreign(result);
            }
            Verdict::Resume => {}
            Verdict::ResumeWhole => pcb.context.resume_whole(),
            Verdict::Stop => {
                pcb.trap.set(trap);
                pcb.state.set(pcb.state.get().with_phase(Phase::Stopped));
                return false;
            }
        }
        pcb.state.set(pcb.state.get().with_trap(false));
        true
    }

    fn note_trap(&self, process: Ref<Process>, trap: Trap) {
        let pcb = self.store.get(process);
        pcb.trap.set(Some(trap));
        pcb.batch.set((0, 0));
        pcb.state.set(pcb.state.get().with_trap(true).with_interruption(false));
        self.refresh_fast_mask(process);
    }

    /// The port to which `process` traps, with the identifier it is known by there.
    fn resolver(&self, process: Ref<Process>) -> Option<(Ref<Port>, u64)> {
        let slot = self.store.internal_slot(process, Internal::Resolver);
        self.store.get(slot).port(Rights::WRITE)
    }

    /// `process`, which does not run any more, stops for good, and the early console says why.
    fn stop_unresolved(&self, process: Ref<Process>, trap: Trap) {
        let pcb = self.store.get(process);
        pcb.state.set(pcb.state.get().with_phase(Phase::Stopped));
        let instruction = pcb.context.instruction_pointer().0;
        let mut write = |byte| self.hal().write_console(byte);
        let mut console = Text::new(&mut write);
        console.text("a9n: a process without resolver stopped: ");
        match trap {
            Trap::Fault(fault) => {
                console.text(fault.reason.name()).text(" fault at ").hexadecimal(fault.address.0);
                console.text(", code ").hexadecimal(fault.code);
            }
            Trap::ForeignCall => _ = console.text("foreign call"),
            Trap::Exit => _ = console.text("exit of a guest without monitor"),
            Trap::Stopped => _ = console.text("interrupted"),
        }
        console.text(", instruction ").hexadecimal(instruction).text("\n");
    }
}
