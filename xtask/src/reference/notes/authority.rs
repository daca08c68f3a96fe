//! Notes on what is asked without a capability, Generics and Nodes.

use a9n_abi::Reason::*;

use super::Entry::{Empty, Filled, Node};
use super::Waiting::{For, InSteps, Never};
use super::{Note, TOO_DEEP, argument, capability, own};

const BEING_CLEARED: &str = "a removal of it has begun";
const NOT_WRITABLE: &str = "the node that it is in lacks `WRITE`";

pub(super) const NOTES: &[Note] = &[
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
];
