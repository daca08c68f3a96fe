//! Nodes, derivation, removal, memory accounting.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{ObjectType, Reason, Rights, Word, generic, node, notification};
use common::{FREE, GENERIC, System, path, reason};

fn used(system: &mut System, index: u64) -> u64 {
    system.ask(index, generic::word::Information, &[]).expect("a Generic")[2]
}

#[test]
fn init_is_told_what_it_has() {
    let mut system = System::new();
    for (index, object) in [
        (slot::PROCESS, ObjectType::Pcb),
        (slot::ADDRESS_SPACE, ObjectType::AddressSpace),
        (slot::NODE, ObjectType::Node),
        (slot::BUFFER, ObjectType::Frame),
        (slot::IO_PORTS, ObjectType::IoPort),
        (slot::INTERRUPTS, ObjectType::InterruptRegion),
        (slot::TIMERS, ObjectType::Timer),
    ] {
        assert_eq!(system.look(index), object as u64, "slot {index}");
    }
    assert!(!system.info().is_empty());
}

#[test]
fn conversion_accounts_for_every_byte_and_revoke_makes_memory_whole() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 3, FREE).expect("ports");
    assert_eq!(used(&mut system, GENERIC), 3 * 64);
    system.convert(GENERIC, ObjectType::Frame, 12, 1, FREE + 3).expect("a frame");
    assert_eq!(used(&mut system, GENERIC), 2 * 4096, "the frame is aligned to its size");
    let too_much = system.convert(GENERIC, ObjectType::Frame, 20, 1, FREE + 4);
    assert_eq!(reason(too_much), Reason::NotEnoughMemory);
    system.revoke(GENERIC).expect("revoke");
    assert_eq!(used(&mut system, GENERIC), 0);
    for index in FREE..FREE + 4 {
        assert_eq!(system.look(index), 0, "slot {index} is empty again");
    }
    system.convert(GENERIC, ObjectType::Frame, 20, 1, FREE).expect("all of it once more");
}

#[test]
fn converted_memory_is_zero() {
    let mut system = System::new();
    for round in 0..2 {
        system.convert(GENERIC, ObjectType::Frame, 16, 1, FREE).expect("frame");
        let memory = system.kernel.hal().memory().snapshot();
        let base = system.ask(FREE, a9n_abi::frame::word::Address, &[]).expect("address")[0];
        let start = (base - a9n_hal_sim::BASE) as usize;
        assert!(memory[start..start + 65536].iter().all(|byte| *byte == 0), "round {round}");
        system.revoke(GENERIC).expect("revoke");
    }
}

#[test]
fn occupied_slots_and_bad_sizes_are_refused() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE + 1).expect("port");
    let occupied = system.convert(GENERIC, ObjectType::IpcPort, 0, 2, FREE);
    assert_eq!(reason(occupied), Reason::Occupied);
    for (object, size_bits, expected) in [
        (ObjectType::Frame, 11, Reason::InvalidArgument),
        (ObjectType::Frame, 41, Reason::InvalidArgument),
        (ObjectType::Node, 0, Reason::InvalidArgument),
        (ObjectType::Node, 60, Reason::InvalidArgument),
        (ObjectType::Pcb, 1, Reason::InvalidArgument),
        (ObjectType::Reply, 0, Reason::InvalidArgument),
        (ObjectType::IoPort, 0, Reason::InvalidArgument),
        (ObjectType::VirtualPageTable, 0, Reason::NotImplemented),
        (ObjectType::VirtualCpu, 1, Reason::InvalidArgument),
    ] {
        let refused = system.convert(GENERIC, object, size_bits, 1, FREE);
        assert_eq!(reason(refused), expected, "{object:?} {size_bits}");
    }
    for count in [0, 65, u64::MAX] {
        let refused = system.convert(GENERIC, ObjectType::IpcPort, 0, count, FREE);
        assert_eq!(reason(refused), Reason::InvalidArgument, "{count} objects");
    }
    let past_end = system.convert(GENERIC, ObjectType::IpcPort, 0, 2, 4095);
    assert_eq!(reason(past_end), Reason::InvalidArgument);
    let wrapping = system.convert(GENERIC, ObjectType::IpcPort, 0, 2, u64::MAX);
    assert_eq!(reason(wrapping), Reason::InvalidArgument);
    assert_eq!(used(&mut system, GENERIC), 64, "refusals cost nothing");
}

