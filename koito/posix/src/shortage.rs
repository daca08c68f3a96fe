//! What happens when memory runs out: of those who take most of it, the largest process ends.
//!
//! Whoever needs the last page is mostly innocent, and so is a large process beside a thousand small ones of
//! one bomb. So it is looked first which session takes most.

use alloc::collections::BTreeMap;

use koito_linux::Errno;
use koito_posix_core::{Life, Signal};

use crate::call::Stop;
use crate::process::{Process, ProcessKey};
use crate::server::Server;

/// Pages that a page table counts for: one, and what the server keeps beside it.
const TABLE_WEIGHT: usize = 2;
/// Calls that are carried out however little memory there is: most of them give some back.
const ALWAYS: [u32; 7] = [3, 11, 15, 60, 61, 62, 231];

impl Server {
    /// What comes back when a process ends, in pages or what is worth one: what others use as well stays.
    fn weight(&self, process: &Process) -> usize {
        let Some(space) = self.spaces.get(process.space) else { return 0 };
        let pool = &self.world.vfs.pages.pool;
        let own = space.pages.within(0..u64::MAX).filter(|(_, it)| pool.users(it.page()) == 1);
        own.count() + space.areas.len() + space.mapping.tables() * TABLE_WEIGHT
    }

    /// Ends the process that takes most in the session that takes most, other than process 1; answers whether
    /// there was one. The caller may be it.
    pub fn end_largest(&mut self) -> bool {
        let mut sessions: BTreeMap<u32, (usize, usize, ProcessKey)> = BTreeMap::new();
        for (key, process) in self.processes.iter() {
            if process.life.is_over() || self.first == Some(key) {
                continue;
            }
            let weight = self.weight(process);
            let session = sessions.entry(process.session).or_insert((0, weight, key));
            session.0 += weight;
            if weight > session.1 {
                (session.1, session.2) = (weight, key);
            }
        }
        let largest = sessions.into_values().max_by_key(|(all, ..)| *all);
        let Some((.., process)) = largest else { return false };
        nun::println!("posix: out of memory: process {} ends", self.processes[process].number);
        self.kill(process);
        true
    }

    /// Ends a process at once.
    pub fn kill(&mut self, process: ProcessKey) {
        // Whatever its threads are doing or waiting for.
        let is_own = |task: &_| self.tasks.get(*task).is_some_and(|it| it.process == process);
        let caller = self.caller.filter(is_own);
        self.end_process(process, caller, Life::Killed(Signal::KILL.number()));
    }

    /// The server's own memory is nearly used up: call `number` is refused, unless it gives some back,
    /// and who takes most ends.
    #[cold]
    pub fn refuse_for_shortage(&mut self, number: u32) -> Option<Stop> {
        if ALWAYS.contains(&number) {
            return None;
        }
        self.end_largest();
        let gone = self.caller.is_some_and(|task| self.tasks.get(task).is_none());
        Some(if gone { Stop::Halt } else { Errno::ENOMEM.into() })
    }
}
