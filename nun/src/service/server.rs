//! The server's side: from a message to a method, and back.

use super::protocol::other_instance;
use super::{EPOCH_SHIFT, Epoch, Reader, Wire, Writer, status};
use crate::syscall::Answer;
use crate::{Error, IpcPort, Message, Received};
use a9n_abi::Source;

/// What a client and a server have to agree upon.
pub trait Interface {
    /// Name of the trait.
    const NAME: &'static str;
    /// Counted up whenever methods are added. Clients of older versions can use a server of a newer
    /// one.
    const VERSION: u32;
    /// A hash over all methods: two builds of one version must not differ in it.
    const FINGERPRINT: u64;
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Identifier of the port capability that was used: the word of whoever handed it out.
    pub client: u64,
}

/// Answers requests by the methods of a server. Made by `#[nun::service]`.
pub trait Service: Interface {
    /// Whether some method may have to wait before it answers.
    const WAITS: bool;

    /// Carries out method `ordinal` and encodes its answer; `None` for a method that may have to
    /// wait. The request has just been received.
    fn answer(&self, caller: Caller, ordinal: u16, request: &Message) -> Option<Message>;

    /// The same for a method that may have to wait. It reads the request when it is polled for the
    /// first time, which must be before the next kernel call.
    fn wait(&self, caller: Caller, ordinal: u16, request: Message)
    -> impl Future<Output = Message>;
}

/// The answer to an ordinal that is not in the interface.
pub const UNKNOWN_METHOD: Message = Message::new(status::UNKNOWN_METHOD, []);
/// The answer to words that are no arguments of the method.
pub const MALFORMED: Message = Message::new(status::MALFORMED, []);

/// The answer to a call that would have to wait where too many wait already.
pub(crate) const BUSY: Message = Message::new(status::BUSY, []);

/// The ordinal in a request of an open session.
#[inline(always)]
pub(crate) const fn ordinal(request: &Message) -> u16 {
    request.label() as u16
}

/// Answers `request` of the client with identifier `sender`, as a server of `epoch`; `None` if it
/// may have to wait. A method that waits is then carried out by [`Service::wait`].
#[inline(always)]
pub fn respond<S: Service>(
    service: &S,
    epoch: Epoch,
    sender: u64,
    request: &Message,
) -> Option<Message> {
    let label = request.label();
    if label >> EPOCH_SHIFT != u32::from(epoch) {
        return Some(other_instance::<S>(epoch));
    }
    service.answer(Caller { client: sender }, ordinal(request), request)
}

/// Serves `port` as instance `epoch` of a service whose methods never wait. Signals of the bound
/// Notification Port go to `signals`. Ends only if the port cannot be received from any more.
#[inline]
pub fn serve<S: Service>(
    port: IpcPort,
    epoch: Epoch,
    service: &S,
    mut signals: impl FnMut(u64),
) -> Error {
    const { assert!(!S::WAITS, "this service has methods that wait: use executor::Place::serve") }
    // What came is looked at as it came: a message stays in registers from here to the method.
    let mut came = port.receive_plain();
    loop {
        came = if came.info.source() == Some(Source::Message) {
            let request = Message { info: came.info, words: came.words };
            let answer = respond(service, epoch, came.identifier, &request);
            port.reply_receive_plain(&answer.unwrap_or(UNKNOWN_METHOD))
        } else {
            match signals_in(came) {
                Ok(bits) => signals(bits),
                Err(error) => return error,
            }
            port.receive_plain()
        };
    }
}

/// The signals in what came, if it is no message.
#[cold]
#[inline(never)]
fn signals_in(came: Answer) -> Result<u64, Error> {
    match Received::from_answer(came)? {
        Received::Signals { bits } => Ok(bits),
        // A server is nobody's resolver.
        _ => Ok(0),
    }
}

/// The arguments in `request`, if it has them. It is a copy, so that a method whose arguments are
/// read from memory does not make all others put theirs there.
#[inline(always)]
pub fn decode<T: Wire>(request: Message) -> Option<T> {
    let mut reader = Reader::new(&request);
    T::take(&mut reader).filter(|_| reader.is_complete())
}

/// The reply with a value.
#[inline(always)]
pub fn value<T: Wire>(value: T) -> Message {
    encode(status::VALUE, &value)
}

/// The reply with a value or the method's error.
#[inline(always)]
pub fn outcome<T: Wire, E: Wire>(outcome: Result<T, E>) -> Message {
    match outcome {
        Ok(value) => encode(status::VALUE, &value),
        Err(error) => encode(status::ERROR, &error),
    }
}

#[inline(always)]
fn encode(status: u32, value: &impl Wire) -> Message {
    let mut writer = Writer::new();
    value.put(&mut writer);
    writer.into_message(status)
}
