//! Requests and answers as messages, whatever carries them.

use super::{CallError, EPOCH_SHIFT, Epoch, Interface, Wire, Writer, status};
use crate::Message;

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The value, or the method's own error.
    Well,
    /// It was asked of another instance than this one; nothing was carried out.
    ByAnother(Epoch),
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

/// The answer to a request for another instance than that of `epoch`: with it the client opens its
/// session anew.
pub(crate) const fn other_instance<I: Interface>(epoch: Epoch) -> Message {
    Message::new(status::OTHER_INSTANCE, [epoch as u64, I::VERSION as u64, I::FINGERPRINT])
}

/// What a client of version `own` with `methods` makes of such an answer.
fn compare(answer: &Message, (own, methods): (u32, u64)) -> Answered {
    let [epoch, version, fingerprint, ..] = *answer.words();
    let Ok(epoch) = Epoch::try_from(epoch) else { return Answered::Badly(CallError::Malformed) };
    let own = u64::from(own);
    if own > version || own == version && methods != fingerprint {
        return Answered::Badly(CallError::WrongVersion(version as u32));
    }
    Answered::ByAnother(epoch)
}

/// What the answer of a server is, for a client whose interface has this version and fingerprint.
pub(crate) fn understand(answer: &Message, interface: (u32, u64)) -> Answered {
    match answer.label() {
        status::VALUE | status::ERROR => Answered::Well,
        status::OTHER_INSTANCE => compare(answer, interface),
        status::UNKNOWN_METHOD => Answered::Badly(CallError::UnknownMethod),
        status::BUSY => Answered::Badly(CallError::Busy),
        _ => Answered::Badly(CallError::Malformed),
    }
}
