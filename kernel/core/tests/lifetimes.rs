//! Objects that die while others still deal with them, and long operations that others get between.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{ObjectType, Reason, generic, node};
use a9n_hal::CallFrame;
use common::{FREE, GENERIC, System, reason};

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
