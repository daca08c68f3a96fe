//! IPC, replies, notifications, faults and scheduling.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    Error, FaultReason, MessageInfo, ObjectType, Reason, Rights, Source, Word, ipc_port, node,
    notification, operation_word, pcb, reply,
};
use a9n_hal::{Fault, UserAddress};
use a9n_hal_sim::{Answer, Resumption};
use a9n_store::{Process, Ref};
use common::{FREE, GENERIC, Reaction, System, reason};

const PORT: u64 = FREE;
/// The port with identifier 77.
const MINTED: u64 = FREE + 1;
const SERVER: u64 = FREE + 10;
const CLIENT: u64 = FREE + 20;
const REPLY: u64 = FREE + 30;
const SIGNALS: u64 = FREE + 31;

const CALL: u64 = ipc_port::word::Call;
const SEND: u64 = ipc_port::word::Send;
const RECEIVE: u64 = ipc_port::word::Receive;
const REPLY_RECEIVE: u64 = ipc_port::word::ReplyReceive;

/// Init, a server that waits at PORT, and nothing else running.
fn with_server(fast: bool) -> (System, Ref<Process>) {
    let mut system = System::new();
    system.fast = fast;
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    let rights = Rights::all().into_word();
    system.ask(slot::NODE, node::word::Mint, &[MINTED, PORT, rights, 77]).expect("mint");
    system.process(SERVER, 255);
    let server = system.start(SERVER);
    assert_ne!(server, system.init);
    assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, Some(system.init));
    (system, server)
}

fn both_paths(test: impl Fn(System, Ref<Process>)) {
    for fast in [false, true] {
        let (system, server) = with_server(fast);
        test(system, server);
    }
}

fn received(answer: Answer) -> (u64, Option<Source>, u32, usize) {
    let info = MessageInfo(answer.info);
    (answer.identifier, info.source(), info.label(), info.length())
}

fn error_of(answer: Answer) -> Error {
    common::outcome(answer).expect_err("an error")
}

#[test]
fn call_and_reply_carry_words_identifier_and_label() {
    both_paths(|mut system, server| {
        let (init, before) = (system.init, system.fast_calls);
        for round in 0..3u64 {
            let words = [round, 2, 3, 4, 5, 6];
            assert_eq!(system.message(MINTED, CALL, 9, &words), Reaction::Blocked);
            assert_eq!(system.current, Some(server), "the server runs at once");
            let got = system.answer(server);
            assert_eq!(received(got), (77, Some(Source::Message), 9, 6));
            assert_eq!(got.words, words);
            let answer = [10, 20, 30, 40, 50, round];
            assert_eq!(system.message(PORT, REPLY_RECEIVE, 5, &answer), Reaction::Blocked);
            assert_eq!(system.current, Some(init));
            let got = system.answer(init);
            assert_eq!(received(got), (0, Some(Source::Message), 5, 6));
            assert_eq!(got.words, answer);
        }
        assert_eq!(system.fast_calls - before, if system.fast { 6 } else { 0 });
    });
}

