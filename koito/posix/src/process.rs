//! Processes and threads, as the server keeps them: how they come to be and end.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::{
    Action, AlternateStack, Detail, Info, Key, Kin, Life, Limits, Pending, Signal, SignalSet,
};
use nun::{Descriptor, Error};

use koito_vfs::{DentryId, FileId, Flags, QueueId};

use crate::account::Account;
use crate::disk::{Acting, Served, give_back};
use crate::exec::Loaded;
use crate::files::Opened;
use crate::machine::{Body, Urgency, urgency};
use crate::owner::{Owner, Wishes};
use crate::server::{Server, TaskKey};
use crate::space::Space;
use crate::timers::Timers;
use crate::wake::Waiting;

/// A process, as others name it.
pub type ProcessKey = Key<Process>;

/// A process: what its threads share.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub number: u32,
    /// That of its parent, 0 for none.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// In whose name it acts.
    pub owner: Owner,
    /// Its threads, the oldest first.
    pub tasks: Vec<TaskKey>,
    /// Its memory. One that has ended has none: the key names nothing.
    pub space: Key<Space>,
    /// The path of its program.
    pub program: Vec<u8>,
    /// Where that is; held.
    pub program_name: Option<DentryId>,
    /// What it has open; nothing, once it has ended.
    pub files: Option<Opened>,
    /// When it began, in nanoseconds since the start.
    pub started: u64,
    /// What it is called.
    pub name: Vec<u8>,
    /// Whether it has another program than its parent.
    pub has_executed: bool,
    /// How it is.
    pub life: Life,
    /// Whether its parent has yet to be told that.
    pub is_news: bool,
    /// What it may have.
    pub limits: Limits,
    /// What it wishes for signals.
    pub actions: [Action; 64],
    /// Signals that any of its threads may take.
    pub pending: Pending,
    /// The signal that its parent gets when it ends; 0 for none.
    pub exit_signal: u8,
    /// Who waits until it leaves the memory that it borrowed.
    pub borrowed_from: Option<TaskKey>,
    /// Its timers.
    pub timers: Timers,
    /// What it has used.
    pub account: Account,
    /// What it wishes for itself.
    pub wishes: Wishes,
}

/// A thread.
#[derive(Debug)]
pub struct Task {
    /// Whose it is.
    pub process: ProcessKey,
    /// What it runs as.
    pub body: Body,
    /// Its number.
    pub number: u32,
    /// Where its number is written when it ends; 0 for nowhere.
    pub clear_number: u64,
    /// Signals that it holds back.
    pub mask: SignalSet,
    /// What it holds back again after the next handler.
    pub restored_mask: Option<SignalSet>,
    /// Signals that it alone may take.
    pub pending: Pending,
    /// Its stack for handlers.
    pub alternate: AlternateStack,
    /// Whether there may be signals to be taken before it goes on.
    pub attention: bool,
    /// The queues of files that it waits in.
    pub queues: Vec<QueueId>,
    /// Bytes that its call has moved already, before it had to wait.
    pub moved: u64,
    /// The named pipe that its call has opened, and whose other end it waits for.
    pub opening: Option<FileId>,
    /// What it waits for. It is stopped then.
    pub waiting: Option<Waiting>,
    /// The process that has borrowed its memory, and for which it waits.
    pub lends_to: Option<ProcessKey>,
    /// What the file server answered that it waits for.
    pub served: Option<Served>,
    /// When its wait is over, in nanoseconds since the start.
    pub deadline: Option<u64>,
    /// Whether it could go on, but for its process being stopped.
    pub held: bool,
    /// Where the list of locks stands that it may hold when it ends; 0 for nowhere.
    pub robust_list: u64,
    /// What its body had used before it came.
    pub ticks_before: u64,
    /// What it is called, if not as its process.
    pub name: Vec<u8>,
}

impl Task {
    /// A thread of `process` that runs as `body`.
    pub const fn new(process: ProcessKey, body: Body, number: u32, mask: SignalSet) -> Self {
        Self {
            process,
            body,
            number,
            clear_number: 0,
            mask,
            restored_mask: None,
            pending: Pending::new(),
            alternate: AlternateStack { start: 0, bytes: 0 },
            attention: false,
            queues: Vec::new(),
            moved: 0,
            opening: None,
            waiting: None,
            lends_to: None,
            served: None,
            deadline: None,
            held: false,
            robust_list: 0,
            ticks_before: 0,
            name: Vec::new(),
        }
    }
}

impl Server {
    /// How urgent the threads of a process are.
    pub fn urgency(&self, process: ProcessKey) -> Urgency {
        let it = &self.processes[process];
        urgency(it.wishes.nice, self.numbers.of_session(it.session))
    }

