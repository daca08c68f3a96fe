//! Objects that die while others still deal with them, and long operations that others get between.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    FaultReason, IpcBuffer, ObjectType, Reason, address_space, frame, generic, ipc_port, node,
    notification, pcb,
};
use a9n_hal::{CallFrame, Fault, UserAddress};
use common::{FREE, GENERIC, Reaction, System, reason};

/// A request of init to one of its capabilities, without a message.
fn request(descriptor: u64, operation: u64, arguments: &[u64]) -> CallFrame {
    let mut words = [0; 6];
    words[..arguments.len()].copy_from_slice(arguments);
    CallFrame { operation, descriptor, info: arguments.len() as u64, words }
}

/// Makes a node of 1024 slots in slot `index`, too many to be emptied in one go.
fn large_node(system: &mut System, index: u64) {
    system.convert(GENERIC, ObjectType::Node, 10, 1, index).expect("node");
}

#[test]
fn draining_may_take_away_what_a_conversion_has_checked() {
    let mut system = System::new();
    let init = system.init;
    large_node(&mut system, FREE);
    // A Generic in the node, and one made from it outside.
    system.convert(GENERIC, ObjectType::Generic, 16, 1, FREE + 1).expect("generic");
    system.convert(FREE + 1, ObjectType::Generic, 14, 1, FREE + 2).expect("its child");
    system.ask(FREE, node::word::Move, &[1000, FREE + 1]).expect("into the node");
    let remove = request(slot::NODE, node::word::Remove, &[FREE]);
    assert!(system.begin(init, remove), "the node is not emptied at once");
    // The node is gone, and the Generic in it soon.
    let refused = system.convert(FREE + 2, ObjectType::IpcPort, 0, 1, FREE + 3);
    assert_eq!(reason(refused), Reason::InvalidDescriptor);
    assert_eq!(system.look(FREE + 3), 0, "nothing was made from memory that is gone");
    system.revoke(GENERIC).expect("revoke");
    system.convert(GENERIC, ObjectType::Frame, 20, 1, FREE).expect("all of it");
}

#[test]
fn draining_may_take_away_where_a_conversion_puts_things() {
    let mut system = System::new();
    let init = system.init;
    large_node(&mut system, FREE);
    system.convert(GENERIC, ObjectType::Generic, 16, 1, FREE + 1).expect("generic");
    system.convert(FREE + 1, ObjectType::Node, 4, 1, FREE + 2).expect("a node from it");
    system.ask(FREE, node::word::Move, &[1000, FREE + 1]).expect("into the large node");
    assert!(system.begin(init, request(slot::NODE, node::word::Remove, &[FREE])));
    let words = [ObjectType::IpcPort as u64, 0, 1, FREE + 2, 3];
    let refused = system.ask(GENERIC, generic::word::Convert, &words);
    assert_eq!(reason(refused), Reason::InvalidDescriptor);
}

#[test]
fn a_repeated_removal_does_not_take_what_others_put_there() {
    let mut system = System::new();
    let init = system.init;
    large_node(&mut system, FREE);
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE + 1).expect("port");
    system.process(FREE + 10, 255);
    system.resume(FREE + 10);
    assert!(system.begin(init, request(slot::NODE, node::word::Remove, &[FREE])));
    // The timer lets another process in between.
    system.pass(10_000);
    let other = system.current.expect("somebody");
    assert_ne!(other, init);
    system.ask(slot::NODE, node::word::Copy, &[FREE, FREE + 1]).expect("the slot is empty");
    system.yield_now();
    assert_eq!(system.current, Some(init));
    while system.repeat(init) {}
    common::outcome(system.answer(init)).expect("removed");
    assert_eq!(system.look(FREE), ObjectType::IpcPort as u64, "what came later stays");
}

#[test]
fn what_a_stopped_remover_leaves_is_finished_without_it() {
    let mut system = System::new();
    let init = system.init;
    large_node(&mut system, FREE);
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE + 1).expect("port");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, FREE + 2).expect("signals");
    system.process(FREE + 20, 255);
    let client = system.start(FREE + 20);
    assert_eq!(system.message(FREE + 1, ipc_port::word::Send, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, Some(init));
    system.ask(FREE, node::word::Move, &[1023, FREE + 1]).expect("the port dies with the node");
    system.process(FREE + 10, 255);
    let remover = system.start(FREE + 10);
    assert!(system.begin(remover, request(slot::NODE, node::word::Remove, &[FREE])));
    system.pass(10_000);
    assert_eq!(system.current, Some(init));
    system.ask(FREE + 10, pcb::word::Suspend, &[]).expect("suspend");
    let wait = request(FREE + 2, notification::word::Wait, &[]);
    assert_eq!(system.call(init, wait), Reaction::Blocked);
    for _ in 0..30 {
        system.pass(1);
    }
    assert_eq!(system.current, Some(client), "its port died, and it was told");
}

