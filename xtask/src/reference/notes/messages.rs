//! Notes on ports, Replies and Notification Ports.

use a9n_abi::Culprit;
use a9n_abi::Reason::*;

use super::Entry::{Ended, Message};
use super::Waiting::{For, Never};
use super::{Entry, Note, capability, own};

const REPLY_SLOT: Entry = Entry::Own(
    Occupied,
    Culprit::OPERATION,
    "the slot named for the Reply is not empty, not there, or not the caller's to fill",
);
const NO_GRANT: Entry =
    capability(PermissionDenied, "the message carries capabilities and the port lacks `GRANT`");
const NO_FLAG: Entry = Entry::Own(InvalidArgument, Culprit::INFO, "it has the flag not to wait");
const PORT_DIED: &str = "the port was destroyed";
const CALL_DIED: &str = "the port was destroyed, or the Reply was dropped";

pub(super) const NOTES: &[Note] = &[
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
            Entry::Own(InvalidArgument, Culprit::INFO, "it is to keep its time and names no slot"),
            capability(WouldBlock, "nothing is there, and it is not to wait"),
            Ended(PORT_DIED),
        ],
    ),
    own(
        "IpcPort",
        "reply_receive",
        For("as `receive` does"),
        &[Message, NO_FLAG, REPLY_SLOT, Ended(PORT_DIED)],
    ),
    own("Reply", "reply", Never, &[capability(InvalidDescriptor, "no reply is owed"), Message]),
    own(
        "Reply",
        "keep",
        Never,
        &[
            capability(Occupied, "the slot is not empty"),
            capability(PermissionDenied, "the slot lies in a node that may not be written"),
            Entry::Own(InvalidDescriptor, Culprit::OTHER, "no reply is owed in the PCB"),
        ],
    ),
    own("NotificationPort", "wait", For("for a signal"), &[Ended(PORT_DIED)]),
];