    /// Has the threads of a process be as urgent as that is now.
    pub fn urge(&mut self, process: ProcessKey) -> Result<(), Error> {
        let urgency = self.urgency(process);
        for thread in self.tasks_of(process) {
            let body = self.tasks[thread].body;
            self.world.objects.placement.urge(body, urgency)?;
        }
        Ok(())
    }

    /// Gives a process, whose memory that is, a thread; stopped, its registers are anybody's. It runs where its
    /// `maker` may.
    pub fn add_task(
        &mut self,
        process: ProcessKey,
        number: u32,
        (mask, maker): (SignalSet, Option<TaskKey>),
    ) -> Result<TaskKey, Errno> {
        let urgency = self.urgency(process);
        let placement = &self.world.objects.placement;
        let allowed = match maker {
            Some(maker) => placement.allowed(self.tasks[maker].body),
            None => placement.all(),
        };
        let body = self.world.objects.take_body(allowed, urgency).map_err(|_| Errno::EAGAIN)?;
        let space = self.spaces[self.processes[process].space].mapping.space;
        let (none, nothing) = (Descriptor::NULL, Descriptor::NULL);
        if body.pcb.configure_spaces(space, none, nothing).is_err() {
            self.world.objects.put_body(body);
            return Err(Errno::EAGAIN);
        }
        let key = Key::new(body.number);
        self.tasks.set(key, Task::new(process, body, number, mask));
        self.numbers.add_thread(number, key);
        let it = &mut self.processes[process];
        it.tasks.push(key);
        let user = it.owner.users[0];
        self.count_threads(Some(user), None, 1);
        self.tasks[key].ticks_before = self.tasks[key].ticks();
        Ok(key)
    }

    /// Starts a program that was loaded, as a process without parent that leads a session, on the terminal at a path,
    /// opened with further flags.
    pub fn start_loaded(
        &mut self,
        loaded: Loaded,
        (terminal, flags): (&[u8], Flags),
    ) -> Result<u32, Errno> {
        self.check_room(None)?;
        let number = self.new_number()?;
        let name = loaded.name();
        let files = Opened::first(&mut self.world.vfs);
        let process = self.enter_process(Process {
            number,
            parent: 0,
            group: number,
            session: number,
            owner: Owner::default(),
            tasks: Vec::new(),
            space: loaded.space,
            program: loaded.path,
            program_name: Some(loaded.program),
            files: Some(files),
            started: self.clock.now(),
            name,
            has_executed: true,
            life: Life::Running,
            is_news: false,
            actions: [Action::default(); 64],
            limits: Limits::first(),
            pending: Pending::new(),
            exit_signal: 0,
            borrowed_from: None,
            timers: Timers::default(),
            account: Account::default(),
            wishes: Wishes::default(),
        });
        self.open_terminal(process, terminal, flags)?;
        let task = self.add_task(process, number, (SignalSet::default(), None))?;
        let body = self.tasks[task].body;
        let started = self.world.objects.reset(body, loaded.entry, loaded.stack);
        started.and_then(|()| body.pcb.resume()).map_err(|_| Errno::EAGAIN)?;
        Ok(number)
    }

    /// Ends a thread that is stopped, or the caller, which is to be stopped. The last one ends its process.
    pub fn end_task(&mut self, task: TaskKey, code: u8) {
        let process = self.tasks[task].process;
        if self.processes[process].tasks.len() == 1 {
            self.end_process(process, Some(task), Life::Exited(code));
        } else {
            self.drop_task(task);
        }
    }

    /// Ends a process: `life` is what its parent is told. `caller` is the thread, if it is one of its own,
    /// that is about to be stopped.
    pub fn end_process(&mut self, process: ProcessKey, caller: Option<TaskKey>, life: Life) {
        assert!(self.first != Some(process), "process 1 ended: everything begins anew");
        for task in self.tasks_of(process) {
            let is_stopped = caller == Some(task) || self.tasks[task].waiting.is_some();
            if !is_stopped {
                self.halt(task);
            }
            self.drop_task(task);
        }
        self.leave_space(process);
        self.close_all(process);
        let it = &mut self.processes[process];
        it.life = life;
        it.is_news = true;
        it.timers = Timers::default();
        let (number, parent) = (it.number, it.parent);
        self.world.vfs.process_ended(number);
        self.orphan_children(number);
        self.tell_parent(process);
        if parent == 0 && !self.awaited.iter().any(|(_, awaited)| *awaited == number) {
            self.forget_process(process);
        }
    }

