//! What the interface table does not know about an operation: whether it waits, and which refusals
//! are its own.
//!
//! Read off the handlers in `kernel/core`, one entry for each operation that has something to say.
//! Reasons and culprits are the interface's own types, so that a number that changes there changes
//! here. Common refusals (see the chapter's beginning) are left out.

use a9n_abi::{Culprit, Reason};

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

/// The note on an operation; an empty one if there is nothing to say.
pub fn of(object: &str, operation: &str) -> &'static Note {
    const NOTHING: &Note = &own("", "", Never, &[]);
    NOTES
        .iter()
        .find(|note| note.object == object && note.operation == operation)
        .unwrap_or(NOTHING)
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

use Entry::{Empty, Ended, Filled, Message, Node};
use Reason::*;
use Waiting::{For, InSteps, Never};

const TOO_DEEP: Entry = capability(TooDeep, "the new capability would lie too deep in its tree");
const RUNNING: Entry = capability(Busy, "the process is not stopped");
const NO_STATE: Entry = capability(Incomplete, "the process has no Vector State");
const NO_BUFFER: Entry = buffer(InvalidArgument, "the caller has none");
const TOO_LONG: Entry = buffer(NotImplemented, "this machine's images are longer than its room");
const SPACE_DIED: Entry = capability(PartnerDied, "its address space is gone");
const BEING_CLEARED: &str = "a removal of it has begun";
const NOT_WRITABLE: &str = "the node that it is in lacks `WRITE`";
const REPLY_SLOT: Entry = Entry::Own(
    Occupied,
    Culprit::OPERATION,
    "the slot named for the Reply is not empty, not there, or not the caller's to fill",
);
const NO_GRANT: Entry =
    capability(PermissionDenied, "the message carries capabilities and the port lacks `GRANT`");
const PORT_DIED: &str = "the port was destroyed";
const CALL_DIED: &str = "the port was destroyed, or the Reply was dropped";