#[test]
fn who_removes_its_own_root_node_is_told_that_it_is_done() {
    let mut system = System::new();
    large_node(&mut system, FREE);
    system.process(FREE + 10, 255);
    system.ask(FREE + 10, pcb::word::ConfigureSpaces, &[0, FREE, 0]).expect("its root node");
    system.ask(FREE, node::word::Copy, &[1, slot::NODE]).expect("init's node in it");
    let process = system.start(FREE + 10);
    let remove = request(1, node::word::Remove, &[FREE]);
    assert!(system.begin(process, remove), "in several steps");
    while system.repeat(process) {}
    common::outcome(system.answer(process)).expect("removed");
}

#[test]
fn a_new_address_space_does_not_end_the_wait_for_the_resolver() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE).expect("port");
    system.process(FREE + 10, 255);
    let resolver = system.start(FREE + 10);
    assert_eq!(system.message(FREE, ipc_port::word::Receive, 0, &[]), Reaction::Blocked);
    system.process(FREE + 20, 255);
    system.ask(FREE + 20, pcb::word::ConfigurePorts, &[FREE, 0]).expect("resolver");
    let process = system.start(FREE + 20);
    let reason = FaultReason::Page;
    system.fault(Fault { reason, address: UserAddress(0x1000), code: 0 });
    assert_eq!(system.current, Some(resolver));
    // It executes another program.
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, FREE + 1).expect("space");
    let spaces = [FREE + 1, 0, 0];
    system.ask(FREE + 20, pcb::word::ConfigureSpaces, &spaces).expect("a new address space");
    assert_eq!(system.message(FREE, ipc_port::word::ReplyReceive, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, Some(process), "it goes on");
    system.check();
}

#[test]
fn a_receiver_gets_signals_that_were_there_before_it_was_bound() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE).expect("port");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, FREE + 1).expect("signals");
    let arguments = [FREE + 2, FREE + 1, 63, 4];
    system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    system.ask(FREE + 2, notification::word::Notify, &[]).expect("notify");
    system.process(FREE + 10, 255);
    let receiver = system.start(FREE + 10);
    assert_eq!(system.message(FREE, ipc_port::word::Receive, 0, &[]), Reaction::Blocked);
    system.ask(FREE + 10, pcb::word::ConfigurePorts, &[0, FREE + 1]).expect("bind");
    system.check();
    system.yield_now();
    assert_eq!(system.current, Some(receiver));
    assert_eq!(system.answer(receiver).identifier, 4);
}

#[test]
fn a_batch_begun_before_a_stop_is_not_counted_to_the_next() {
    let mut system = System::new();
    system.process(FREE + 10, 255);
    system.convert(GENERIC, ObjectType::Frame, 18, 1, FREE).expect("frame");
    system.convert(GENERIC, ObjectType::PageTable, 0, 8, FREE + 1).expect("tables");
    for table in FREE + 1..FREE + 9 {
        system.ask(FREE + 11, address_space::word::AddTable, &[table]).expect("add");
    }
    let attach = [FREE + 11, 0x4000_0000, 30, slot::NODE, FREE + 9];
    system.ask(FREE, frame::word::Attach, &attach).expect("attach");
    let process = system.start(FREE + 10);
    let first = std::mem::offset_of!(IpcBuffer, runs) / 8;
    let page = system.kernel.buffer_page(process).expect("buffer").0;
    for run in 0..5 {
        let address = 0x4000_0000 + run as u64 * 0x10_0000;
        for (word, value) in [address, FREE + 9, (64 << 32) | (3 << 60)].into_iter().enumerate() {
            system.write(page, first + 3 * run + word, value);
        }
    }
    let map = request(FREE + 11, address_space::word::MapMany, &[5]);
    assert!(system.begin(process, map), "not all at once");
    system.repeat(process);
    // It is stopped, made to do something else, and goes on.
    system.pass(10_000);
    assert_eq!(system.current, Some(system.init));
    system.ask(FREE + 10, pcb::word::Suspend, &[]).expect("suspend");
    system.ask(FREE + 10, pcb::word::WriteRegister, &[0, 0x20_0000]).expect("elsewhere");
    system.ask(FREE + 10, pcb::word::Resume, &[]).expect("resume");
    system.yield_now();
    assert_eq!(system.current, Some(process));
    let done = system.ask(FREE + 11, address_space::word::UnmapMany, &[1]).expect("unmap");
    assert_eq!(done[..2], [1, 0]);
    let mapped = system.ask(FREE + 11, address_space::word::Translate, &[0x4000_0000]);
    assert_eq!(mapped.expect("translate")[0], 0, "the first run was unmapped");
    system.check();
}
