//! Waiting, as data: a call that cannot be answered yet, its thread stopped, until somebody wakes it.
//!
//! Most calls are simply made again when something has happened that they wait for.

use alloc::vec::Vec;
use core::cmp::Reverse;

use koito::SupervisorAlarm;
use koito_linux::Errno;
use koito_posix_core::{Arena, Key, PAGE_BYTES, Page, Signal, page_of, register};
use koito_vfs::Finished;
use nun::executor::Alarm;

use crate::call::{self, Arguments, Stop};
use crate::disk::{Acting, Answered, Ticket, give_back};
use crate::process::{ProcessKey, Task};
use crate::server::{Server, TaskKey};
use crate::space::Space;

/// Bytes of the `syscall` instruction.
const CALL_BYTES: u64 = 2;
/// Number of the register for results.
const RESULT: u64 = 0;
/// Points in time of waits that are over are forgotten when there are more of them than this.
const SPARE_DEADLINES: usize = 64;
/// Nanoseconds between two looks at what is due, at least, and as a multiple of what the last one took.
const LEAST_REST: u64 = 200_000;
const REST: u64 = 4;
/// `wait4` and `waitid`.
const WAITS: [u32; 2] = [61, 247];

/// What a thread does when it is woken.
#[derive(Clone, Copy, Debug)]
pub enum Waiting {
    /// It makes its call again.
    Repeat {
        /// Number of the call.
        number: u32,
        /// Its arguments.
        arguments: Arguments,
    },
    /// It gets this answer: what it waits for is that somebody else does something.
    Answer(u64),
    /// The same, as one of those who wait at a word of memory.
    Futex {
        /// The word.
        word: Word,
        /// By which bits it can be woken.
        bits: u32,
    },
    /// It makes its call again as soon as the file server has answered. Signals do not change that.
    Disk {
        /// The request.
        ticket: Ticket,
        /// Number of the call.
        number: u32,
        /// Its arguments.
        arguments: Arguments,
    },
    /// It makes its access to memory again as soon as the file server has answered this request.
    Page(Ticket),
}

/// A word of memory at which threads wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// At an address that means something in one address space only.
    Private(Key<Space>, u64),
    /// In a page that several may have mapped.
    Shared(Page, u64),
}

/// Whether a thread's wait ends at `deadline`: it may have ended before.
fn is_due_at(tasks: &Arena<Task>, task: TaskKey, deadline: u64) -> bool {
    tasks.get(task).is_some_and(|it| it.deadline == Some(deadline))
}

impl Server {
    /// A call of `task` was not answered; it will be when the thread is woken.
    pub fn wait_to_repeat(&mut self, task: TaskKey, number: u32, arguments: &Arguments) {
        self.tasks[task].waiting = Some(Waiting::Repeat { number, arguments: *arguments });
    }

    /// Has a thread end its wait at `deadline`, in nanoseconds since the start.
    pub fn set_deadline(&mut self, task: TaskKey, deadline: Option<u64>) {
        self.tasks[task].deadline = deadline;
        if let Some(deadline) = deadline {
            self.arm(deadline);
            self.deadlines.push(Reverse((deadline, task)));
            if self.deadlines.len() > 2 * self.tasks.len() + SPARE_DEADLINES {
                // Most waits are over long before.
                let tasks = &self.tasks;
                self.deadlines
                    .retain(|Reverse((deadline, task))| is_due_at(tasks, *task, *deadline));
            }
        }
    }

    /// Those whose waits are over by `now`.
    fn take_due(&mut self, now: u64) -> Vec<TaskKey> {
        let mut over: Vec<TaskKey> = Vec::new();
        while let Some(Reverse((deadline, task))) = self.deadlines.peek().copied() {
            let counts = is_due_at(&self.tasks, task, deadline);
            if counts && deadline > now {
                break;
            }
            self.deadlines.pop();
            if counts && over.last() != Some(&task) {
                over.push(task);
            }
        }
        over
    }

    /// Has the server woken at `deadline`, unless it is woken before that anyway.
    pub fn arm(&mut self, deadline: u64) {
        if deadline < self.armed {
            self.armed = deadline;
            SupervisorAlarm.set(self.clock.ticks_at(deadline));
        }
    }

    /// Something has happened that a thread waits for.
    pub fn wake(&mut self, task: TaskKey) {
        self.woken.push_back(task);
    }

    /// Wakes those threads of a process that wait for its children.
    pub fn wake_waiters(&mut self, process: ProcessKey) {
        for key in &self.processes[process].tasks {
            if let Some(Waiting::Repeat { number, .. }) = self.tasks[*key].waiting
                && WAITS.contains(&number)
            {
                self.woken.push_back(*key);
            }
        }
    }

