//! Who is there: processes and threads by their numbers, and how many there may be.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::Kin;

use crate::machine::CALM;
use crate::process::{Process, ProcessKey};
use crate::server::{Server, TaskKey};

/// Most threads at a time, and most processes, ended ones included, as far as there is memory. The server sets
/// room for their records aside when it begins: one large piece would not be found later.
pub const MOST: usize = 1024;
/// Of those, what only the superuser may have: who ends a bomb needs a process.
const FOR_ROOT: usize = 64;
/// Most processes of one session: others have room, whatever one does.
const MOST_OF_SESSION: usize = MOST / 2;

impl Process {
    /// To whom it belongs.
    pub const fn kin(&self) -> Kin {
        Kin { parent: self.parent, group: self.group, session: self.session }
    }
}

impl Server {
    /// A number that no process, thread, group or session has.
    pub fn new_number(&mut self) -> Result<u32, Errno> {
        self.numbers.free_number().ok_or(Errno::EAGAIN)
    }

    /// A process begins, without threads.
    pub fn enter_process(&mut self, process: Process) -> ProcessKey {
        let (number, kin) = (process.number, process.kin());
        let key = self.processes.add(process);
        self.numbers.add_process(number, key, kin);
        key
    }

    /// A process that has ended is not known any more.
    pub fn forget_process(&mut self, process: ProcessKey) {
        if let Some(it) = self.processes.remove(process) {
            self.numbers.remove_process(it.number, it.kin());
            if self.numbers.of_session(it.session) == CALM {
                self.calm_session(it.session);
            }
        }
    }

    /// Has the processes of a session that has become small be as urgent as others.
    #[cold]
    fn calm_session(&mut self, session: u32) {
        let members = self.processes.iter().filter(|(_, it)| it.session == session);
        let members: Vec<ProcessKey> = members.map(|(key, _)| key).collect();
        for process in members {
            // Whom the kernel refuses that stays less urgent.
            let _ = self.urge(process);
        }
    }

    /// A process belongs to others from now on.
    pub fn set_kin(&mut self, process: ProcessKey, kin: Kin) {
        let it = &mut self.processes[process];
        let (number, before) = (it.number, it.kin());
        (it.parent, it.group, it.session) = (kin.parent, kin.group, kin.session);
        self.numbers.change(number, before, kin);
    }

    /// The process of `task`.
    #[inline]
    pub fn process_of(&self, task: TaskKey) -> &Process {
        &self.processes[self.tasks[task].process]
    }

    /// The same, to be changed.
    #[inline]
    pub fn process_of_mut(&mut self, task: TaskKey) -> &mut Process {
        let key = self.tasks[task].process;
        &mut self.processes[key]
    }

    /// The process with this number.
    pub fn process(&self, number: u32) -> Option<ProcessKey> {
        self.numbers.process(number)
    }

    /// The threads of a process.
    pub fn tasks_of(&self, process: ProcessKey) -> Vec<TaskKey> {
        self.processes[process].tasks.clone()
    }

    /// Refuses more processes and threads than there can be: for a process that makes them, or for none.
    pub fn check_room(&self, maker: Option<ProcessKey>) -> Result<(), Errno> {
        let mut most = MOST;
        let mut full = false;
        if let Some(maker) = maker {
            let it = &self.processes[maker];
            let [user, effective, _] = it.owner.users;
            full |= self.numbers.of_session(it.session) >= MOST_OF_SESSION;
            if user != 0 && effective != 0 {
                full |= self.threads_of(user) >= it.limits.processes();
                most -= FOR_ROOT;
            }
        }
        full |= self.tasks.len() >= most || self.processes.len() >= most;
        if full { Err(Errno::EAGAIN) } else { Ok(()) }
    }

    /// How many threads a user has, other than root.
    fn threads_of(&self, user: u32) -> u64 {
        self.users.get(&user).copied().unwrap_or(0)
    }

    /// Counts that a user has `more` threads, and another one fewer.
    pub fn count_threads(&mut self, more: Option<u32>, fewer: Option<u32>, count: u64) {
        if let Some(user) = more.filter(|user| *user != 0) {
            *self.users.entry(user).or_default() += count;
        }
        if let Some(user) = fewer.filter(|user| *user != 0)
            && let Some(threads) = self.users.get_mut(&user)
        {
            *threads -= count;
            if *threads == 0 {
                self.users.remove(&user);
            }
        }
    }

    /// The users in whose name a process acts are others from now on.
    pub fn set_users(&mut self, process: ProcessKey, users: [u32; 3]) {
        let it = &mut self.processes[process];
        let before = core::mem::replace(&mut it.owner.users, users);
        let threads = it.tasks.len() as u64;
        if users[0] != before[0] {
            self.count_threads(Some(users[0]), Some(before[0]), threads);
        }
    }

    /// The same for groups of users.
    pub fn set_groups(&mut self, process: ProcessKey, groups: [u32; 3]) {
        self.processes[process].owner.groups = groups;
    }

    /// A thread has another number from now on.
    pub fn set_number(&mut self, task: TaskKey, number: u32) {
        let before = core::mem::replace(&mut self.tasks[task].number, number);
        self.numbers.remove_thread(before);
        self.numbers.add_thread(number, task);
    }
}
