//! The client's side: one call after another, across deaths of the server.

use core::cell::Cell;

use a9n_abi::{MessageInfo, Source};

use super::protocol::{Answered, request, understand};
use super::{CallError, Epoch, Failure, Interface, Reader, Wire, status};
use crate::syscall::Answer;
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
        let request = request(ordinal, self.epoch.get(), &arguments);
        let answer = self.port.call_plain(&request);
        if is_answered(answer.info) {
            return read(&message(answer));
        }
        // Words by themselves: as a whole, the answer would go through memory on either way.
        let [first, second, third, ..] = answer.words;
        let came = (answer.info, first, second, third);
        read(&self.call_again::<I, A>(ordinal, retry, arguments, came)?)
    }

    #[cold]
    #[inline(never)]
    fn call_again<I: Interface, A: Wire>(
        &self,
        ordinal: u16,
        retry: Retry,
        arguments: A,
        (info, first, second, third): (MessageInfo, u64, u64, u64),
    ) -> Result<Message, CallError> {
        let first = Answer { identifier: 0, info, words: [first, second, third, 0, 0, 0] };
        let make = || request(ordinal, self.epoch.get(), &arguments);
        self.recover(&make, retry, (I::VERSION, I::FINGERPRINT), first)
    }

    /// Goes on after a call whose answer was neither a value nor the method's error.
    fn recover(
        &self,
        request: &dyn Fn() -> Message,
        retry: Retry,
        interface: (u32, u64),
        mut answer: Answer,
    ) -> Result<Message, CallError> {
        let mut failed = CallError::SessionLost;
        for repetition in 0..=ATTEMPTS {
            if answer.info.source() == Some(Source::Message) {
                match understand(&message(answer), interface) {
                    Answered::Well => return Ok(message(answer)),
                    Answered::ByAnother(epoch) => self.epoch.set(epoch),
                    Answered::Badly(error) => return Err(error),
                }
            } else {
                let error = self.no_answer(answer.info);
                let died = matches!(error, CallError::ServerDied(_));
                if !died || retry == Retry::AtMostOnce {
                    return Err(error);
                }
                // It may have been carried out, whatever comes of its repetitions.
                failed = error;
            }
            if repetition < ATTEMPTS {
                answer = self.port.call_plain(&request());
            }
        }
        Err(failed)
    }

    /// What it means that the kernel gave an answer in place of a server.
    fn no_answer(&self, info: MessageInfo) -> CallError {
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

/// The message that came.
#[inline(always)]
const fn message(answer: Answer) -> Message {
    Message { info: answer.info, words: answer.words }
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
