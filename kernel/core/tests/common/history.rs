//! Marks, to which a system goes back; and telling the states of a system apart.

use std::hash::{DefaultHasher, Hash, Hasher};

use a9n_core::check::Saved;
use a9n_hal::CallFrame;
use a9n_hal_sim::Resumption;
use a9n_store::{Process, Ref};

use super::{CPUS, System};

/// Time in a system that forgot its leftovers.
pub const NOW: u64 = 1_000_000;

/// What a system was, the machine aside.
pub struct Mark {
    kernel: Saved,
    playing: u8,
    current: Option<Ref<Process>>,
    elsewhere: [Option<Ref<Process>>; CPUS as usize],
    known: Vec<Ref<Process>>,
}

impl System {
    /// Remembers the system as it is.
    pub fn mark(&mut self) {
        self.kernel.hal().mark();
        self.marks.push(Mark {
            kernel: self.kernel.save(),
            playing: self.playing(),
            current: self.current,
            elsewhere: self.elsewhere,
            known: self.known.clone(),
        });
    }

    /// Makes the system what it was at the last mark, which stays.
    pub fn rewind(&mut self) {
        self.kernel.hal().rewind();
        let mark = self.marks.last().expect("there is a mark");
        self.kernel.load(&mark.kernel);
        self.cpu.number = mark.playing;
        self.current = mark.current;
        self.elsewhere = mark.elsewhere;
        self.known.clone_from(&mark.known);
    }

    /// Forgets the last mark; what happened since counts for the one before.
    pub fn unmark(&mut self) {
        self.kernel.hal().unmark();
        self.marks.pop();
    }

    /// Makes systems the same that can only go on in the same way: the time, registers of kernel
    /// calls that are over, and what a process's phase makes meaningless do not count.
    pub fn forget_leftovers(&mut self) {
        self.kernel.rebase_time(NOW);
        self.kernel.hal().rebase_time(NOW);
        let mut known = std::mem::take(&mut self.known);
        known.retain(|process| self.lives(*process));
        for process in &known {
            self.kernel.forget_leftovers(*process);
            let context = self.kernel.context(*process);
            if context.resumption() != Resumption::Restart && !self.kernel.is_sending(*process) {
                let (operation, descriptor, info, words) = (0, 0, 0, [0; 6]);
                context.prepare(CallFrame { operation, descriptor, info, words });
            }
        }
        self.known = known;
    }

    /// A number for the state, among those that came of the same first mark.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.kernel.hal().hash_into(&mut hasher);
        self.kernel.hash_into(&mut hasher);
        (self.playing(), self.current, self.elsewhere).hash(&mut hasher);
        hasher.finish()
    }
}
