//! IPC, replies, notifications, faults and scheduling: a test plays the processes, the kernel answers.

mod capabilities;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod replies;

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