#[test]
fn copies_die_with_the_original_and_generics_are_not_copied() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, FREE).expect("port");
    for copy in 1..4 {
        // Copies of the original, then of a copy.
        let source = if copy < 3 { FREE } else { FREE + 1 };
        system.ask(slot::NODE, node::word::Copy, &[FREE + copy, source]).expect("copy");
    }
    let generic = system.ask(slot::NODE, node::word::Copy, &[FREE + 9, GENERIC]);
    assert_eq!(reason(generic), Reason::PermissionDenied);
    system.remove(FREE + 1).expect("a copy goes alone");
    assert_eq!(system.look(FREE + 3), ObjectType::NotificationPort as u64);
    system.remove(FREE).expect("the original takes all with it");
    for copy in 0..4 {
        assert_eq!(system.look(FREE + copy), 0);
    }
}

#[test]
fn minting_lowers_rights_and_sets_an_identifier_once() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, FREE).expect("port");
    let rights = (Rights::WRITE | Rights::COPY | Rights::MODIFY).into_word();
    system.ask(slot::NODE, node::word::Mint, &[FREE + 1, FREE, rights, 0b100]).expect("mint");
    let looked = system.ask(slot::NODE, node::word::Look, &[FREE + 1]).expect("look");
    assert_eq!((looked[1], looked[2]), (rights, 0b100));
    let again = system.ask(slot::NODE, node::word::Mint, &[FREE + 2, FREE + 1, rights, 0b1]);
    assert_eq!(reason(again), Reason::InvalidArgument);
    let wait = system.ask(FREE + 1, notification::word::Poll, &[]);
    assert_eq!(reason(wait), Reason::PermissionDenied);
    system.ask(FREE + 1, notification::word::Notify, &[]).expect("notify");
    assert_eq!(system.ask(FREE, notification::word::Poll, &[]).expect("poll")[0], 0b100);
    let all = Rights::all().into_word();
    system.ask(slot::NODE, node::word::Mint, &[FREE + 2, FREE + 1, all, 0]).expect("mint");
    let looked = system.ask(slot::NODE, node::word::Look, &[FREE + 2]).expect("look");
    assert_eq!(looked[1], rights, "never more rights than the source");
}

#[test]
fn nothing_is_copied_or_minted_without_the_right_to() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE).expect("port");
    for missing in [Rights::COPY, Rights::MODIFY] {
        let rights = Rights::all().difference(missing).into_word();
        system.ask(slot::NODE, node::word::Mint, &[FREE + 1, FREE, rights, 0]).expect("mint");
        let copy = system.ask(slot::NODE, node::word::Copy, &[FREE + 2, FREE + 1]);
        assert_eq!(copy.is_ok(), missing != Rights::COPY, "{copy:?}");
        let mint = system.ask(slot::NODE, node::word::Mint, &[FREE + 3, FREE + 1, rights, 0]);
        assert_eq!(reason(mint), Reason::PermissionDenied);
        system.remove(FREE + 1).expect("removed, with what came from it");
        let _ = system.remove(FREE + 2);
    }
}

#[test]
fn derivation_depth_is_limited() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE).expect("port");
    let all = Rights::all().into_word();
    let refused = (0..300).find_map(|i| {
        let arguments = [FREE + 1 + i, FREE + i, all, 0];
        system.ask(slot::NODE, node::word::Mint, &arguments).err()
    });
    assert_eq!(refused.expect("it ends somewhere").reason, Reason::TooDeep);
    system.remove(FREE).expect("the whole chain goes");
    assert_eq!(system.look(FREE + 100), 0);
}

#[test]
fn moving_keeps_the_place_in_the_tree() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE).expect("port");
    system.ask(slot::NODE, node::word::Copy, &[FREE + 1, FREE]).expect("copy");
    system.ask(slot::NODE, node::word::Move, &[FREE + 2, FREE]).expect("move the original");
    assert_eq!(system.look(FREE), 0);
    system.remove(FREE + 2).expect("remove it where it is now");
    assert_eq!(system.look(FREE + 1), 0, "the copy went with it");
    assert_eq!(used(&mut system, GENERIC), 0);
}

