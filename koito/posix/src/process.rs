//! Processes and threads, as the server keeps them.

use alloc::vec::Vec;

use koito_posix_core::Key;

use crate::machine::Body;
use crate::server::{Server, TaskKey};
use crate::space::Space;

/// A process: what its threads share.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub number: u32,
    /// That of its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Its memory. One that has ended has none: the key names nothing.
    pub space: Key<Space>,
    /// How many threads it has.
    pub threads: u32,
    /// The path of its program.
    pub program: Vec<u8>,
    /// How it ended, as `wait4` tells it.
    pub ended: Option<u32>,
}

/// A thread.
#[derive(Debug)]
pub struct Task {
    /// Whose it is.
    pub process: Key<Process>,
    /// What it runs as.
    pub body: Body,
    /// Its number.
    pub number: u32,
    /// Where its number is written when it ends; 0 for nowhere.
    pub clear_number: u64,
}

impl Server {
    /// A process number that nobody has.
    pub fn new_number(&mut self) -> u32 {
        const MOST: u32 = 32_768;
        loop {
            self.last_number = self.last_number % (MOST - 1) + 1;
            let number = self.last_number;
            let taken = self.processes.iter().any(|(_, it)| it.number == number)
                || self.tasks.iter().any(|(_, it)| it.number == number);
            if !taken {
                return number;
            }
        }
    }

    /// Ends the process of `task`, which is the caller; what `wait4` tells of it is `status`. The caller
    /// is to be stopped.
    pub fn end_process(&mut self, task: TaskKey, status: u32) {
        let process = self.tasks[task].process;
        let threads: Vec<TaskKey> =
            self.tasks.iter().filter(|(_, it)| it.process == process).map(|(key, _)| key).collect();
        for thread in threads {
            if let Some(ended) = self.tasks.remove(thread) {
                if thread != task {
                    // It may wait for an answer, or run; afterwards it does neither.
                    let _ = ended.body.pcb.suspend();
                }
                self.world.objects.put_body(ended.body);
            }
        }
        let Process { space, .. } = self.processes[process];
        self.leave_space(space);
        let process = &mut self.processes[process];
        process.threads = 0;
        process.ended = Some(status);
    }

    /// One process less uses `space`.
    pub fn leave_space(&mut self, space: Key<Space>) {
        self.spaces[space].users -= 1;
        if self.spaces[space].users == 0
            && let Some(space) = self.spaces.remove(space)
        {
            space.dissolve(&mut self.world);
        }
    }
}