const NOTES: &[Note] = &[
    own(
        "Kernel",
        "yield_now",
        For("while a process of the same or a higher priority is ready"),
        &[],
    ),
    own("Kernel", "settle", InSteps, &[]),
    own(
        "Generic",
        "convert",
        InSteps,
        &[
            argument(2, InvalidArgument, "no object of this type has this size"),
            argument(1, InvalidArgument, "such an object is not made of this memory"),
            argument(1, NotImplemented, "the type is reserved"),
            argument(3, InvalidArgument, "it is 0 or above 64"),
            capability(
                NotEnoughMemory,
                "what is left does not hold so many, aligned to their size",
            ),
            Node(4),
            Empty(5),
            TOO_DEEP,
        ],
    ),
    own(
        "Node",
        "copy",
        Never,
        &[
            Empty(1),
            argument(2, PermissionDenied, "it lacks `COPY`, or its type is never copied"),
            argument(2, TooDeep, "the copy would lie too deep in its tree"),
        ],
    ),
    own(
        "Node",
        "move_from",
        Never,
        &[Empty(1), argument(2, PermissionDenied, NOT_WRITABLE), argument(2, Busy, BEING_CLEARED)],
    ),
    own(
        "Node",
        "mint",
        Never,
        &[
            Empty(1),
            argument(
                2,
                PermissionDenied,
                "it lacks `COPY` or `MODIFY`, or its type is never copied",
            ),
            argument(4, InvalidArgument, "it has an identifier already, or its type has none"),
            argument(2, TooDeep, "the copy would lie too deep in its tree"),
        ],
    ),
    own("Node", "demote", Never, &[Filled(1)]),
    own("Node", "remove", InSteps, &[Filled(1)]),
    own("Node", "revoke", InSteps, &[Filled(1)]),
    own(
        "Node",
        "exchange",
        Never,
        &[
            Filled(1),
            argument(2, PermissionDenied, NOT_WRITABLE),
            argument(1, Busy, BEING_CLEARED),
            argument(2, Busy, BEING_CLEARED),
        ],
    ),
    own("Node", "look", Never, &[argument(1, InvalidArgument, "the node has no such slot")]),
    own(
        "Pcb",
        "configure_spaces",
        InSteps,
        &[
            RUNNING,
            argument(1, PermissionDenied, "the Address Space's capability lacks `READ`"),
            argument(2, PermissionDenied, "the Node's capability lacks `READ`"),
            argument(3, InvalidDescriptor, "it is no Frame of ordinary memory"),
            argument(3, PermissionDenied, "the Frame's capability lacks `READ` or `WRITE`"),
        ],
    ),
    own(
        "Pcb",
        "configure_entry",
        Never,
        &[
            RUNNING,
            argument(1, InvalidArgument, "it lies outside the user half"),
            argument(2, InvalidArgument, "it lies outside the user half"),
            argument(3, InvalidArgument, "it lies outside the user half"),
        ],
    ),
    own(
        "Pcb",
        "configure_schedule",
        Never,
        &[
            argument(1, InvalidArgument, "it is higher than this capability allows to set"),
            argument(2, InvalidArgument, "there is no such CPU"),
            argument(3, InvalidArgument, "it is neither 0 nor 1"),
        ],
    ),
    own(
        "Pcb",
        "configure_ports",
        Never,
        &[
            argument(1, PermissionDenied, "the port's capability lacks `WRITE`"),
            argument(2, PermissionDenied, "the Notification Port's capability lacks `READ`"),
            argument(2, Busy, "it is bound to another process"),
        ],
    ),
    own(
        "Pcb",
        "configure_vector",
        InSteps,
        &[
            RUNNING,
            argument(1, PermissionDenied, "its capability lacks `WRITE`"),
            argument(1, Busy, "a process has it already"),
        ],
    ),
    own(
        "Pcb",
        "read_register",
        Never,
        &[RUNNING, argument(1, InvalidArgument, "there is no such register")],
    ),
    own(
        "Pcb",
        "write_register",
        Never,
        &[
            RUNNING,
            argument(1, InvalidArgument, "there is no such register"),
            argument(2, InvalidArgument, "the register takes an address of the user half only"),
        ],
    ),
    own(
        "Pcb",
        "clone_state",
        Never,
        &[
            argument(1, PermissionDenied, "it lacks `READ`"),
            argument(1, Busy, "that process is not stopped"),
            RUNNING,
            capability(Incomplete, "that process has a Vector State, and this one has none"),
        ],
    ),
    own("Pcb", "read_vector", Never, &[RUNNING, NO_STATE, NO_BUFFER, TOO_LONG]),
    own(
        "Pcb",
        "write_vector",
        Never,
        &[
            RUNNING,
            NO_STATE,
            NO_BUFFER,
            TOO_LONG,
            buffer(InvalidArgument, "the machine could not load the image"),
        ],
    ),
    own(
        "Pcb",
        "resume",
        Never,
        &[RUNNING, capability(Incomplete, "the process has no address space")],
    ),
    own("Pcb", "suspend", InSteps, &[]),
    own(
        "Pcb",
        "limit_priority",
        Never,
        &[argument(1, InvalidArgument, "it is higher than the limit there is")],
    ),
    own(
        "AddressSpace",
        "install_table",
        Never,
        &[
            argument(1, InvalidDescriptor, "it is no Page Table"),
            argument(1, Busy, "it is installed or in a pool"),
            argument(2, InvalidArgument, "it lies outside the user half"),
            argument(2, Occupied, "no table is missing there"),
        ],
    ),
    own(
        "AddressSpace",
        "add_table",
        Never,
        &[
            argument(1, InvalidDescriptor, "it is no Page Table"),
            argument(1, Busy, "it is installed or in a pool"),
        ],
    ),
    own(
        "AddressSpace",
        "map_many",
        InSteps,
        &[
            argument(1, InvalidArgument, "it is above 100"),
            buffer(
                InvalidArgument,
                "the process has none, or the first run is not in its Window's range and frame",
            ),
            buffer(InvalidDescriptor, "the first run names no Window of this address space"),
            buffer(PermissionDenied, "the first run asks for more access than its Window allows"),
            buffer(Busy, "the first run's Window is being removed"),
            buffer(MissingTable, "the first page needs a table and the pool is empty"),
            buffer(Occupied, "something else is mapped at the first page"),
        ],
    ),
    own(
        "AddressSpace",
        "unmap_many",
        InSteps,
        &[
            argument(1, InvalidArgument, "it is above 100"),
            buffer(
                InvalidArgument,
                "the process has none, or the first run is not in its Window's range",
            ),
            buffer(InvalidDescriptor, "the first run names no Window of this address space"),
        ],
    ),
    own(
        "AddressSpace",
        "protect_many",
        InSteps,
        &[
            argument(1, InvalidArgument, "it is above 100"),
            buffer(
                InvalidArgument,
                "the process has none, or the first run is not in its Window's range",
            ),
            buffer(InvalidDescriptor, "the first run names no Window of this address space"),
            buffer(PermissionDenied, "the first run asks for more access than its Window allows"),
        ],
    ),
    own(
        "AddressSpace",
        "translate",
        Never,
        &[argument(1, InvalidArgument, "it lies outside the user half")],
    ),
    own(
        "Frame",
        "attach",
        Never,
        &[
            argument(1, PermissionDenied, "the Address Space's capability lacks `WRITE`"),
            argument(3, InvalidArgument, "it is below a page's, or above the user half's"),
            argument(
                2,
                InvalidArgument,
                "it is not aligned to the range, or outside the user half",
            ),
            Node(4),
            Empty(5),
            TOO_DEEP,
        ],
    ),
    own(
        "Window",
        "map",
        Never,
        &[
            SPACE_DIED,
            argument(
                1,
                InvalidArgument,
                "it is no page of the range, or the machine cannot map it",
            ),
            argument(3, InvalidArgument, "it is 0, or beyond the range or the frame"),
            argument(2, InvalidArgument, "the frame has no such page"),
            argument(4, InvalidArgument, "it allows nothing"),
            argument(4, PermissionDenied, "the Window does not allow so much"),
            argument(5, InvalidArgument, "device space is never mapped as ordinary memory"),
            capability(Busy, BEING_CLEARED),
            argument(1, MissingTable, "a table is missing for the first page"),
            argument(1, Occupied, "something is mapped at the first page"),
        ],
    ),
    own(
        "Window",
        "unmap",
        Never,
        &[
            SPACE_DIED,
            argument(1, InvalidArgument, "it is no page of the range"),
            argument(2, InvalidArgument, "it is 0, or beyond the range"),
        ],
    ),
    own(
        "Window",
        "protect",
        Never,
        &[
            SPACE_DIED,
            argument(1, InvalidArgument, "it is no page of the range"),
            argument(2, InvalidArgument, "it is 0, or beyond the range"),
            argument(3, InvalidArgument, "it allows nothing"),
            argument(3, PermissionDenied, "the Window does not allow so much"),
        ],
    ),
    own(
        "IpcPort",
        "call",
        For(
            "until the message is taken, and then for the reply; with the flag, only for the reply",
        ),
        &[
            NO_GRANT,
            Message,
            capability(WouldBlock, "nobody receives, and the message is not to wait"),
            Ended(CALL_DIED),
        ],
    ),
    own(
        "IpcPort",
        "send",
        For("until the message is taken; with the flag, never"),
        &[
            NO_GRANT,
            Message,
            capability(WouldBlock, "nobody receives, and the message is not to wait"),
            Ended(PORT_DIED),
        ],
    ),
    own(
        "IpcPort",
        "receive",
        For("for a message, or for a signal of the bound Notification Port; with the flag, never"),
        &[
            REPLY_SLOT,
            capability(WouldBlock, "nothing is there, and it is not to wait"),
            Ended(PORT_DIED),
        ],
    ),
    own(
        "IpcPort",
        "reply_receive",
        For("as `receive` does; the flag is ignored"),
        &[Message, REPLY_SLOT, Ended(PORT_DIED)],
    ),
    own("Reply", "reply", Never, &[capability(InvalidDescriptor, "no reply is owed"), Message]),
    own("NotificationPort", "wait", For("for a signal"), &[Ended(PORT_DIED)]),
    own(
        "Timer",
        "arm",
        Never,
        &[
            argument(2, PermissionDenied, "it lacks `WRITE`"),
            argument(2, TooDeep, "nothing can be derived from it"),
        ],
    ),
    own(
        "InterruptRegion",
        "make_port",
        Never,
        &[
            argument(1, InvalidArgument, "the machine has no such interrupt"),
            argument(2, InvalidArgument, "it is neither 0 (line) nor 1 (message)"),
            argument(1, Busy, "it has a port already"),
            Node(3),
            Empty(4),
            TOO_DEEP,
        ],
    ),
    own(
        "InterruptPort",
        "bind",
        Never,
        &[
            argument(1, PermissionDenied, "it lacks `WRITE`"),
            argument(1, TooDeep, "nothing can be derived from it"),
        ],
    ),
    own("IoPort", "read", Never, IO_ACCESS),
    own("IoPort", "write", Never, IO_ACCESS),
    own(
        "IoPort",
        "narrow",
        Never,
        &[
            argument(1, InvalidArgument, "it lies outside the range"),
            argument(2, InvalidArgument, "it is 0, or beyond the range"),
            Node(3),
            Empty(4),
            TOO_DEEP,
        ],
    ),
];

const IO_ACCESS: &[Entry] = &[
    argument(2, InvalidArgument, "it is none of 8, 16, 32"),
    argument(1, InvalidArgument, "the access is not wholly inside the range"),
];

#[cfg(test)]
mod tests {
    use a9n_abi::{Form, OBJECTS};

    use super::*;

    #[test]
    fn every_note_is_on_an_operation_and_its_arguments() {
        for note in NOTES {
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
