//! Requests and answers as messages, whatever carries them.

use super::{CallError, EPOCH_SHIFT, Epoch, Interface, OPEN, Wire, Writer, status};
use crate::Message;

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The value, or the method's own error.
    Well,
    /// It was asked of another instance; nothing was carried out.
    SessionLost,
    /// It was refused; nothing was carried out.
    Badly(CallError),
}

/// The request to carry out method `ordinal`, in a session with the server of `epoch`.
#[inline(always)]
pub(crate) fn request(ordinal: u16, epoch: Epoch, arguments: &impl Wire) -> Message {
    let label = u32::from(ordinal) | (u32::from(epoch) << EPOCH_SHIFT);
    let mut writer = Writer::new();
    arguments.put(&mut writer);
    writer.into_message(label)
}

/// The request to open a session.
pub(crate) const fn opening<I: Interface>() -> Message {
    Message::new(OPEN, [I::VERSION as u64, I::FINGERPRINT])
}

/// The epoch in the answer to that.
pub(crate) fn opened(answer: &Message) -> Result<Epoch, CallError> {
    let [word, ..] = *answer.words();
    match understand(answer) {
        Answered::Well => Epoch::try_from(word).map_err(|_| CallError::Malformed),
        Answered::SessionLost => Err(CallError::Malformed),
        Answered::Badly(error) => Err(error),
    }
}

/// What the answer of a server is.
pub(crate) fn understand(answer: &Message) -> Answered {
    let [word, ..] = *answer.words();
    match answer.label() {
        status::VALUE | status::ERROR => Answered::Well,
        status::SESSION_LOST => Answered::SessionLost,
        status::UNKNOWN_METHOD => Answered::Badly(CallError::UnknownMethod),
        status::WRONG_VERSION => Answered::Badly(CallError::WrongVersion(word as u32)),
        status::BUSY => Answered::Badly(CallError::Busy),
        _ => Answered::Badly(CallError::Malformed),
    }
}
