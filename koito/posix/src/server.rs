//! The server: what it knows, and what it does about system calls, faults, clients and signals.

use alloc::collections::{BTreeMap, BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;

use koito::conventions::{signal, slot};
use koito::services::{LogClient, PowerClient};
use koito::{Environment, Missing};
use koito_linux::Errno;
use koito_posix_core::{Arena, Key, Numbers, Page, Signal, register, trampoline, vdso};
use koito_vfs::{Finished, Place, Resolve, Vfs};
use nun::mapped::Mapped;
use nun::service::respond;
use nun::{Arrival, Fault, FaultReason, Message, NotificationPort, Received, Verdict};

use crate::call::{self, Answer, Arguments, Stop};
use crate::clock::Clock;
use crate::disk::{Acting, Disk};
use crate::machine::{IDENTIFIER, Memory, Objects};
use crate::mapped::MappedFiles;
use crate::names::HostNames;
use crate::process::{Process, ProcessKey, Task};
use crate::registry::MOST;
use crate::service;
use crate::space::{Refusal, Space, tried};
use crate::terminals::Terminals;
use crate::wake::{Waiting, Word};

/// What part of the memory for programs may hold files in memory; a cache of others takes what is free.
const FILES_SHARE: usize = 3;

/// What all programs have in common.
pub struct World {
    /// Files, and the memory of programs and files.
    pub vfs: Vfs<Memory>,
    /// The file server.
    pub disk: Disk,
    /// In whose name it is asked.
    pub acting: Acting,
    /// What it did for the call that is being made again.
    pub finished: Option<Finished>,
    /// The files that areas name.
    pub mapped: MappedFiles,
    /// What programs are made of.
    pub objects: Objects,
    /// What the system is called.
    pub names: HostNames,
}

/// Everything.
pub struct Server {
    /// What all programs have in common.
    pub world: World,
    /// Address spaces.
    pub spaces: Arena<Space>,
    /// Processes, ended ones that nobody waited for included.
    pub processes: Arena<Process>,
    /// Threads, by the numbers of their bodies.
    pub tasks: Arena<Task>,
    /// From where the server itself looks at files.
    pub place: Place,
    /// The terminals that others show.
    pub terminals: Terminals,
    /// What time it is.
    pub clock: Clock,
    /// What switches the machine off.
    pub power: Option<PowerClient>,
    /// What components wrote.
    pub log: Option<LogClient>,
    /// How often each call was made that is not there.
    pub missing: [u32; call::NUMBERS],
    /// The thread whose message is being answered.
    pub caller: Option<TaskKey>,
    /// The caller may use its terminal from the background.
    pub insists: bool,
    /// Where the paths of the caller may lead.
    pub resolve: Resolve,
    /// The caller was woken before it waited.
    pub missed: bool,
    /// The caller waited and was answered, before its message was.
    pub resumes: bool,
    /// Threads that may go on.
    pub woken: VecDeque<TaskKey>,
    /// When it is time to write back, in nanoseconds since the start.
    pub write_back_at: u64,
    /// When the server is woken, in nanoseconds since the start.
    pub armed: u64,
    /// Process 1, if the system began with one.
    pub first: Option<ProcessKey>,
    /// Clients of the service, and the processes whose end they want to know.
    pub awaited: Vec<(u64, u32)>,
    /// Room for the pages that a read or write goes to, between two of them.
    pub room: Vec<Mapped>,
    /// The page with the way into signal handlers.
    pub trampoline: Page,
    /// The page with the library that tells the time.
    pub vdso: Page,
    /// Bytes of an extended state, once they were asked for.
    pub state_bytes: u64,
    /// Who has which number.
    pub numbers: Numbers<Process, Task>,
    /// Who waits at which word of memory, those who came first at first.
    pub words: BTreeMap<Word, Vec<TaskKey>>,
    /// When waits are over; of those that still last, the one that a thread has now counts.
    pub deadlines: BinaryHeap<Reverse<(u64, TaskKey)>>,
    /// How many threads each user has, but for root.
    pub users: BTreeMap<u32, u64>,
    /// Which instance of the server it is.
    pub epoch: u16,
    /// How often a thread was ended that was not known to be stopped.
    pub cuts: u32,
}

/// A thread, as handlers name it.
pub type TaskKey = Key<Task>;

impl Server {
    /// One without programs, which are made of `objects`.
    pub fn new(environment: &Environment, mut objects: Objects) -> Result<Self, Missing> {
        let (mapped, later) = objects.grow().expect("there is memory for programs");
        let mut memory = Memory::new(mapped, later);
        let trampoline = memory.take_zero().expect("there is memory for programs");
        memory.page(trampoline).copy_from(0, &trampoline::CODE);
        let mut clock = Clock::new(environment);
        let vdso = memory.take_zero().expect("there is memory for programs");
        let (nanoseconds_per_tick, epoch) = clock.numbers();
        memory.page(vdso).copy_from(0, &vdso::library(nanoseconds_per_tick, epoch));
        let (all, _) = memory.pages();
        let cached = memory.pool.len();
        let mut vfs = Vfs::new(memory, all / FILES_SHARE);
        vfs.let_cache_grow(cached);
        let (disk, root) = Disk::open(environment)?;
        if let Some((node, attributes)) = root {
            vfs.mount_remote(vfs.root(), node, attributes);
        }
        let terminals = Terminals::open(environment, &mut vfs);
        let place = vfs.first_place();
        let [low, high] = [clock.random(), clock.random()];
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&low);
        seed[16..].copy_from_slice(&high);
        vfs.seed(seed);
        let mut server = Self {
            trampoline,
            vdso,
            state_bytes: 0,
            world: World {
                vfs,
                disk,
                acting: Acting::Nobody,
                finished: None,
                mapped: MappedFiles::default(),
                objects,
                names: HostNames::new(),
            },
            place,
            spaces: Arena::with_room(MOST),
            processes: Arena::with_room(MOST),
            tasks: Arena::with_room(MOST),
            terminals,
            clock,
            power: environment.service("power").ok().map(PowerClient::new),
            log: environment.service("log").ok().map(LogClient::new),
            insists: false,
            resolve: Resolve::empty(),
            missed: false,
            resumes: false,
            missing: [0; call::NUMBERS],
            caller: None,
            woken: VecDeque::new(),
            write_back_at: u64::MAX,
            armed: u64::MAX,
            first: None,
            awaited: Vec::new(),
            numbers: Numbers::new(),
            words: BTreeMap::new(),
            deadlines: BinaryHeap::new(),
            users: BTreeMap::new(),
            room: Vec::new(),
            epoch: environment.epoch,
            cuts: 0,
        };
        server.mount_all();
        Ok(server)
    }

    /// Does what is to be done about what came, and answers what becomes of whom it is from.
    #[inline(always)]
    pub fn attend_to(&mut self, came: Arrival) -> Next {
        match came.foreign_call() {
            Some((process, number, arguments)) => {
                match self.call(task(process), number, &arguments) {
                    Ok(result) => Next::Result(result),
                    Err(verdict) => Next::Answer(verdict),
                }
            }
            None => match came.received() {
                Ok(received) => self.take(received).map_or(Next::Nothing, Next::Answer),
                Err(error) => panic!("the port is gone: {error}"),
            },
        }
    }

    /// A system call; answers its result, or what else becomes of the caller.
    #[inline(always)]
    pub fn call(
        &mut self,
        task: TaskKey,
        number: u32,
        arguments: &Arguments,
    ) -> Result<u64, Message> {
        // Nobody is to be considered for what cannot be there.
        if number as usize >= call::NUMBERS {
            return Ok(Errno::ENOSYS.answer());
        }
        self.caller = Some(task);
        let answer = call::dispatch(self, task, number, arguments);
        let result = match answer {
            Ok(result) => result,
            Err(Stop::Error(errno)) => errno.answer(),
            Err(_) => return Err(self.finish_call(task, answer, (number, arguments))),
        };
        // It may have ended by its own call.
        let goes_on = self.tasks.get(task).is_some_and(|it| !it.attention);
        match goes_on && self.woken.is_empty() {
            true => Ok(result),
            false => Err(self.finish_call(task, answer, (number, arguments))),
        }
    }

    /// The answer to a call where something is to be considered.
    #[inline(never)]
    fn finish_call(
        &mut self,
        task: TaskKey,
        answer: Answer,
        (number, arguments): (u32, &Arguments),
    ) -> Message {
        let mut answer = answer;
        self.world.acting = Acting::Nobody;
        if let Err(Stop::Disk(ticket)) = answer {
            self.tasks[task].waiting =
                Some(Waiting::Disk { ticket, number, arguments: *arguments });
        }
        self.go_on();
        // What it waits for may have happened while others went on.
        while answer == Err(Stop::Wait) && core::mem::take(&mut self.missed) {
            if self.tasks.get(task).is_some() {
                answer = call::dispatch(self, task, number, arguments);
                self.world.acting = Acting::Nobody;
            }
            if let Err(Stop::Disk(ticket)) = answer {
                let arguments = *arguments;
                self.tasks[task].waiting = Some(Waiting::Disk { ticket, number, arguments });
            }
            self.go_on();
        }
        let Some(it) = self.tasks.get(task) else { return Message::verdict(Verdict::Stop) };
        let result = match answer {
            Ok(result) => result,
            Err(Stop::Error(errno)) => errno.answer(),
            Err(Stop::Whole) => return self.finish(task),
            Err(Stop::Again) => {
                self.make_again(task, number);
                return self.finish(task);
            }
            Err(Stop::Wait) if self.is_interrupted(task) => {
                self.interrupt_call(task, number, *arguments);
                return self.finish(task);
            }
            Err(Stop::Wait) => {
                self.wait_to_repeat(task, number, arguments);
                return Message::verdict(Verdict::Stop);
            }
            Err(Stop::Halt | Stop::Disk(_)) if core::mem::take(&mut self.resumes) => {
                return Message::verdict(Verdict::ResumeWhole);
            }
            Err(Stop::Halt | Stop::Disk(_)) => return Message::verdict(Verdict::Stop),
        };
        if !it.attention {
            return Message::new(Verdict::Resume as u32, [result]);
        }
        // The caller waits for its answer, so it can be written to.
        let _ = it.body.pcb.write_register(register::RAX as u64, result);
        self.finish(task)
    }

    /// Lets the thread whose message is being answered go on with its registers as they are, once its
    /// signals are taken.
    fn finish(&mut self, task: TaskKey) -> Message {
        self.world.acting = Acting::Nobody;
        let runs = match self.tasks.get(task) {
            None => false,
            Some(it) => !it.attention || self.take_signals(task),
        };
        self.go_on();
        // Others may have let it go on meanwhile.
        let runs = core::mem::take(&mut self.resumes) || runs;
        Message::verdict(if runs { Verdict::ResumeWhole } else { Verdict::Stop })
    }

    /// Anything but a system call.
    #[inline(never)]
    fn take(&mut self, received: Received) -> Option<Message> {
        match received {
            Received::Fault { process, fault } => {
                let task = task(process);
                self.caller = Some(task);
                if self.tasks.get(task).is_none() {
                    return Some(Message::verdict(Verdict::Stop));
                }
                self.world.acting = Acting::Thread(task);
                let mended = self.fault(task, &fault);
                match mended {
                    Mended::Goes => Some(Message::EMPTY),
                    Mended::Waits => Some(Message::verdict(Verdict::Stop)),
                    Mended::Looks => Some(self.finish(task)),
                }
            }
            Received::Stopped { process, .. } => {
                let task = task(process);
                self.caller = Some(task);
                Some(self.finish(task))
            }
            Received::Message { sender, message } => {
                self.caller = None;
                self.world.acting = Acting::Nobody;
                let epoch = self.epoch;
                let answer = respond(&service::Service::over(self), epoch, sender, &message);
                self.go_on();
                answer
            }
            Received::Signals { bits } => {
                self.caller = None;
                self.hear(bits);
                self.go_on();
                None
            }
            _ => Some(Message::verdict(Verdict::Stop)),
        }
    }

    fn hear(&mut self, bits: u64) {
        self.world.acting = Acting::Nobody;
        if bits & signal::ALIVE != 0 {
            // A component that is never asked has nothing there, and no need.
            let _ = NotificationPort::slot(slot::HEARTBEAT).notify();
        }
        if bits & signal::ALARM != 0 {
            self.do_what_is_due();
        }
        self.await_keys();
    }

    /// A fault of `task`.
    fn fault(&mut self, task: TaskKey, fault: &Fault) -> Mended {
        let Fault { reason, address, code, .. } = *fault;
        let (signal, code) = match reason {
            Some(FaultReason::Page) => {
                if self.is_short() {
                    self.find_memory();
                    if self.tasks.get(task).is_none() {
                        return Mended::Looks;
                    }
                }
                let process = self.process_of_mut(task);
                process.account.faults.minor += 1;
                let space = process.space;
                match self.spaces[space].fault(&mut self.world, address, tried(code)) {
                    Ok(()) => return Mended::Goes,
                    Err(Refusal::Awaited(ticket)) => {
                        // It comes once more when the page is there.
                        let faults = &mut self.process_of_mut(task).account.faults;
                        (faults.minor, faults.major) = (faults.minor - 1, faults.major + 1);
                        self.tasks[task].waiting = Some(Waiting::Page(ticket));
                        return Mended::Waits;
                    }
                    Err(Refusal::Nothing) => (Signal::SEGMENTATION, 1),
                    Err(Refusal::Forbidden) => (Signal::SEGMENTATION, 2),
                    Err(Refusal::PastEnd) => (Signal::BUS, 2),
                    Err(Refusal::NoMemory) => {
                        // It tries again, unless it was the one.
                        return if self.end_largest() {
                            self.tries_again(task)
                        } else {
                            Mended::Looks
                        };
                    }
                }
            }
            Some(FaultReason::InvalidInstruction) => (Signal::ILLEGAL, 2),
            Some(FaultReason::Division) => (Signal::ARITHMETIC, 1),
            Some(FaultReason::VectorException) => (Signal::ARITHMETIC, 3),
            Some(FaultReason::Breakpoint) => (Signal::TRAP, 0x80),
            Some(FaultReason::Debug) => (Signal::TRAP, 2),
            Some(FaultReason::Alignment) => (Signal::BUS, 1),
            _ => (Signal::SEGMENTATION, 0x80),
        };
        self.fault_signal(task, signal, code, address);
        Mended::Looks
    }

    /// What becomes of a thread after memory was found, unless it was the one.
    fn tries_again(&self, task: TaskKey) -> Mended {
        if self.tasks.get(task).is_some() { Mended::Goes } else { Mended::Looks }
    }
}

/// What becomes of a thread that faulted.
enum Mended {
    /// It goes on.
    Goes,
    /// It stays stopped until the file server has answered.
    Waits,
    /// It looks for signals first, or has ended.
    Looks,
}

/// What a thread of the server does next.
pub enum Next {
    /// It answers a system call with this result.
    Result(u64),
    /// It gives this answer.
    Answer(Message),
    /// It waits for whatever comes: nobody is to be answered.
    Nothing,
}

/// The thread that the kernel means by an identifier.
#[inline]
pub const fn task(identifier: u64) -> TaskKey {
    Key::new((identifier ^ IDENTIFIER) as u32)
}
