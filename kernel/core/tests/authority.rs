//! Rights: what a process must not be able to do, or to make, with the capabilities it was given.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    ObjectType, Reason, Rights, Word, frame, generic, ipc_port, node, notification, pcb,
};
use common::{FREE, GENERIC, Reaction, System, path, reason};

const NODE: u64 = FREE + 30;

/// A node of 16 slots in `NODE` that holds a port, and capabilities to it without some rights.
fn with_node() -> System {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::Node, 4, 1, NODE).expect("node");
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE).expect("port");
    system.ask(NODE, node::word::Move, &[5, FREE]).expect("into the node");
    for (index, missing) in [(NODE + 1, Rights::WRITE), (NODE + 2, Rights::READ)] {
        let rights = (Rights::all() - missing).into_word();
        system.ask(slot::NODE, node::word::Mint, &[index, NODE, rights, 0]).expect("mint");
    }
    system
}

#[test]
fn nothing_moves_out_of_a_node_that_must_not_be_changed() {
    let mut system = with_node();
    let inside = path(((NODE + 1) << 4) | 5, 16);
    let refused = system.ask(slot::NODE, node::word::Move, &[FREE, inside]);
    assert_eq!(reason(refused), Reason::PermissionDenied);
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE + 1).expect("port");
    let refused = system.ask(slot::NODE, node::word::Exchange, &[FREE + 1, inside]);
    assert_eq!(reason(refused), Reason::PermissionDenied);
    system.ask(slot::NODE, node::word::Copy, &[FREE, inside]).expect("what is in it may be used");
    let through = path((NODE << 4) | 5, 16);
    system.ask(slot::NODE, node::word::Move, &[FREE + 2, through]).expect("with the right");
}

#[test]
fn nothing_is_found_in_a_node_that_must_not_be_read() {
    let mut system = with_node();
    let inside = path(((NODE + 2) << 4) | 5, 16);
    let refused = system.ask(slot::NODE, node::word::Copy, &[FREE, inside]);
    assert_eq!(reason(refused), Reason::PermissionDenied);
}

#[test]
fn replies_do_not_land_in_a_root_node_that_must_not_be_changed() {
    let mut system = with_node();
    system.process(FREE + 10, 255);
    system.ask(FREE + 10, pcb::word::ConfigureSpaces, &[0, NODE + 1, 0]).expect("its root node");
    let process = system.start(FREE + 10);
    let Reaction::Answered(answer) = system.message(5, ipc_port::word::Receive | (6 << 16), 0, &[])
    else {
        panic!("{process:?} is blocked")
    };
    assert_eq!(reason(common::outcome(answer)), Reason::Occupied);
}

#[test]
fn memory_without_the_dma_right_does_not_tell_its_address() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::Generic, 14, 1, FREE).expect("generic");
    let rights = (Rights::all() - Rights::DMA).into_word();
    system.ask(slot::NODE, node::word::Demote, &[FREE, rights]).expect("demote");
    let words = system.ask(FREE, generic::word::Information, &[]).expect("information");
    assert_eq!(words[..2], [0, 14]);
    system.convert(FREE, ObjectType::Frame, 12, 1, FREE + 1).expect("frame");
    let refused = system.ask(FREE + 1, frame::word::Address, &[]);
    assert_eq!(reason(refused), Reason::PermissionDenied);
    system.convert(FREE, ObjectType::Generic, 12, 1, FREE + 2).expect("generic");
    system.convert(FREE + 2, ObjectType::Frame, 12, 1, FREE + 3).expect("frame");
    let refused = system.ask(FREE + 3, frame::word::Address, &[]);
    assert_eq!(reason(refused), Reason::PermissionDenied);
}

#[test]
fn reserved_bits_of_an_operation_are_zero() {
    let mut system = System::new();
    for operation in [notification::word::Poll, generic::word::Information, node::word::Look] {
        let refused = system.ask(GENERIC, operation | (1 << 16), &[1]);
        assert_eq!(reason(refused), Reason::IllegalOperation);
    }
}
