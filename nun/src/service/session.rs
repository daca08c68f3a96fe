//! The client's side: one call after another, across deaths of the server.

use core::cell::Cell;

use a9n_abi::{MessageInfo, Source};

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

    /// Calls method `ordinal` with `arguments`, and takes its answer apart with `read`. A request
    /// that a server refused because of its epoch was not carried out, so it is repeated whatever
    /// its class.
    ///
    /// Made so that arguments and result stay in registers as long as all goes well.
    #[inline(always)]
    pub fn call<I: Interface, A: Wire, T, E>(
        &self,
        ordinal: u16,
        retry: Retry,
        arguments: A,
        read: impl Fn(&Message) -> Result<T, Failure<E>>,
    ) -> Result<T, Failure<E>> {
        let answer = self.port.call_plain(&self.request(ordinal, |to| arguments.put(to)));
        if is_answered(answer.info) {
            return read(&Message { info: answer.info, words: answer.words });
        }
        read(&self.call_again::<I, A>(ordinal, retry, arguments, answer.info)?)
    }

    /// The request with the words that `put` writes.
    #[inline(always)]
    fn request(&self, ordinal: u16, put: impl Fn(&mut Writer)) -> Message {
        let label = u32::from(ordinal) | (u32::from(self.epoch.get()) << EPOCH_SHIFT);
        let mut writer = Writer::new();
        put(&mut writer);
        writer.into_message(label)
    }

    #[cold]
    #[inline(never)]
    fn call_again<I: Interface, A: Wire>(
        &self,
        ordinal: u16,
        retry: Retry,
        arguments: A,
        outcome: MessageInfo,
    ) -> Result<Message, CallError> {
        let open = || self.open(I::VERSION, I::FINGERPRINT);
        self.recover(&|| self.request(ordinal, |to| arguments.put(to)), retry, &open, outcome)
    }

    /// Goes on after a call that had another `outcome` than a value or the method's error.
    fn recover(
        &self,
        request: &dyn Fn() -> Message,
        retry: Retry,
        open: &dyn Fn() -> Result<(), CallError>,
        mut outcome: MessageInfo,
    ) -> Result<Message, CallError> {
        let mut last = CallError::SessionLost;
        for _ in 0..ATTEMPTS {
            last = self.meaning(outcome);
            match last {
                CallError::SessionLost => open()?,
                CallError::ServerDied(_) if retry == Retry::Idempotent => {}
                other => return Err(other),
            }
            let answer = self.port.call_plain(&request());
            if is_answered(answer.info) {
                return Ok(Message { info: answer.info, words: answer.words });
            }
            outcome = answer.info;
        }
        Err(last)
    }

    /// Opens the session with whichever instance answers.
    fn open(&self, version: u32, fingerprint: u64) -> Result<(), CallError> {
        let request = Message::new(OPEN, [version.into(), fingerprint]);
        let mut last = CallError::SessionLost;
        for _ in 0..ATTEMPTS {
            let answer = self.port.call_plain(&request);
            let [word, ..] = answer.words;
            if is_answered(answer.info) {
                self.epoch.set(Epoch::try_from(word).map_err(|_| CallError::Malformed)?);
                return Ok(());
            }
            last = match self.meaning(answer.info) {
                CallError::WrongVersion(_) => CallError::WrongVersion(word as u32),
                other => other,
            };
            if !matches!(last, CallError::ServerDied(_)) {
                break;
            }
        }
        Err(last)
    }

    /// What an answer means that is neither a value nor a method's error.
    fn meaning(&self, info: MessageInfo) -> CallError {
        if info.source() == Some(Source::Message) {
            return match info.label() {
                status::SESSION_LOST => CallError::SessionLost,
                status::UNKNOWN_METHOD => CallError::UnknownMethod,
                status::WRONG_VERSION => CallError::WrongVersion(0),
                status::BUSY => CallError::Busy,
                _ => CallError::Malformed,
            };
        }
        match Error::from_label(info.label()) {
            Some(Error { reason: Reason::PartnerDied, .. }) => {
                CallError::ServerDied(self.epoch.get())
            }
            Some(Error { reason: Reason::InvalidDescriptor, .. }) => CallError::Gone,
            Some(Error { reason: Reason::Cancelled, .. }) => CallError::Cancelled,
            Some(error) => CallError::Kernel(error),
            None => CallError::Malformed,
        }
    }
}

/// Whether it is the reply with a value, or with the method's own error.
#[inline(always)]
fn is_answered(info: MessageInfo) -> bool {
    info.source() == Some(Source::Message) && info.label() <= status::ERROR
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
