//! All cases, by object.

mod batch;
mod derivation;
mod descriptor;
mod device;
mod fault;
mod frame;
mod generic;
mod image;
mod isolation;
mod node;
mod notification;
mod pcb;
mod port;
mod refusals;
mod registers;
mod remote;
mod reply;
mod schedule;
mod space;
mod timer;
mod transfer;
mod vector;

use a9n_cases::Case;

use crate::test::Test;

/// In the order in which they run.
pub const ALL: &[&[Case<Test>]] = &[
    registers::CASES,
    descriptor::CASES,
    generic::CASES,
    node::CASES,
    derivation::CASES,
    space::CASES,
    frame::CASES,
    batch::CASES,
    port::CASES,
    transfer::CASES,
    reply::CASES,
    notification::CASES,
    timer::CASES,
    device::CASES,
    pcb::CASES,
    fault::CASES,
    isolation::CASES,
    vector::CASES,
    image::CASES,
    schedule::CASES,
    remote::CASES,
    refusals::CASES,
];
