//! What a receive brings.

use a9n_abi::{Error, FaultReason, MESSAGE_REGISTERS, MessageInfo, Source};

use crate::guest::GuestExit;
use crate::syscall::Answer;
use crate::{Message, aci};

/// What came, and from whom. Who it is from is the kernel's word, never the sender's: the
/// identifier of the capability that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// A process sent or called. (Whether it waits for a reply is a matter of convention.)
    Message {
        /// Identifier of the capability that it used.
        sender: u64,
        /// What it says.
        message: Message,
    },
    /// A process faulted; this one is its resolver, and answers with a
    /// [verdict](Message::verdict).
    Fault {
        /// Identifier of the port capability that it was configured with.
        process: u64,
        /// What happened.
        fault: Fault,
    },
    /// A foreign process made a system call of its own kind; this one is its resolver.
    ForeignCall {
        /// As for a fault.
        process: u64,
        /// Its number.
        number: u32,
        /// Its arguments.
        arguments: [u64; MESSAGE_REGISTERS],
    },
    /// A process was interrupted; this one is its resolver.
    Stopped {
        /// As for a fault.
        process: u64,
        /// The instruction at which it stopped.
        instruction: u64,
    },
    /// A process left its guest; this one is its monitor, and answers with a
    /// [verdict](Message::guest_verdict).
    Exit {
        /// As for a fault.
        process: u64,
        /// Why.
        left: GuestExit,
    },
    /// Signals of the bound Notification Port.
    Signals {
        /// All that were set since.
        bits: u64,
    },
    /// Something that this version does not know.
    Other {
        /// Identifier, as for a message.
        sender: u64,
        /// Its info word.
        info: MessageInfo,
        /// Its words.
        words: [u64; MESSAGE_REGISTERS],
    },
}

/// A fault of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind of fault; `None` for one that this version does not know.
    pub reason: Option<FaultReason>,
    /// The instruction at which it stopped.
    pub instruction: u64,
    /// The address accessed, for page faults, else the instruction's.
    pub address: u64,
    /// More about it, as [`FaultReason`] says.
    pub code: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It [exited](crate::entry::exit) with this code.
    Exited(u64),
    /// It faulted; it waits for a [verdict](Message::verdict).
    Faulted(Fault),
}

/// What came, as it came: a foreign call is told from everything else by one comparison.
#[derive(Clone, Copy, Debug)]
pub struct Arrival(pub(crate) Answer);

impl Arrival {
    /// If it is a foreign call: whose, its number, its arguments. They are copies, so that what came stays in
    /// registers until somebody wants them elsewhere.
    #[inline(always)]
    pub fn foreign_call(&self) -> Option<(u64, u32, [u64; MESSAGE_REGISTERS])> {
        let Answer { identifier, info, words } = self.0;
        let is_foreign = info.source() == Some(Source::Foreign);
        is_foreign.then_some((identifier, info.label(), words))
    }

    /// Whether a process stands still for which this one is the resolver: it made a foreign call, faulted, or was
    /// interrupted.
    pub fn is_trap(&self) -> bool {
        matches!(self.0.info.source(), Some(Source::Foreign | Source::Fault | Source::Stopped))
    }

    /// Whatever it is.
    pub fn received(self) -> Result<Received, Error> {
        Received::from_answer(self.0)
    }
}

impl Received {
    /// If it is the end of a process that is [supervised](crate::Process::supervise): under which
    /// identifier, and how it ended. Whoever holds a port under an identifier can claim an exit, so
    /// that should be nobody but the process itself.
    pub fn ending(&self) -> Option<(u64, Ending)> {
        match self {
            Self::Message { sender, message } if message.label() == aci::label::EXITED => {
                Some((*sender, Ending::Exited(message.words()[0])))
            }
            Self::Fault { process, fault } => Some((*process, Ending::Faulted(*fault))),
            _ => None,
        }
    }

    /// Takes the answer to a receive apart. Inlined as a whole, so that what was received stays in
    /// registers where its user lets it.
    #[inline(always)]
    pub(crate) fn from_answer(answer: Answer) -> Result<Self, Error> {
        let Answer { identifier, info, words } = answer;
        match info.source() {
            Some(Source::Message) => {
                Ok(Self::Message { sender: identifier, message: Message { info, words } })
            }
            Some(Source::Kernel) if let Some(error) = Error::from_label(info.label()) => Err(error),
            Some(Source::Notification) => Ok(Self::Signals { bits: identifier }),
            Some(Source::Fault) => {
                let [instruction, address, code, ..] = words;
                let reason = FaultReason::from_number(u64::from(info.label()));
                let fault = Fault { reason, instruction, address, code };
                Ok(Self::Fault { process: identifier, fault })
            }
            Some(Source::Foreign) => {
                let number = info.label();
                Ok(Self::ForeignCall { process: identifier, number, arguments: words })
            }
            Some(Source::Stopped) => {
                let [instruction, ..] = words;
                Ok(Self::Stopped { process: identifier, instruction })
            }
            Some(Source::VirtualCpu) => {
                Ok(Self::Exit { process: identifier, left: GuestExit::of(&answer) })
            }
            _ => Ok(Self::Other { sender: identifier, info, words }),
        }
    }

    /// The message, if it is one.
    pub const fn message(&self) -> Option<&Message> {
        match self {
            Self::Message { message, .. } => Some(message),
            _ => None,
        }
    }
}