    /// Lets all who were woken go on, as far as they can.
    pub fn go_on(&mut self) {
        self.wake_woken();
        while let Some(task) = self.woken.pop_front() {
            let waiting = self.take_waiting(task);
            match waiting {
                Some(Waiting::Disk { .. } | Waiting::Page(_)) => {
                    self.go_on_after_disk(task, waiting)
                }
                // It was woken twice, or ended, or is about to wait.
                None => self.missed |= self.caller == Some(task),
                Some(Waiting::Answer(answer)) => self.answer(task, Ok(answer)),
                Some(Waiting::Futex { .. }) => self.answer(task, Ok(0)),
                Some(Waiting::Repeat { number, arguments }) => {
                    self.repeat(task, number, &arguments)
                }
            }
        }
    }

    /// Makes the call of a stopped thread again.
    fn repeat(&mut self, task: TaskKey, number: u32, arguments: &Arguments) {
        let answer = call::dispatch(self, task, number, arguments);
        self.world.acting = Acting::Nobody;
        self.answer_repeated(task, (number, arguments), answer);
    }

    /// Has a stopped thread, which is behind its call, make that again.
    pub fn make_again(&mut self, task: TaskKey, number: u32) {
        let pcb = self.tasks[task].body.pcb;
        let written = pcb.read_register(register::RIP as u64).and_then(|instruction| {
            pcb.write_register(register::RAX as u64, number.into())?;
            pcb.write_register(register::RIP as u64, instruction - CALL_BYTES)
        });
        written.expect("a stopped thread can be written to");
    }

    /// A thread that was to go on with a call enters a handler instead: the call gives what it has moved.
    pub fn end_again(&mut self, task: TaskKey) {
        let moved = core::mem::take(&mut self.tasks[task].moved);
        if moved == 0 {
            return;
        }
        let pcb = self.tasks[task].body.pcb;
        let written = pcb.read_register(register::RIP as u64).and_then(|instruction| {
            pcb.write_register(register::RAX as u64, moved)?;
            pcb.write_register(register::RIP as u64, instruction + CALL_BYTES)
        });
        written.expect("a stopped thread can be written to");
    }

    /// Notes what the file server answered to a thread, and wakes it; answers whether it is there.
    pub fn hear_of_disk(&mut self, answered: Answered) -> bool {
        let Answered { ticket, task, served } = answered;
        if let Some(it) = self.tasks.get_mut(task)
            && let Some(Waiting::Disk { ticket: wanted, .. } | Waiting::Page(wanted)) = it.waiting
            && wanted == ticket
        {
            it.served = Some(served);
            self.wake(task);
            return true;
        }
        give_back(&mut self.world.vfs, served);
        false
    }

    /// Lets a thread go on that waits for the file server, if that has answered.
    fn go_on_after_disk(&mut self, task: TaskKey, waiting: Option<Waiting>) {
        let Some(it) = self.tasks.get_mut(task) else { return };
        let Some(served) = it.served.take() else {
            it.waiting = waiting;
            return;
        };
        match (waiting, served) {
            (Some(Waiting::Disk { number, arguments, .. }), Ok(finished)) => {
                self.world.finished = Some(finished).filter(|it| *it != Finished::Again);
                self.repeat(task, number, &arguments);
                // It did not come to that: its memory has changed.
                let unused = self.world.finished.take();
                unused.into_iter().for_each(|it| give_back(&mut self.world.vfs, Ok(it)));
            }
            (Some(Waiting::Disk { .. }), Err(errno)) => {
                let answer = match self.end_file_wait(task) {
                    0 => Err(errno.into()),
                    moved => Ok(moved),
                };
                self.answer(task, answer);
            }
            (_, Ok(_)) => self.run(task),
            (_, Err(_)) => {
                self.fault_signal(task, Signal::BUS, 2, 0);
                if self.tasks.get(task).is_some() {
                    self.run(task);
                }
            }
        }
        // Others may have their turn with the file server.
        self.settle_files();
    }

    fn answer_repeated(
        &mut self,
        task: TaskKey,
        (number, arguments): (u32, &Arguments),
        answer: call::Answer,
    ) {
        match answer {
            Err(Stop::Wait) => self.wait_to_repeat(task, number, arguments),
            Err(Stop::Again) => {
                self.make_again(task, number);
                self.answer(task, Err(Stop::Whole));
            }
            Err(Stop::Disk(ticket)) => {
                let arguments = *arguments;
                self.tasks[task].waiting = Some(Waiting::Disk { ticket, number, arguments });
            }
            answer => self.answer(task, answer),
        }
    }

