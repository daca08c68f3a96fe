//! All cases, by object.

mod derivation;
mod descriptor;
mod fault;
mod frame;
mod generic;
mod isolation;
mod node;
mod notification;
mod pcb;
mod port;
mod registers;
mod reply;
mod schedule;
mod space;

use crate::report::Case;

/// In the order in which they run.
pub const ALL: &[&[Case]] = &[
    registers::CASES,
    descriptor::CASES,
    generic::CASES,
    node::CASES,
    derivation::CASES,
    space::CASES,
    frame::CASES,
    port::CASES,
    reply::CASES,
    notification::CASES,
    pcb::CASES,
    fault::CASES,
    isolation::CASES,
    schedule::CASES,
];
