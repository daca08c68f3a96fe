//! What a receive brings.

use a9n_abi::{Error, FaultReason, MESSAGE_REGISTERS, MessageInfo, Source};

use crate::Message;
use crate::syscall::Answer;

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
    /// A process faulted; this one is its resolver. A reply with label 0 lets it go on, with any
    /// other leaves it stopped.
    Fault {
        /// Identifier of the port capability that it was configured with.
        process: u64,
        /// What happened.
        fault: Fault,
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

impl Received {
    /// Takes the answer to a receive apart.
    #[inline(always)]
    pub(crate) fn from_answer(answer: Answer) -> Result<Self, Error> {
        let Answer { identifier, info, words } = answer;
        match info.source() {
            Some(Source::Message) => {
                Ok(Self::Message { sender: identifier, message: Message { info, words } })
            }
            _ => Self::from_unusual(answer),
        }
    }

    /// Kept apart from the usual case, which stays short where it is inlined.
    #[cold]
    fn from_unusual(answer: Answer) -> Result<Self, Error> {
        let Answer { identifier, info, words } = answer;
        match info.source() {
            Some(Source::Kernel) if let Some(error) = Error::from_label(info.label()) => Err(error),
            Some(Source::Notification) => Ok(Self::Signals { bits: identifier }),
            Some(Source::Fault) => {
                let [instruction, address, code, ..] = words;
                let reason = FaultReason::from_number(u64::from(info.label()));
                let fault = Fault { reason, instruction, address, code };
                Ok(Self::Fault { process: identifier, fault })
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
