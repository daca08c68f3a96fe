//! Replies: answered, deferred, dropped; and what deaths do to calls under way.

use super::*;

#[test]
fn a_reply_stored_in_a_slot_can_wait_while_others_are_served() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(SERVER, 255);
    let server = system.start(SERVER);
    let named = RECEIVE | (REPLY << 16);
    assert_eq!(system.message(PORT, named, 0, &[]), Reaction::Blocked);
    let init = system.init;
    system.message(PORT, CALL, 0, &[1]);
    assert_eq!(system.current, Some(server));
    assert_eq!(system.look(REPLY), ObjectType::Reply as u64);
    let copy = system.ask(slot::NODE, node::word::Copy, &[REPLY + 5, REPLY]);
    assert_eq!(reason(copy), Reason::PermissionDenied);
    // The slot is taken now, so it cannot be named again.
    let Reaction::Answered(answer) = system.message(PORT, named, 0, &[]) else { panic!() };
    assert_eq!(error_of(answer).reason, Reason::Occupied);
    system.ask(slot::NODE, node::word::Move, &[REPLY + 1, REPLY]).expect("a Reply moves");
    assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, None, "init still waits, the server waits again: idle");
    assert_eq!(system.kernel.context(init).resumption(), Resumption::Whole, "no answer yet");
}

#[test]
fn a_stored_reply_answers_its_caller_once() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(SERVER, 255);
    let server = system.start(SERVER);
    system.message(PORT, RECEIVE | (REPLY << 16), 0, &[]);
    let init = system.init;
    system.message(PORT, CALL, 0, &[1]);
    assert_eq!(system.current, Some(server));
    system.message(REPLY, reply::word::Reply, 3, &[42]);
    assert_eq!(system.look(REPLY), 0, "used up");
    let Reaction::Answered(again) = system.message(REPLY, reply::word::Reply, 0, &[]) else {
        panic!("blocked")
    };
    assert_eq!(error_of(again).reason, Reason::InvalidDescriptor);
    system.message(PORT, RECEIVE, 0, &[]);
    assert_eq!(system.current, Some(init));
    assert_eq!(system.answer(init).words[0], 42);
}

#[test]
fn a_reply_can_be_set_aside_after_its_call_was_received() {
    both_paths(|mut system, server| {
        let init = system.init;
        let keep = |system: &mut System, slot| system.message(slot, reply::word::Keep, 0, &[]);
        system.message(MINTED, CALL, 0, &[1]);
        assert_eq!(system.current, Some(server));
        for (slot, wrong) in [(PORT, Reason::Occupied), (0, Reason::InvalidDescriptor)] {
            let Reaction::Answered(answer) = keep(&mut system, slot) else { panic!("blocked") };
            assert_eq!(error_of(answer).reason, wrong, "slot {slot}");
        }
        assert!(matches!(keep(&mut system, REPLY), Reaction::Answered(_)));
        assert_eq!(system.look(REPLY), ObjectType::Reply as u64);
        let Reaction::Answered(answer) = keep(&mut system, REPLY + 1) else { panic!("blocked") };
        assert_eq!(error_of(answer).reason, Reason::InvalidDescriptor, "nothing is owed now");
        // Its caller goes on waiting while another one is served, and is answered meanwhile.
        system.process(CLIENT, 255);
        let client = system.start(CLIENT);
        assert_eq!(system.message(MINTED, CALL, 0, &[2]), Reaction::Blocked);
        assert_eq!(system.current, Some(server));
        assert!(matches!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Answered(_)));
        assert_eq!(system.kernel.context(init).resumption(), Resumption::Whole, "no answer yet");
        system.message(REPLY, reply::word::Reply, 0, &[42]);
        assert_eq!(system.look(REPLY), 0, "used up");
        assert_eq!(system.message(PORT, REPLY_RECEIVE, 0, &[43]), Reaction::Blocked);
        assert_eq!(system.answer(init).words[0], 42);
        assert_eq!(system.answer(client).words[0], 43);
    });
}

#[test]
fn dropping_a_stored_reply_fails_the_call() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(SERVER, 255);
    let server = system.start(SERVER);
    system.message(PORT, RECEIVE | (REPLY << 16), 0, &[]);
    system.message(PORT, CALL, 0, &[1]);
    assert_eq!(system.current, Some(server));
    system.remove(REPLY).expect("drop it");
    system.message(PORT, RECEIVE, 0, &[]);
    assert_eq!(system.current, Some(system.init));
    assert_eq!(error_of(system.answer(system.init)).reason, Reason::PartnerDied);
}

#[test]
fn a_new_receive_over_an_unanswered_call_fails_that_call() {
    both_paths(|mut system, _| {
        let init = system.init;
        system.message(MINTED, CALL, 0, &[1]);
        system.message(PORT, RECEIVE, 0, &[]);
        assert_eq!(system.current, Some(init));
        assert_eq!(error_of(system.answer(init)).reason, Reason::PartnerDied);
    });
}

#[test]
fn a_server_that_dies_fails_its_caller_and_keeps_the_queue() {
    both_paths(|mut system, server| {
        let init = system.init;
        system.message(MINTED, CALL, 0, &[1]);
        assert_eq!(system.current, Some(server));
        let operation = node::word::Remove;
        let mut words = [0; 6];
        words[0] = SERVER;
        let remove = a9n_hal::CallFrame { operation, descriptor: slot::NODE, info: 1, words };
        assert_eq!(system.call(server, remove), Reaction::Blocked, "the server removes itself");
        assert_eq!(system.current, Some(init));
        assert_eq!(error_of(system.answer(init)).reason, Reason::PartnerDied);
        // The port lives on and serves whoever receives next.
        system.process(CLIENT, 255);
        let next = system.start(CLIENT);
        assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
        assert_eq!(system.message(MINTED, CALL, 0, &[7]), Reaction::Blocked);
        assert_eq!(system.current, Some(next));
        assert_eq!(system.answer(next).words[0], 7);
    });
}

#[test]
fn a_client_that_dies_does_not_disturb_its_server() {
    both_paths(|mut system, server| {
        system.process(CLIENT, 255);
        let client = system.start(CLIENT);
        assert_eq!(system.message(MINTED, CALL, 0, &[1]), Reaction::Blocked);
        assert_eq!(system.current, Some(server));
        system.remove(CLIENT).expect("the client goes");
        assert_eq!(system.current, Some(server));
        // The reply finds nobody; the receive goes on.
        assert_eq!(system.message(PORT, REPLY_RECEIVE, 0, &[1]), Reaction::Blocked);
        assert_eq!(system.current, Some(system.init));
        assert_ne!(client, server);
        system.message(MINTED, CALL, 0, &[5]);
        assert_eq!(system.answer(server).words[0], 5);
    });
}
