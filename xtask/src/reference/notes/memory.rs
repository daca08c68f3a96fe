//! Notes on address spaces, Frames and Windows.

use a9n_abi::Reason::*;

use super::Entry::{Empty, Node};
use super::Waiting::{InSteps, Never};
use super::{Entry, Note, TOO_DEEP, argument, buffer, capability, own};

const SPACE_DIED: Entry = capability(PartnerDied, "its address space is gone");
const BEING_CLEARED: &str = "a removal of it has begun";

pub(super) const NOTES: &[Note] = &[
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
];