#[test]
fn unused_words_are_what_the_sender_put_there_and_nothing_else() {
    both_paths(|mut system, server| {
        system.message(MINTED, CALL, 0, &[1]);
        assert_eq!(system.answer(server).words, [1, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn long_messages_go_through_the_buffers() {
    let (mut system, server) = with_server(true);
    let init_buffer = system.ask(slot::BUFFER, a9n_abi::frame::word::Address, &[]).unwrap()[0];
    let server_buffer = system.ask(SERVER + 2, a9n_abi::frame::word::Address, &[]).unwrap()[0];
    for word in 0..128 {
        let address = a9n_hal::PhysicalAddress(init_buffer + word * 8);
        system.kernel.hal().memory().store_word(address, 1000 + word);
    }
    let mut words = vec![0; 100];
    words[..6].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
    system.message(MINTED, CALL, 0, &words);
    assert_eq!(received(system.answer(server)), (77, Some(Source::Message), 0, 100));
    let memory = system.kernel.hal().memory().snapshot();
    let at = (server_buffer - a9n_hal_sim::BASE) as usize;
    let word = |i: usize| u64::from_le_bytes(memory[at + i * 8..][..8].try_into().unwrap());
    assert_eq!(word(5), 0, "register words do not travel twice");
    assert!((6..100).all(|i| word(i) == 1000 + i as u64));
    assert_eq!(word(100), 0, "not a word more");
}

#[test]
fn bad_message_infos_are_refused() {
    both_paths(|mut system, _| {
        let init = system.init;
        for info in [129, 200, 1 << 16, 1 << 13, 9 << 8, 0xffff_ffff] {
            let frame =
                a9n_hal::CallFrame { operation: CALL, descriptor: MINTED, info, words: [0; 6] };
            let Reaction::Answered(answer) = system.call(init, frame) else { panic!("blocked") };
            assert_eq!(error_of(answer).reason, Reason::InvalidArgument, "{info:#x}");
        }
    });
}

#[test]
fn rights_are_enforced_on_both_paths() {
    both_paths(|mut system, _| {
        let no_write = (Rights::all() - Rights::WRITE).into_word();
        system.ask(slot::NODE, node::word::Mint, &[FREE + 2, PORT, no_write, 0]).expect("mint");
        let Reaction::Answered(answer) = system.message(FREE + 2, CALL, 0, &[]) else {
            panic!("blocked")
        };
        assert_eq!(error_of(answer).reason, Reason::PermissionDenied);
        let no_read = (Rights::all() - Rights::READ).into_word();
        system.ask(slot::NODE, node::word::Mint, &[FREE + 3, PORT, no_read, 0]).expect("mint");
        let Reaction::Answered(answer) = system.message(FREE + 3, REPLY_RECEIVE, 0, &[]) else {
            panic!("blocked")
        };
        assert_eq!(error_of(answer).reason, Reason::PermissionDenied);
    });
}

#[test]
fn callers_queue_in_order_and_the_server_takes_the_next_on_reply() {
    both_paths(|mut system, server| {
        let init = system.init;
        // Two clients of init's priority queue up while the server is busy with init.
        for client in [CLIENT, CLIENT + 3] {
            system.process(client, 255);
            system.resume(client);
        }
        system.message(MINTED, CALL, 0, &[1]);
        assert_eq!(system.current, Some(server));
        system.yield_now();
        let first = system.current.expect("first client");
        assert_eq!(system.message(PORT, CALL, 0, &[2]), Reaction::Blocked);
        let second = system.current.expect("second client");
        assert_eq!(system.message(PORT, CALL, 0, &[3]), Reaction::Blocked);
        assert_eq!(system.current, Some(server));
        // Reply to init; the next caller's message comes in the same call.
        system.message(PORT, REPLY_RECEIVE, 0, &[100]);
        let mut answered = vec![];
        for _ in 0..20 {
            let Some(current) = system.current else { break };
            if current == server {
                let got = system.answer(server);
                if MessageInfo(got.info).source() == Some(Source::Message) {
                    answered.push(got.words[0]);
                }
                if answered.len() == 2 {
                    break;
                }
                system.message(PORT, REPLY_RECEIVE, 0, &[got.words[0] + 100]);
            } else {
                system.yield_now();
            }
        }
        assert_eq!(answered, [2, 3]);
        assert_eq!(system.answer(first).words[0], 102);
        assert_ne!(first, second);
        assert_ne!(init, first);
    });
}

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

#[test]
fn removing_a_port_wakes_all_who_wait_there() {
    let (mut system, server) = with_server(false);
    system.remove(PORT).expect("remove");
    assert_eq!(system.look(MINTED), 0);
    system.yield_now();
    assert_eq!(system.current, Some(server));
    assert_eq!(error_of(system.answer(server)).reason, Reason::PartnerDied);
}

#[test]
fn cancel_ends_a_wait_with_an_error() {
    let (mut system, server) = with_server(false);
    system.ask(SERVER, pcb::word::Cancel, &[]).expect("cancel");
    system.yield_now();
    assert_eq!(system.current, Some(server));
    assert_eq!(error_of(system.answer(server)).reason, Reason::Cancelled);
}

#[test]
fn send_does_not_wait_for_an_answer() {
    let (mut system, server) = with_server(false);
    let Reaction::Answered(answer) = system.message(MINTED, SEND, 4, &[8]) else { panic!() };
    common::outcome(answer).expect("sent");
    system.yield_now();
    assert_eq!(received(system.answer(server)), (77, Some(Source::Message), 4, 1));
    // Nobody is owed a reply.
    let Reaction::Answered(answer) = system.message(0, reply::word::Reply, 0, &[]) else {
        panic!("blocked")
    };
    assert_eq!(error_of(answer).reason, Reason::InvalidDescriptor);
}

#[test]
fn non_blocking_forms_say_so() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    let init = system.init;
    for operation in [CALL, SEND, RECEIVE] {
        let frame = a9n_hal::CallFrame {
            operation,
            descriptor: PORT,
            info: MessageInfo::new(0, 0).non_blocking().0,
            words: [0; 6],
        };
        let Reaction::Answered(answer) = system.call(init, frame) else { panic!("blocked") };
        assert_eq!(error_of(answer).reason, Reason::WouldBlock);
    }
}

#[test]
fn signals_are_kept_merged_and_wake_bound_receivers() {
    both_paths(|mut system, server| {
        system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
        let all = Rights::all().into_word();
        for (index, bits) in [(SIGNALS + 1, 1), (SIGNALS + 2, 2)] {
            let arguments = [index, SIGNALS, all, bits];
            system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
        }
        system.ask(SIGNALS + 1, notification::word::Notify, &[]).expect("notify");
        system.ask(SIGNALS + 2, notification::word::Notify, &[]).expect("notify");
        assert_eq!(system.ask(SIGNALS, notification::word::Wait, &[]).expect("wait")[0], 3);
        assert_eq!(system.ask(SIGNALS, notification::word::Poll, &[]).expect("poll")[0], 0);
        system.ask(SERVER, pcb::word::ConfigurePorts, &[0, SIGNALS]).expect("bind");
        system.ask(SIGNALS + 2, notification::word::Notify, &[]).expect("notify");
        system.yield_now();
        assert_eq!(system.current, Some(server), "the receive ended");
        assert_eq!(received(system.answer(server)).1, Some(Source::Notification));
        assert_eq!(system.answer(server).identifier, 2);
        // A signal that comes while it works is seen by the next receive, fast or not.
        system.message(PORT, RECEIVE, 0, &[]);
        system.message(MINTED, CALL, 0, &[1]);
        assert_eq!(system.current, Some(server));
        system.ask(SIGNALS + 1, notification::word::Notify, &[]).expect("notify");
        system.message(PORT, REPLY_RECEIVE, 0, &[]);
        while system.current != Some(server) {
            system.yield_now();
        }
        assert_eq!(received(system.answer(server)).1, Some(Source::Notification));
        assert_eq!(system.answer(server).identifier, 1);
    });
}

const FAULT: Fault = Fault { reason: FaultReason::Page, address: UserAddress(0x1234), code: 2 };

#[test]
fn faults_go_to_the_resolver_whose_reply_decides() {
    let (mut system, server) = with_server(true);
    system.process(CLIENT, 255);
    system.ask(CLIENT, pcb::word::ConfigurePorts, &[MINTED, 0]).expect("resolver");
    let client = system.start(CLIENT);
    system.fault(FAULT);
    assert_eq!(system.current, Some(server));
    let got = system.answer(server);
    assert_eq!(received(got), (77, Some(Source::Fault), FaultReason::Page as u32, 3));
    assert_eq!(got.words, [0x20_0000, 0x1234, 2, 0, 0, 0]);
    // Resume as it was.
    system.message(PORT, REPLY_RECEIVE, 0, &[]);
    assert_eq!(system.current, Some(client));
    assert_eq!(system.kernel.context(client).resumption(), Resumption::Whole);
    // Change a register and resume.
    system.fault(FAULT);
    assert_eq!(system.current, Some(server));
    system.ask(CLIENT, pcb::word::WriteRegister, &[1, 0xabc]).expect("write");
    assert_eq!(system.ask(CLIENT, pcb::word::ReadRegister, &[1]).expect("read")[0], 0xabc);
    system.message(PORT, REPLY_RECEIVE, 0, &[]);
    assert_eq!(system.current, Some(client));
    // Leave it stopped.
    system.fault(FAULT);
    system.message(PORT, REPLY_RECEIVE, 1, &[]);
    assert_eq!(system.current, Some(system.init));
    let state = system.ask(CLIENT, pcb::word::Information, &[]).expect("info")[2];
    assert_eq!(state, a9n_store::Phase::Stopped as u64);
    system.resume(CLIENT);
    system.yield_now();
    assert_eq!(system.current, Some(client));
}

#[test]
fn a_fault_without_resolver_stops_the_process_and_is_reported() {
    let mut system = System::new();
    system.process(CLIENT, 255);
    system.start(CLIENT);
    system.fault(FAULT);
    assert_eq!(system.current, Some(system.init));
    assert!(system.kernel.hal().console().contains("page fault at 0x1234"));
}

#[test]
fn equal_priorities_share_and_higher_ones_preempt() {
    let mut system = System::new();
    system.ask(slot::PROCESS, pcb::word::ConfigureSchedule, &[100, 0, 0]).expect("lower init");
    system.process(CLIENT, 100);
    system.resume(CLIENT);
    assert_eq!(system.current, Some(system.init), "an equal does not preempt");
    system.pass(5_000);
    assert_eq!(system.current, Some(system.init), "half a quantum");
    system.pass(5_000);
    let client = system.current.expect("somebody");
    assert_ne!(client, system.init, "the quantum has ended");
    system.pass(10_000);
    assert_eq!(system.current, Some(system.init));
    system.process(SERVER, 101);
    system.resume(SERVER);
    let urgent = system.current.expect("somebody");
    assert!(urgent != system.init && urgent != client, "a higher one runs at once");
    system.pass(50_000);
    assert_eq!(system.current, Some(urgent), "and keeps running");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
    let process = system.current.unwrap();
    let wait = a9n_hal::CallFrame {
        operation: notification::word::Wait,
        descriptor: SIGNALS,
        info: 0,
        words: [0; 6],
    };
    assert_eq!(system.call(process, wait), Reaction::Blocked);
    assert_eq!(system.current, Some(system.init), "the preempted one keeps its turn");
}

#[test]
fn a_call_carries_its_priority_to_the_server() {
    both_paths(|mut system, server| {
        // The server's own priority is low, and a busy process lies between.
        system.ask(SERVER, pcb::word::ConfigureSchedule, &[10, 0, 0]).expect("lower");
        system.process(CLIENT, 100);
        system.resume(CLIENT);
        system.message(MINTED, CALL, 0, &[1]);
        assert_eq!(system.current, Some(server));
        system.pass(1_000_000);
        assert_eq!(system.current, Some(server), "it runs at its caller's priority");
        system.message(PORT, REPLY_RECEIVE, 0, &[]);
        assert_eq!(system.current, Some(system.init));
    });
}

#[test]
fn unknown_operations_are_refused() {
    let mut system = System::new();
    for operation in [0, 0xff, operation_word(2, 99), operation_word(200, 1), 0xffff] {
        let refused = system.ask(GENERIC, operation, &[]);
        assert_eq!(reason(refused), Reason::IllegalOperation, "{operation:#x}");
    }
    let wrong_object = system.ask(GENERIC, notification::word::Poll, &[]);
    assert_eq!(reason(wrong_object), Reason::InvalidDescriptor);
}

#[test]
fn foreign_calls_go_to_the_resolver_and_come_back_with_a_result() {
    let (mut system, server) = with_server(true);
    system.process(CLIENT, 255);
    system.ask(CLIENT, pcb::word::ConfigurePorts, &[MINTED, 0]).expect("resolver");
    system.ask(CLIENT, pcb::word::ConfigureSchedule, &[255, 0, 1]).expect("foreign");
    let client = system.start(CLIENT);
    // Even the number of `call` is foreign here.
    for number in [39, CALL] {
        let frame = a9n_hal::CallFrame {
            operation: number,
            descriptor: PORT,
            info: 0,
            words: [1, 2, 3, 4, 5, 6],
        };
        assert_eq!(system.call(client, frame), Reaction::Blocked);
        assert_eq!(system.current, Some(server));
        let got = system.answer(server);
        assert_eq!(received(got), (77, Some(Source::Foreign), number as u32, 6));
        assert_eq!(got.words, [1, 2, 3, 4, 5, 6]);
        system.message(PORT, REPLY_RECEIVE, 0, &[number + 1]);
        assert_eq!(system.current, Some(client));
        let resumption = system.kernel.context(client).resumption();
        assert_eq!(resumption, Resumption::ForeignResult(number + 1));
    }
    let frame = a9n_hal::CallFrame { operation: 1, descriptor: 0, info: 0, words: [0; 6] };
    system.call(client, frame);
    system.message(PORT, REPLY_RECEIVE, a9n_abi::Verdict::ResumeWhole as u32, &[5]);
    assert_eq!(system.current, Some(client));
    assert_eq!(system.kernel.context(client).resumption(), Resumption::Whole);
}

#[test]
fn an_interrupted_process_tells_its_resolver_at_its_next_user_boundary() {
    let (mut system, server) = with_server(true);
    system.process(CLIENT, 255);
    system.ask(CLIENT, pcb::word::ConfigurePorts, &[MINTED, 0]).expect("resolver");
    let client = system.start(CLIENT);
    system.yield_now();
    assert_eq!(system.current, Some(system.init));
    // It is ready: its resolver is told at once.
    system.ask(CLIENT, pcb::word::Interrupt, &[]).expect("interrupt");
    system.yield_now();
    assert_eq!(system.current, Some(server));
    assert_eq!(received(system.answer(server)).1, Some(Source::Stopped));
    // Interrupted while its resolver works on a trap: told again before it runs.
    system.ask(CLIENT, pcb::word::Interrupt, &[]).expect("interrupt");
    system.message(PORT, REPLY_RECEIVE, 0, &[]);
    while system.current != Some(server) {
        assert_ne!(system.current, Some(client), "it must not run");
        system.yield_now();
    }
    assert_eq!(received(system.answer(server)).1, Some(Source::Stopped));
    system.message(PORT, REPLY_RECEIVE, 0, &[]);
    while system.current != Some(client) {
        system.yield_now();
    }
    // It interrupts itself.
    let operation = pcb::word::Interrupt;
    let frame = a9n_hal::CallFrame { operation, descriptor: CLIENT, info: 0, words: [0; 6] };
    assert_eq!(system.call(client, frame), Reaction::Blocked);
    assert_eq!(system.current, Some(server));
}

#[test]
fn cloned_state_is_the_same_registers() {
    let mut system = System::new();
    system.process(CLIENT, 255);
    system.process(SERVER, 255);
    system.ask(CLIENT, pcb::word::WriteRegister, &[1, 0x77]).expect("write");
    system.ask(SERVER, pcb::word::CloneState, &[CLIENT]).expect("clone");
    assert_eq!(system.ask(SERVER, pcb::word::ReadRegister, &[1]).expect("read")[0], 0x77);
    let running = system.ask(SERVER, pcb::word::CloneState, &[slot::PROCESS]);
    assert_eq!(reason(running), Reason::Busy);
}

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
