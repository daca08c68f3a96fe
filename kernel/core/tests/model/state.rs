//! What the model consists of: plain collections, no links, no steps.

use std::collections::{BTreeMap, VecDeque};

use a9n_abi::{Culprit, Error, MESSAGE_REGISTERS, MessageInfo, ObjectType, Reason, Rights};
use a9n_hal_sim::Answer;

/// Identity of a capability, of a port, of signals, of a frame.
pub type Id = usize;
/// Number of a process.
pub type Number = usize;

pub const PROCESSES: usize = 3;

/// Where a capability is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a slot of the root node.
    Slot(u64),
    /// A process's resolver.
    Resolver(Number),
    /// What the timer signals.
    Timer,
    /// What the interrupt line signals.
    Line,
}

/// What a capability names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Generic { bits: u32, used: u64 },
    Port { port: Id, identifier: u64 },
    Signals { signals: Id, identifier: u64 },
    Frame { frame: Id, pages: u64 },
    Window { frame: Id, pages: u64, first: u64, range: u64 },
    Reply { caller: Number },
}

impl Kind {
    pub const fn object(&self) -> ObjectType {
        match self {
            Self::Generic { .. } => ObjectType::Generic,
            Self::Port { .. } => ObjectType::IpcPort,
            Self::Signals { .. } => ObjectType::NotificationPort,
            Self::Frame { .. } => ObjectType::Frame,
            Self::Window { .. } => ObjectType::Window,
            Self::Reply { .. } => ObjectType::Reply,
        }
    }

    pub const fn identifier(&self) -> u64 {
        match self {
            Self::Port { identifier, .. } | Self::Signals { identifier, .. } => *identifier,
            _ => 0,
        }
    }

    pub const fn is_copyable(&self) -> bool {
        matches!(self, Self::Port { .. } | Self::Signals { .. } | Self::Frame { .. })
    }
}

#[derive(Clone, Debug)]
pub struct Capability {
    pub place: Place,
    pub parent: Option<Id>,
    pub original: bool,
    pub rights: Rights,
    pub kind: Kind,
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Runs,
    Stopped,
    Sending(Id),
    Calling(Id),
    /// At a port, with the slot for the next Reply.
    Receiving(Id, u64),
    /// The Reply is in this process.
    Awaiting(Number),
    /// The Reply is this capability.
    AwaitingStored(Id),
    Waiting(Id),
}

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub info: MessageInfo,
    pub words: [u64; MESSAGE_REGISTERS],
    /// Slot of the capability that goes with it.
    pub gives: Option<u64>,
    /// Of the capability that it was sent through.
    pub identifier: u64,
}

#[derive(Clone, Debug)]
pub struct Process {
    pub doing: Doing,
    /// It waits for its resolver.
    pub trapped: bool,
    /// Whose call it has in its PCB to answer.
    pub owes: Option<Number>,
    /// What it sends while it is queued.
    pub message: Option<Message>,
    /// What it goes on with, until that was seen.
    pub answer: Option<Answer>,
}

#[derive(Clone, Debug, Default)]
pub struct Port {
    pub receivers: VecDeque<Number>,
    pub senders: VecDeque<Number>,
}

#[derive(Clone, Debug, Default)]
pub struct Signals {
    pub bits: u64,
    pub waiters: VecDeque<Number>,
}

/// The model.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub capabilities: BTreeMap<Id, Capability>,
    pub ports: BTreeMap<Id, Port>,
    pub signals: BTreeMap<Id, Signals>,
    pub processes: Vec<Process>,
    /// By address: frame, page of it, and access bits.
    pub mapped: BTreeMap<u64, (Id, u64, u64)>,
    pub now: u64,
    pub alarm: Option<u64>,
    pub line_open: bool,
    pub last: Id,
}

/// What a call comes to for its caller: `None` if it waits.
pub type Outcome = Result<Option<Answer>, Error>;

pub const fn refused<T>(reason: Reason, culprit: Culprit) -> Result<T, Error> {
    Err(Error::new(reason, culprit))
}

pub const fn bad<T>(reason: Reason, argument: u8) -> Result<T, Error> {
    refused(reason, Culprit::argument(argument))
}

/// The kernel's own answer, the first result in the identifier's register.
pub fn results(results: &[u64]) -> Answer {
    let mut words = [0; MESSAGE_REGISTERS];
    for (word, result) in words.iter_mut().zip(results.iter().skip(1)) {
        *word = *result;
    }
    let identifier = results.first().copied().unwrap_or(0);
    Answer { identifier, info: MessageInfo::success(results.len()).0, words }
}

pub fn failure(reason: Reason, culprit: Culprit) -> Answer {
    let info = MessageInfo::failure(Error::new(reason, culprit)).0;
    Answer { identifier: 0, info, words: [0; MESSAGE_REGISTERS] }
}

impl Model {
    pub fn new() -> Self {
        let process = Process {
            doing: Doing::Stopped,
            trapped: false,
            owes: None,
            message: None,
            answer: None,
        };
        Self { processes: vec![process; PROCESSES], ..Self::default() }
    }

    pub fn fresh(&mut self) -> Id {
        self.last += 1;
        self.last
    }

    pub fn at(&self, place: Place) -> Option<Id> {
        self.capabilities.iter().find(|(_, found)| found.place == place).map(|(id, _)| *id)
    }

    pub fn in_slot(&self, slot: u64) -> Option<Id> {
        self.at(Place::Slot(slot))
    }

    pub fn children(&self, of: Id) -> Vec<Id> {
        let children = self.capabilities.iter().filter(|(_, found)| found.parent == Some(of));
        children.map(|(id, _)| *id).collect()
    }

    pub fn put(&mut self, place: Place, parent: Option<Id>, rights: Rights, kind: Kind) -> Id {
        let id = self.fresh();
        let capability = Capability { place, parent, original: false, rights, kind };
        self.capabilities.insert(id, capability);
        id
    }

    /// The capability that a call is made on: of this type, with these rights.
    pub fn called(&self, slot: u64, object: ObjectType, rights: Rights) -> Result<Id, Error> {
        let found = self.in_slot(slot).filter(|id| self.capabilities[id].kind.object() == object);
        let Some(id) = found else {
            return refused(Reason::InvalidDescriptor, Culprit::DESCRIPTOR);
        };
        if !self.capabilities[&id].rights.contains(rights) {
            return refused(Reason::PermissionDenied, Culprit::DESCRIPTOR);
        }
        Ok(id)
    }

    /// The capability that an argument names.
    pub fn named(&self, slot: u64, argument: u8) -> Result<Id, Error> {
        self.in_slot(slot).map_or(bad(Reason::InvalidDescriptor, argument), Ok)
    }

    pub fn must_be_empty(&self, slot: u64, argument: u8) -> Result<(), Error> {
        if self.in_slot(slot).is_some() { bad(Reason::Occupied, argument) } else { Ok(()) }
    }
}