#[test]
fn nested_nodes_are_addressed_by_path() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::Node, 4, 1, FREE).expect("node");
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE + 1).expect("port");
    system.ask(FREE, node::word::Copy, &[5, FREE + 1]).expect("copy into the inner node");
    let inner = path((FREE << 4) | 5, 16);
    system.ask(slot::NODE, node::word::Copy, &[FREE + 2, inner]).expect("copy out of it");
    assert_eq!(system.look(FREE + 2), ObjectType::IpcPort as u64);
    for (wrong, expected) in [
        (path((FREE << 4) | 6, 16), Reason::InvalidDescriptor),
        (path(FREE << 4, 16), Reason::InvalidDescriptor),
        (path((FREE << 3) | 5, 15), Reason::InvalidDepth),
        (path(5, 3), Reason::InvalidDepth),
        (path((FREE << 8) | 5, 20), Reason::InvalidDescriptor),
        (u64::MAX, Reason::InvalidDescriptor),
        (4096, Reason::InvalidDescriptor),
        (0, Reason::InvalidDescriptor),
    ] {
        let refused = system.ask(slot::NODE, node::word::Copy, &[FREE + 3, wrong]);
        assert_eq!(reason(refused), expected, "{wrong:#x}");
    }
}

#[test]
fn a_node_that_contains_itself_can_be_removed() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::Node, 4, 2, FREE).expect("nodes");
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE + 2).expect("port");
    system.ask(FREE, node::word::Copy, &[1, FREE + 1]).expect("first holds second");
    system.ask(FREE + 1, node::word::Copy, &[1, FREE]).expect("second holds first");
    system.ask(FREE, node::word::Copy, &[2, FREE]).expect("first holds a copy of itself");
    system.ask(FREE, node::word::Move, &[3, FREE + 2]).expect("and a port's original");
    system.ask(FREE + 1, node::word::Move, &[2, FREE]).expect("and now its own original, nested");
    system.remove(FREE + 1).expect("all go");
    assert_eq!(used(&mut system, GENERIC), 0, "nothing is left");
    system.convert(GENERIC, ObjectType::Frame, 20, 1, FREE).expect("memory is whole");
}

#[test]
fn a_generic_inside_a_node_made_from_it() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::Generic, 16, 1, FREE).expect("generic");
    system.convert(FREE, ObjectType::Node, 4, 1, FREE + 1).expect("node");
    system.ask(FREE + 1, node::word::Move, &[1, FREE]).expect("it moves into its own child");
    system.remove(FREE + 1).expect("remove the node");
    assert_eq!(used(&mut system, GENERIC), 0);
}

#[test]
fn exchanging_keeps_both_places_in_the_tree() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, FREE).expect("port");
    system.ask(slot::NODE, node::word::Copy, &[FREE + 1, FREE]).expect("copy");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, FREE + 2).expect("signals");
    // Parent and child, next to each other in the list; then two strangers.
    let port = ObjectType::IpcPort as u64;
    system.ask(slot::NODE, node::word::Exchange, &[FREE, FREE + 1]).expect("exchange");
    system.ask(slot::NODE, node::word::Exchange, &[FREE, FREE + 2]).expect("exchange");
    system.ask(slot::NODE, node::word::Exchange, &[FREE, FREE]).expect("with itself");
    assert_eq!(system.look(FREE), ObjectType::NotificationPort as u64);
    assert_eq!((system.look(FREE + 1), system.look(FREE + 2)), (port, port));
    system.remove(FREE + 1).expect("the original, where it is now");
    assert_eq!(system.look(FREE + 2), 0, "the copy goes with it");
    let empty = system.ask(slot::NODE, node::word::Exchange, &[FREE, FREE + 1]);
    assert_eq!(reason(empty), Reason::InvalidDescriptor);
    system.revoke(GENERIC).expect("revoke");
    assert_eq!(system.look(FREE), 0);
}

#[test]
fn a_descriptor_goes_through_a_limited_number_of_nodes() {
    let mut system = System::new();
    // A node of radix 4 that holds itself: a path may lead through it any number of times.
    system.convert(GENERIC, ObjectType::Node, 4, 1, FREE).expect("node");
    system.ask(FREE, node::word::Copy, &[1, FREE]).expect("into itself");
    let through = |nodes: u32| {
        let index = (1..nodes).fold(FREE, |path, _| (path << 4) | 1);
        path(index, (12 + 4 * (nodes - 1)) as u8)
    };
    let levels = a9n_abi::DESCRIPTOR_LEVELS as u32;
    let copy = node::word::Copy;
    system.ask(slot::NODE, copy, &[FREE + 1, through(levels)]).expect("the longest way");
    let refused = system.ask(slot::NODE, copy, &[FREE + 2, through(levels + 1)]);
    assert_eq!(reason(refused), Reason::InvalidDepth);
}
