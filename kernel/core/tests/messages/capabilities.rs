//! Capabilities that travel with messages.

use super::*;

/// Stores words into the IPC buffer in `frame`, as its owner would.
fn store(system: &mut System, frame: u64, words: &[(usize, u64)]) {
    let base = system.ask(frame, a9n_abi::frame::word::Address, &[]).expect("address")[0];
    for (offset, value) in words {
        let address = a9n_hal::PhysicalAddress(base + *offset as u64);
        system.kernel.hal().memory().store_word(address, *value);
    }
}

/// The running process calls with `count` capabilities.
fn call_with(system: &mut System, port: u64, count: usize) -> Reaction {
    let process = system.current.expect("somebody runs");
    let info = MessageInfo::new(0, 1).with_capabilities(count).0;
    let words = [9, 0, 0, 0, 0, 0];
    let frame = a9n_hal::CallFrame { operation: CALL, descriptor: port, info, words };
    system.call(process, frame)
}

#[test]
fn capabilities_travel_with_messages() {
    use std::mem::offset_of;

    use a9n_abi::IpcBuffer;

    const DESTINATION: u64 = FREE + 40;
    let (mut system, server) = with_server(true);
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 2, SIGNALS).expect("signals");
    let capabilities = offset_of!(IpcBuffer, capabilities);
    let offers = [(capabilities, SIGNALS), (capabilities + 8, SIGNALS + 1)];
    store(&mut system, slot::BUFFER, &offers);
    // The receiver named no place: the words arrive, no capability does, nobody fails.
    assert_eq!(call_with(&mut system, MINTED, 2), Reaction::Blocked);
    assert_eq!(MessageInfo(system.answer(server).info).capabilities(), 0);
    assert_eq!(system.answer(server).words[0], 9);
    let place = [
        (offset_of!(IpcBuffer, receive_node), slot::NODE),
        (offset_of!(IpcBuffer, receive_index), DESTINATION),
        (offset_of!(IpcBuffer, receive_slots), 1),
    ];
    store(&mut system, SERVER + 2, &place);
    system.message(PORT, REPLY_RECEIVE, 0, &[]);
    // Room for one.
    assert_eq!(call_with(&mut system, MINTED, 2), Reaction::Blocked);
    assert_eq!(MessageInfo(system.answer(server).info).capabilities(), 1);
    assert_eq!(system.look(DESTINATION), ObjectType::NotificationPort as u64);
    assert_eq!(system.look(DESTINATION + 1), 0);
    system.message(PORT, REPLY_RECEIVE, 0, &[]);
    // The place is taken now.
    assert_eq!(call_with(&mut system, MINTED, 1), Reaction::Blocked);
    assert_eq!(MessageInfo(system.answer(server).info).capabilities(), 0);
    system.message(PORT, REPLY_RECEIVE, 0, &[]);
    system.remove(SIGNALS).expect("the sender takes it back");
    assert_eq!(system.look(DESTINATION), 0);
    // What the sender cannot give is the sender's error.
    store(&mut system, slot::BUFFER, &[(capabilities, GENERIC)]);
    let Reaction::Answered(answer) = call_with(&mut system, MINTED, 1) else { panic!("blocked") };
    assert_eq!(error_of(answer).reason, Reason::InvalidDescriptor);
    let no_grant = (Rights::all() - Rights::GRANT).into_word();
    system.ask(slot::NODE, node::word::Mint, &[FREE + 2, PORT, no_grant, 0]).expect("mint");
    store(&mut system, slot::BUFFER, &[(capabilities, SIGNALS + 1)]);
    let Reaction::Answered(answer) = call_with(&mut system, FREE + 2, 1) else { panic!("blocked") };
    assert_eq!(error_of(answer).reason, Reason::PermissionDenied);
}
