//! What the interface table does not know about an operation: whether it waits, and which refusals
//! are its own.
//!
//! Read off the handlers in `kernel/core`, one entry for each operation that has something to say.
//! Reasons and culprits are the interface's own types, so that a number that changes there changes
//! here. Common refusals (see the chapter's beginning) are left out.

mod authority;
mod devices;
mod memory;
mod messages;
mod processes;

use a9n_abi::{Culprit, Reason};

use Reason::{
    Cancelled, InvalidArgument, InvalidDescriptor, Occupied, PartnerDied, PermissionDenied, TooDeep,
};
use Waiting::Never;

/// Whether an operation waits.
#[derive(Clone, Copy)]
pub enum Waiting {
    /// It answers at once.
    Never,
    /// It answers without waiting, but a large one is worked off in steps: in between, interrupts
    /// come in and others may run.
    InSteps,
    /// It may wait for somebody else; the text says for whom.
    For(&'static str),
}

impl Waiting {
    /// It as a sentence.
    pub fn text(self) -> String {
        match self {
            Self::Never => "Never waits.".into(),
            Self::InSteps => "Never waits; done in steps, between which others may run.".into(),
            Self::For(whom) => format!("Waits {whom}."),
        }
    }
}

/// A way in which an operation is refused.
#[derive(Clone, Copy)]
pub struct Refusal {
    pub reason: Reason,
    pub culprit: Culprit,
    pub when: &'static str,
}

/// One refusal, or several that always go together.
enum Entry {
    /// This one.
    Own(Reason, Culprit, &'static str),
    /// Argument names a node to put something into.
    Node(u8),
    /// Argument is the index of a slot, which has to be empty.
    Empty(u8),
    /// Argument is the index of a slot, which has to be filled.
    Filled(u8),
    /// A message is sent.
    Message,
    /// An operation that waited ends without success.
    Ended(&'static str),
}

/// What there is to say about one operation.
pub struct Note {
    object: &'static str,
    operation: &'static str,
    pub waiting: Waiting,
    entries: &'static [Entry],
}

const fn argument(number: u8, reason: Reason, when: &'static str) -> Entry {
    Entry::Own(reason, Culprit::argument(number), when)
}

const fn capability(reason: Reason, when: &'static str) -> Entry {
    Entry::Own(reason, Culprit::DESCRIPTOR, when)
}

const fn buffer(reason: Reason, when: &'static str) -> Entry {
    Entry::Own(reason, Culprit::IPC_BUFFER, when)
}

const fn own(
    object: &'static str,
    operation: &'static str,
    waiting: Waiting,
    entries: &'static [Entry],
) -> Note {
    Note { object, operation, waiting, entries }
}

/// A refusal of everything that derives a capability.
const TOO_DEEP: Entry = capability(TooDeep, "the new capability would lie too deep in its tree");

/// The note on an operation; an empty one if there is nothing to say.
pub fn of(object: &str, operation: &str) -> &'static Note {
    const NOTHING: &Note = &own("", "", Never, &[]);
    all().find(|note| note.object == object && note.operation == operation).unwrap_or(NOTHING)
}

/// Every note that there is.
fn all() -> impl Iterator<Item = &'static Note> {
    [authority::NOTES, processes::NOTES, memory::NOTES, messages::NOTES, devices::NOTES]
        .into_iter()
        .flatten()
}

impl Note {
    /// Every refusal, in the order of the kernel's checks.
    pub fn expand(&self) -> Vec<Refusal> {
        self.entries.iter().flat_map(Entry::expand).collect()
    }
}

impl Entry {
    fn expand(&self) -> Vec<Refusal> {
        let refusal = |reason, culprit, when| Refusal { reason, culprit, when };
        match *self {
            Self::Own(reason, culprit, when) => vec![refusal(reason, culprit, when)],
            Self::Node(number) => {
                let culprit = Culprit::argument(number);
                vec![
                    refusal(InvalidDescriptor, culprit, "it is no Node"),
                    refusal(PermissionDenied, culprit, "the Node's capability lacks `WRITE`"),
                ]
            }
            Self::Empty(number) => {
                let culprit = Culprit::argument(number);
                vec![
                    refusal(InvalidArgument, culprit, "the node has no such slot"),
                    refusal(Occupied, culprit, "the slot is not empty"),
                ]
            }
            Self::Filled(number) => {
                let culprit = Culprit::argument(number);
                vec![
                    refusal(InvalidArgument, culprit, "the node has no such slot"),
                    refusal(InvalidDescriptor, culprit, "the slot is empty"),
                ]
            }
            Self::Message => vec![
                refusal(
                    InvalidArgument,
                    Culprit::INFO,
                    "a reserved bit is set, or a count is too large",
                ),
                refusal(
                    InvalidArgument,
                    Culprit::IPC_BUFFER,
                    "the message needs an IPC buffer and the process has none",
                ),
                refusal(
                    InvalidDescriptor,
                    Culprit::IPC_BUFFER,
                    "an offered capability is not there, or may not be passed on",
                ),
            ],
            Self::Ended(why) => vec![
                refusal(
                    Cancelled,
                    Culprit::OTHER,
                    "somebody ended the wait by `cancel` or `suspend`",
                ),
                refusal(PartnerDied, Culprit::OTHER, why),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use a9n_abi::{Form, OBJECTS};

    use super::*;

    #[test]
    fn every_note_is_on_an_operation_and_its_arguments() {
        for note in all() {
            let operation = OBJECTS
                .iter()
                .filter(|object| object.name == note.object)
                .flat_map(|object| object.operations)
                .find(|operation| operation.name == note.operation)
                .unwrap_or_else(|| panic!("{}.{} is not there", note.object, note.operation));
            let arguments = match operation.form {
                Form::Request { arguments, .. } => arguments.len(),
                Form::Message => 0,
            };
            for refusal in note.expand() {
                let number = usize::from(refusal.culprit.0);
                assert!(
                    number <= arguments || number >= usize::from(Culprit::INFO.0),
                    "{}.{} has no argument {number}",
                    note.object,
                    note.operation
                );
            }
        }
    }
}