    /// Answers the call of a thread that is stopped, and lets it run.
    pub fn answer(&mut self, task: TaskKey, answer: call::Answer) {
        if self.tasks.get(task).is_none() {
            return;
        }
        self.tasks[task].deadline = None;
        let pcb = self.tasks[task].body.pcb;
        let result = match answer {
            Ok(result) => result,
            Err(Stop::Error(errno)) => errno.answer(),
            Err(Stop::Whole) => return self.run(task),
            Err(Stop::Halt | Stop::Wait | Stop::Disk(_) | Stop::Again) => return,
        };
        // It is stopped, so it can be written to.
        let _ = pcb.write_register(RESULT, result);
        self.run(task);
    }

    /// Lets a stopped thread run whose registers are as they should be, once its signals are taken. The caller, which
    /// had to wait and has to no more, runs when its message is answered: it is not stopped yet.
    pub fn run(&mut self, task: TaskKey) {
        if self.tasks[task].attention && !self.take_signals(task) {
            return;
        }
        if self.caller == Some(task) {
            self.resumes = true;
            return;
        }
        let _ = self.tasks[task].body.pcb.resume();
    }

    /// Ends the wait of a thread without an answer: a signal came, or it ends.
    pub fn stop_waiting(&mut self, task: TaskKey) {
        self.end_file_wait(task);
        self.take_waiting(task);
        if let Some(task) = self.tasks.get_mut(task) {
            task.deadline = None;
        }
    }

    /// A thread waits at a word from now on, until it is woken by one of `bits`.
    pub fn wait_at_word(&mut self, task: TaskKey, word: Word, bits: u32) {
        self.tasks[task].waiting = Some(Waiting::Futex { word, bits });
        self.words.entry(word).or_default().push(task);
    }

    /// A thread does not wait any more, if it did, at a word.
    fn leave_word(&mut self, task: TaskKey, waiting: Option<Waiting>) {
        if let Some(Waiting::Futex { word, .. }) = waiting
            && let Some(waiting) = self.words.get_mut(&word)
        {
            waiting.retain(|it| *it != task);
            if waiting.is_empty() {
                self.words.remove(&word);
            }
        }
    }

    /// Takes what a thread waits for away.
    pub fn take_waiting(&mut self, task: TaskKey) -> Option<Waiting> {
        let waiting = self.tasks.get_mut(task)?.waiting.take();
        self.leave_word(task, waiting);
        waiting
    }

    /// The threads that wait at the word at `address`, those who came first at first, and by which bits.
    pub fn waiting_at(&self, space: Key<Space>, address: u64) -> Vec<(TaskKey, u32)> {
        let page = self.spaces[space].pages.get(page_of(address));
        let shared = page.map(|entry| Word::Shared(entry.page(), address % PAGE_BYTES));
        let words = [Some(Word::Private(space, address)), shared];
        let waiting = words.iter().flatten().filter_map(|word| self.words.get(word)).flatten();
        let bits = |task: &TaskKey| match self.tasks[*task].waiting {
            Some(Waiting::Futex { bits, .. }) => bits,
            _ => 0,
        };
        waiting.map(|task| (*task, bits(task))).collect()
    }

    /// Wakes up to `count` threads that wait at the word at `address` by one of `bits`; answers how many.
    pub fn wake_futex(&mut self, space: Key<Space>, address: u64, count: u32, bits: u32) -> u64 {
        let waiting = self.waiting_at(space, address);
        let meant = waiting.into_iter().filter(|(_, wanted)| wanted & bits != 0);
        let mut woken = 0;
        for (task, _) in meant.take(count as usize) {
            self.answer_waiting(task, 0);
            woken += 1;
        }
        woken
    }

    /// A thread that waits gets its answer.
    pub fn answer_waiting(&mut self, task: TaskKey, answer: u64) {
        self.take_waiting(task);
        self.tasks[task].waiting = Some(Waiting::Answer(answer));
        self.wake(task);
    }

    /// Does what is due by now.
    pub fn do_what_is_due(&mut self) {
        let now = self.clock.now();
        self.armed = u64::MAX;
        self.write_back(now);
        let mut next = self.write_back_at;
        for task in self.take_due(now) {
            match self.tasks.get(task).and_then(|it| it.waiting) {
                Some(Waiting::Futex { .. }) => {
                    self.take_waiting(task);
                    self.answer(task, Err(Errno::ETIMEDOUT.into()));
                }
                _ => self.wake(task),
            }
        }
        if let Some(Reverse((deadline, _))) = self.deadlines.peek() {
            next = next.min(*deadline);
        }
        if let Some(deadline) = self.ring_timers(now) {
            next = next.min(deadline);
        }
        if next != u64::MAX {
            // Whoever has timers ring without end gets no more than a part of the time.
            let done = self.clock.now();
            self.arm(next.max(done + LEAST_REST.max(REST * (done - now))));
        }
    }
}
