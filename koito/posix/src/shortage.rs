//! What happens when memory runs out: the process that has most of it ends.

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
    /// What a process takes, in pages or what is worth one.
    fn weight(&self, process: &Process) -> usize {
        match self.spaces.get(process.space) {
            Some(space) => {
                space.pages.len() + space.areas.len() + space.mapping.tables() * TABLE_WEIGHT
            }
            None => 0,
        }
    }

    /// Ends the process that takes most; answers whether there was one. The caller may be it.
    pub fn end_largest(&mut self) -> bool {
        let running = self.processes.iter().filter(|(_, it)| !it.life.is_over());
        let largest = running.max_by_key(|(_, it)| self.weight(it)).map(|(key, _)| key);
        let Some(process) = largest else { return false };
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
