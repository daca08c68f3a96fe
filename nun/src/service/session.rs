//! The client's side: one call after another, across deaths of the server.

use core::cell::Cell;

use super::{
    CallError, EPOCH_SHIFT, Epoch, Failure, Interface, OPEN, Reader, Wire, Writer, status,
};
use crate::{Error, IpcPort, Message, Reason};

/// How often a call is made anew before its client is told.
const ATTEMPTS: u32 = 16;

/// What to do when the server dies with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Call again: doing it twice does no harm.
    Idempotent,
    /// Tell the client, who decides.
    AtMostOnce,
}

/// A client's relation to a service. It outlives the servers: whenever another instance answers,
/// the session is opened again.
#[derive(Debug)]
pub struct Session {
    port: IpcPort,
    /// Of the instance that it is open with, 0 before the first.
    epoch: Cell<Epoch>,
}

impl Session {
    /// With whoever serves `port`. It opens with its first call.
    pub const fn new(port: IpcPort) -> Self {
        Self { port, epoch: Cell::new(0) }
    }

    /// Epoch of the server that it was last open with, 0 if it never was.
    pub fn epoch(&self) -> Epoch {
        self.epoch.get()
    }

    /// Calls method `ordinal` with the arguments that `put` writes, which it does anew for every
    /// attempt. A request that a server refused because of its epoch was not carried out, so it
    /// is repeated whatever its class.
    #[inline(always)]
    pub fn call<I: Interface>(
        &self,
        ordinal: u16,
        retry: Retry,
        put: impl Fn(&mut Writer),
    ) -> Result<Message, CallError> {
        match self.attempt(ordinal, &put) {
            Ok(reply) if reply.label() <= status::ERROR => Ok(reply),
            outcome => self.recover::<I>(ordinal, retry, &put, outcome),
        }
    }

    #[inline(always)]
    fn attempt(&self, ordinal: u16, put: impl Fn(&mut Writer)) -> Result<Message, Error> {
        let label = u32::from(ordinal) | (u32::from(self.epoch.get()) << EPOCH_SHIFT);
        let mut writer = Writer::new();
        put(&mut writer);
        self.port.call(&writer.into_message(label))
    }

    /// Goes on after an attempt that had another `outcome` than a value or the method's error.
    #[cold]
    #[inline(never)]
    fn recover<I: Interface>(
        &self,
        ordinal: u16,
        retry: Retry,
        put: &dyn Fn(&mut Writer),
        mut outcome: Result<Message, Error>,
    ) -> Result<Message, CallError> {
        let mut last = CallError::SessionLost;
        for _ in 0..ATTEMPTS {
            match outcome {
                Ok(reply) if reply.label() <= status::ERROR => return Ok(reply),
                Ok(reply) => {
                    last = refusal(&reply);
                    if last != CallError::SessionLost {
                        return Err(last);
                    }
                    self.open::<I>()?;
                }
                Err(error) => {
                    last = self.no_answer(error);
                    let died = matches!(last, CallError::ServerDied(_));
                    if !died || retry == Retry::AtMostOnce {
                        return Err(last);
                    }
                }
            }
            outcome = self.attempt(ordinal, put);
        }
        Err(last)
    }

    /// Opens the session with whichever instance answers.
    fn open<I: Interface>(&self) -> Result<(), CallError> {
        let request = Message::new(OPEN, [I::VERSION.into(), I::FINGERPRINT]);
        let mut last = CallError::SessionLost;
        for _ in 0..ATTEMPTS {
            match self.port.call(&request) {
                Ok(reply) if reply.label() == status::VALUE => {
                    let [epoch, ..] = *reply.words();
                    self.epoch.set(Epoch::try_from(epoch).map_err(|_| CallError::Malformed)?);
                    return Ok(());
                }
                Ok(reply) => return Err(refusal(&reply)),
                Err(error) => {
                    last = self.no_answer(error);
                    if !matches!(last, CallError::ServerDied(_)) {
                        return Err(last);
                    }
                }
            }
        }
        Err(last)
    }

    /// What it means that the kernel gave `error` in place of a reply.
    fn no_answer(&self, error: Error) -> CallError {
        match error.reason {
            Reason::PartnerDied => CallError::ServerDied(self.epoch.get()),
            Reason::InvalidDescriptor => CallError::Gone,
            Reason::Cancelled => CallError::Cancelled,
            _ => CallError::Kernel(error),
        }
    }
}

/// What a reply that is neither value nor error says.
fn refusal(reply: &Message) -> CallError {
    let [word, ..] = *reply.words();
    match reply.label() {
        status::SESSION_LOST => CallError::SessionLost,
        status::UNKNOWN_METHOD => CallError::UnknownMethod,
        status::BUSY => CallError::Busy,
        status::WRONG_VERSION => CallError::WrongVersion(word as u32),
        _ => CallError::Malformed,
    }
}

/// The value in `reply`, to a method without errors.
#[inline(always)]
pub fn read_value<T: Wire>(reply: &Message) -> Result<T, Failure> {
    match reply.label() {
        status::VALUE => read(reply).map_err(Failure::Call),
        _ => Err(Failure::Call(CallError::Malformed)),
    }
}

/// The value or error in `reply`.
#[inline(always)]
pub fn read_outcome<T: Wire, E: Wire>(reply: &Message) -> Result<T, Failure<E>> {
    match reply.label() {
        status::VALUE => read(reply).map_err(Failure::Call),
        _ => Err(read(reply).map_or_else(Failure::Call, Failure::Method)),
    }
}

#[inline(always)]
fn read<T: Wire>(reply: &Message) -> Result<T, CallError> {
    let mut reader = Reader::new(reply);
    T::take(&mut reader).filter(|_| reader.is_complete()).ok_or(CallError::Malformed)
}
