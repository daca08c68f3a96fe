//! Time that is lent with a call is spent, also when it comes back before the answer.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{MessageInfo, ObjectType, REPLY_SLOT_SHIFT, ipc_port, pcb, reply};
use a9n_hal::CallFrame;
use common::{FREE, GENERIC, Reaction, System};

const PORT: u64 = FREE;
const SERVER: u64 = FREE + 10;
const OTHER: u64 = FREE + 20;
/// Where Replies land.
const FIRST: u64 = FREE + 30;
const SECOND: u64 = FREE + 31;

fn receive_into(system: &mut System, reply: u64) {
    let operation = ipc_port::word::Receive | (reply << 16);
    assert_eq!(system.message(PORT, operation, 0, &[]), Reaction::Blocked);
}

/// A server that is more urgent than its caller starts somebody whose priority is between theirs.
fn who_runs_while_a_server_is_lent_less(own_time: bool) -> (System, bool) {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(SERVER, 255);
    system.process(OTHER, 200);
    let server = system.start(SERVER);
    let info = MessageInfo::default();
    let info = if own_time { info.on_own_time() } else { info };
    let operation = ipc_port::word::Receive | FIRST << REPLY_SLOT_SHIFT;
    let receive = CallFrame { operation, descriptor: PORT, info: info.0, words: [0; 6] };
    assert_eq!(system.call(server, receive), Reaction::Blocked);
    system.ask(slot::PROCESS, pcb::word::ConfigureSchedule, &[100, 0, 0]).expect("less urgent");
    system.message(PORT, ipc_port::word::Call, 0, &[1]);
    assert_eq!(system.current, Some(server));
    system.resume(OTHER);
    let runs = system.current == Some(server);
    (system, runs)
}

#[test]
fn a_server_keeps_its_own_priority_only_if_it_asked_for_that() {
    let (system, runs) = who_runs_while_a_server_is_lent_less(false);
    assert!(!runs, "it is as urgent as its caller");
    system.check();
    let (mut system, runs) = who_runs_while_a_server_is_lent_less(true);
    assert!(runs, "nobody is more urgent");
    // The caller waits with its own time, and gets its answer.
    let init = system.init;
    assert!(matches!(system.message(FIRST, reply::word::Reply, 0, &[7]), Reaction::Answered(_)));
    assert_eq!(system.answer(init).words[0], 7);
    assert_eq!(system.message(PORT, ipc_port::word::Receive, 0, &[]), Reaction::Blocked);
    assert_ne!(system.current, Some(init), "the other one is more urgent");
    system.check();
}

#[test]
fn what_a_server_used_of_a_deferred_call_is_gone_for_the_caller() {
    let mut system = System::new();
    let init = system.init;
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(SERVER, 255);
    system.process(OTHER, 255);
    system.start(SERVER);
    receive_into(&mut system, FIRST);
    assert_eq!(system.current, Some(init));
    system.resume(OTHER);
    assert_eq!(system.message(PORT, ipc_port::word::Call, 0, &[]), Reaction::Blocked);
    system.pass(4000);
    receive_into(&mut system, SECOND);
    let other = system.current.expect("the third runs");
    let info = MessageInfo::new(0, 0).0;
    let operation = reply::word::Reply;
    system.call(other, CallFrame { operation, descriptor: FIRST, info, words: [0; 6] });
    system.yield_now();
    assert_eq!(system.current, Some(init), "it has its answer");
    system.pass(5999);
    assert_eq!(system.current, Some(init), "it has the rest of its time");
    system.pass(1);
    assert_eq!(system.current, Some(other), "and no more");
}
