//! Notes on timers, interrupts and I/O ports.

use a9n_abi::Reason::*;

use super::Entry::{Empty, Node};
use super::Waiting::Never;
use super::{Entry, Note, TOO_DEEP, argument, own};

pub(super) const NOTES: &[Note] = &[
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