    /// Stops a thread that runs, or waits for an answer: afterwards it does neither, and if another thread of the
    /// server has a message of it, that finds out.
    pub fn halt(&mut self, task: TaskKey) {
        self.cuts = self.cuts.wrapping_add(1);
        let _ = self.tasks[task].body.pcb.suspend();
    }

    /// Takes a stopped thread away.
    fn drop_task(&mut self, task: TaskKey) {
        // It is not made again that somebody ends.
        let acting = core::mem::replace(&mut self.world.acting, Acting::Nobody);
        self.stop_waiting(task);
        self.release_locks(task);
        self.world.acting = acting;
        let Some(ended) = self.tasks.remove(task) else { return };
        ended.served.into_iter().for_each(|it| give_back(&mut self.world.vfs, it));
        let it = &mut self.processes[ended.process];
        it.account.ended += ended.ticks();
        it.tasks.retain(|other| *other != task);
        let user = it.owner.users[0];
        self.count_threads(None, Some(user), 1);
        self.numbers.remove_thread(ended.number);
        if ended.clear_number != 0 {
            let space = self.processes[ended.process].space;
            // Whoever waits for it looks at the number first.
            let written = self.spaces[space].write(&mut self.world, ended.clear_number, &[0; 4]);
            if written.is_ok() {
                self.wake_futex(space, ended.clear_number, 1, u32::MAX);
            }
        }
        self.world.objects.put_body(ended.body);
    }

    /// A process does not use its memory any more.
    pub fn leave_space(&mut self, process: ProcessKey) {
        let it = &mut self.processes[process];
        let space = it.space;
        // Unless the lender has ended.
        if let Some(lender) = it.borrowed_from.take()
            && let Some(task) = self.tasks.get_mut(lender)
            && task.lends_to == Some(process)
        {
            task.lends_to = None;
            self.wake(lender);
        }
        self.spaces[space].users -= 1;
        if self.spaces[space].users == 0
            && let Some(space) = self.spaces.remove(space)
        {
            let shared = space.has_shared();
            space.dissolve(&mut self.world);
            if shared {
                // Memory that nobody shares any more goes with its last user.
                self.world.forget_all_unmapped(&self.spaces);
            }
        }
    }

    /// Who adopts the children of a process that ended: the next of its ancestors that wishes to, process 1,
    /// or nobody.
    fn heir_of(&self, number: u32) -> u32 {
        let lives = |key: &ProcessKey| !self.processes[*key].life.is_over();
        let mut at = number;
        while let Some(key) = self.process(at) {
            at = self.processes[key].parent;
            let parent = self.process(at).filter(lives);
            if parent.is_some_and(|key| self.processes[key].wishes.adopts) {
                return at;
            }
        }
        if number != 1 && self.process(1).is_some_and(|key| lives(&key)) { 1 } else { 0 }
    }

    /// Gives the children of a process that ended to another.
    fn orphan_children(&mut self, number: u32) {
        let heir = self.heir_of(number);
        let children: Vec<ProcessKey> = self.numbers.children(number).collect();
        for child in children {
            let kin = Kin { parent: heir, ..self.processes[child].kin() };
            self.set_kin(child, kin);
            // Who did not make it is not to be killed or stopped by its end.
            self.processes[child].exit_signal = Signal::CHILD.number();
            let wanted = Signal::new(self.processes[child].wishes.parent_death_signal.into());
            if let Ok(signal) = wanted {
                let detail = Detail::Sender(number, 0);
                self.send(child, Info { signal, code: 0, detail });
            }
            if self.processes[child].life.is_over() {
                if heir == 0 {
                    self.forget_process(child);
                } else {
                    self.tell_parent(child);
                }
            }
        }
    }

    /// Tells the parent of a process how that is now.
    pub fn tell_parent(&mut self, process: ProcessKey) {
        let it = &self.processes[process];
        let (life, user, number) = (it.life, it.owner.users[0], it.number);
        let Some(parent) = self.process(it.parent) else { return };
        let wish = self.processes[parent].actions[Signal::CHILD.index()];
        let exit_signal = it.exit_signal;
        let silent = !life.is_over() && wish.flags & Action::NO_CHILD_STOP != 0;
        if let Ok(signal) = Signal::new(exit_signal.into())
            && !silent
        {
            let (code, status) = life.told();
            let detail = Detail::Child(number, user, status);
            self.send(parent, Info { signal, code, detail });
        }
        let unwanted = wish.handler == Action::IGNORE || wish.flags & Action::NO_CHILD_WAIT != 0;
        if life.is_over() && unwanted && exit_signal == Signal::CHILD.number() {
            self.forget_process(process);
        }
        self.wake_waiters(parent);
    }
}
