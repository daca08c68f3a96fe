//! Notes on processes.

use a9n_abi::Reason::*;

use super::Waiting::{InSteps, Never};
use super::{Entry, Note, argument, buffer, capability, own};

const RUNNING: Entry = capability(Busy, "the process is not stopped");
const NO_STATE: Entry = capability(Incomplete, "the process has no Vector State");
const NO_BUFFER: Entry = buffer(InvalidArgument, "the caller has none");
const NOT_DERIVABLE: &str = "nothing can be derived from it";
const TOO_LONG: Entry = buffer(NotImplemented, "this machine's images are longer than its room");

pub(super) const NOTES: &[Note] = &[
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
            argument(1, TooDeep, NOT_DERIVABLE),
            argument(2, TooDeep, NOT_DERIVABLE),
            argument(3, TooDeep, NOT_DERIVABLE),
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
            argument(1, TooDeep, NOT_DERIVABLE),
            argument(2, TooDeep, NOT_DERIVABLE),
            argument(2, Busy, "it is bound to another process"),
        ],
    ),
    own("Pcb", "configure_turn", Never, &[argument(1, InvalidArgument, "not 1 to 1024")]),
    own(
        "Pcb",
        "configure_vector",
        InSteps,
        &[
            RUNNING,
            argument(1, PermissionDenied, "its capability lacks `WRITE`"),
            argument(1, TooDeep, NOT_DERIVABLE),
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
];
