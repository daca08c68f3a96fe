//! The server: one loop over system calls, faults, clients and signals.

use koito::conventions::{signal, slot};
use koito::services::{ConsoleClient, FilesClient};
use koito::{Environment, Missing};
use koito_posix_core::{Arena, Key};
use nun::service::respond;
use nun::{Error, FaultReason, IpcPort, Message, NotificationPort, Received, Verdict};

use crate::call::{self, Stop};
use crate::clock::Clock;
use crate::files::Files;
use crate::machine::{IDENTIFIER, Memory, Objects};
use crate::process::{Process, Task};
use crate::service;
use crate::space::{Refusal, Space, tried};

/// What all programs have in common.
pub struct World {
    /// Their memory.
    pub memory: Memory,
    /// What they are made of.
    pub objects: Objects,
    /// The files that they map.
    pub files: Files,
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
    /// Where text goes.
    pub console: ConsoleClient,
    /// What time it is.
    pub clock: Clock,
    /// How often each call was made that is not there.
    pub missing: [u32; call::NUMBERS],
    /// The process number given last.
    pub last_number: u32,
    epoch: u16,
}

/// A thread, as handlers name it.
pub type TaskKey = Key<Task>;

impl Server {
    /// One without programs.
    pub fn new(environment: &Environment) -> Result<Self, Missing> {
        let (objects, mapped) = Objects::new().expect("the manifest gives memory for programs");
        let files = Files::new(FilesClient::new(environment.service("files")?));
        Ok(Self {
            world: World { memory: Memory::new(mapped), objects, files },
            spaces: Arena::new(),
            processes: Arena::new(),
            tasks: Arena::new(),
            console: ConsoleClient::new(environment.service("console")?),
            clock: Clock::new(environment),
            missing: [0; call::NUMBERS],
            last_number: 0,
            epoch: environment.epoch,
        })
    }

    /// Serves for as long as the kernel lets it.
    pub fn serve(&mut self) -> Error {
        let port = IpcPort::slot(slot::SERVED);
        let mut came = port.receive();
        loop {
            let answer = match came {
                Ok(Received::ForeignCall { process, number, arguments }) => {
                    self.call(task(process), number, arguments)
                }
                Ok(received) => self.take(received),
                Err(error) => return error,
            };
            came = match answer {
                Some(answer) => port.reply_receive(&answer),
                None => port.receive(),
            };
        }
    }

    /// A system call; answers what becomes of the caller.
    #[inline]
    fn call(&mut self, task: TaskKey, number: u32, arguments: [u64; 6]) -> Option<Message> {
        match call::dispatch(self, task, number, &arguments) {
            Ok(result) => Some(Message::new(Verdict::Resume as u32, [result])),
            Err(Stop::Error(errno)) => Some(Message::new(Verdict::Resume as u32, [errno.answer()])),
            Err(Stop::Whole) => Some(Message::verdict(Verdict::ResumeWhole)),
            Err(Stop::Halt) => Some(Message::verdict(Verdict::Stop)),
        }
    }

    /// Anything but a system call.
    fn take(&mut self, received: Received) -> Option<Message> {
        match received {
            Received::Fault { process, fault } => {
                let task = task(process);
                let verdict = match fault.reason {
                    Some(FaultReason::Page) => self.fault(task, fault.address, fault.code),
                    _ => Err(Refusal::Forbidden),
                };
                Some(match verdict {
                    Ok(()) => Message::EMPTY,
                    Err(_) => {
                        nun::println!("posix: {task:?} faulted: {fault:x?}");
                        self.end_process(task, 11);
                        Message::verdict(Verdict::Stop)
                    }
                })
            }
            Received::Message { sender, message } => {
                let epoch = self.epoch;
                respond(&service::Service::over(self), epoch, sender, &message)
            }
            Received::Signals { bits } => {
                if bits & signal::ALIVE != 0 {
                    // A component that is never asked has nothing there, and no need.
                    let _ = NotificationPort::slot(slot::HEARTBEAT).notify();
                }
                None
            }
            _ => Some(Message::verdict(Verdict::Stop)),
        }
    }

    fn fault(&mut self, task: TaskKey, address: u64, code: u64) -> Result<(), Refusal> {
        let process = self.tasks[task].process;
        let space = self.processes[process].space;
        self.spaces[space].fault(&mut self.world, address, tried(code))
    }
}

/// The thread that the kernel means by an identifier.
#[inline]
const fn task(identifier: u64) -> TaskKey {
    Key::new((identifier ^ IDENTIFIER) as u32)
}
