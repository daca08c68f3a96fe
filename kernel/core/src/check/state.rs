//! A kernel's own state, beside the objects: remembered, told apart, and rid of what says nothing.

use core::hash::{Hash, Hasher};
use std::vec::Vec;

use a9n_hal::{CpuNumber, Hal, Ticks};
use a9n_store::{Dying, Node, Phase, Process, Ref};

use crate::Kernel;
use crate::cpu::Cpu;
use crate::kernel::CLAIM_WORDS;

/// A kernel's state, but for what lies in the machine's memory.
#[derive(Clone, Debug)]
pub struct Saved {
    cpus: Vec<Cpu>,
    here: CpuNumber,
    dying: Option<Dying>,
    bindings: Option<Ref<Node>>,
    claimed: [u64; CLAIM_WORDS],
}

impl<H: Hal> Kernel<H> {
    /// The CPUs that run processes.
    pub(super) fn running_cpus(&self) -> &[Cpu] {
        &self.cpus[..usize::from(self.cpu_count.get())]
    }

    /// The state as it is. The machine has its own way to remember.
    pub fn save(&self) -> Saved {
        Saved {
            cpus: self.running_cpus().to_vec(),
            here: self.here.get(),
            dying: self.dying.get(),
            bindings: self.bindings.get(),
            claimed: self.claimed.each_ref().map(|word| word.get()),
        }
    }

    /// Makes it what `saved` says.
    pub fn load(&mut self, saved: &Saved) {
        self.cpus[..saved.cpus.len()].clone_from_slice(&saved.cpus);
        self.here.set(saved.here);
        self.dying.set(saved.dying);
        self.bindings.set(saved.bindings);
        for (word, saved) in self.claimed.iter().zip(saved.claimed) {
            word.set(saved);
        }
    }

    /// Tells kernels apart that would go on in different ways.
    pub fn hash_into(&self, hasher: &mut impl Hasher) {
        self.running_cpus().iter().for_each(|cpu| cpu.hash_into(hasher));
        self.dying.get().hash(hasher);
        self.claimed.each_ref().map(|word| word.get()).hash(hasher);
    }

    /// Makes it `time` now: what is to happen keeps its distance, what is over is of this moment.
    /// The machine has to do the same.
    pub fn rebase_time(&self, time: Ticks) {
        let now = self.hal().now();
        self.running_cpus().iter().for_each(|cpu| cpu.rebase_time(now, time));
    }

    /// What `process` is doing.
    pub fn phase(&self, process: Ref<Process>) -> Phase {
        self.store.get(process).state.get().phase()
    }

    /// Whether `process` waits to be rid of a message, which its registers hold.
    pub fn is_sending(&self, process: Ref<Process>) -> bool {
        matches!(self.store.get(process).state.get().phase(), Phase::Sending | Phase::Calling)
    }

    /// Takes from `process` what its documentation calls meaningless in its phase, and what is only
    /// counted: so two states that differ in that alone are one.
    pub fn forget_leftovers(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        pcb.time.set(0);
        pcb.messages.set(0);
        let state = pcb.state.get();
        let phase = state.phase();
        let sends = self.is_sending(process);
        let queued = sends || matches!(phase, Phase::Ready | Phase::Receiving | Phase::Waiting);
        if !queued {
            pcb.link_next.set(None);
            pcb.link_previous.set(None);
        }
        if !sends && phase != Phase::Receiving {
            pcb.blocked_port.set(None);
        }
        if !sends {
            pcb.identifier.set(0);
        }
        if phase != Phase::Waiting {
            pcb.blocked_notification.set(None);
        }
        if phase != Phase::Receiving {
            pcb.reply_index.set(0);
        }
        if phase != Phase::AwaitingStoredReply {
            pcb.reply_slot.set(None);
        }
        if !matches!(phase, Phase::AwaitingReply | Phase::AwaitingStoredReply) {
            pcb.partner.set(None);
        }
        if phase == Phase::Running {
            // It stands on the CPU.
            pcb.scheduling.set(Default::default());
        }
    }
}
