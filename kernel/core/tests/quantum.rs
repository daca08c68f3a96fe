//! Time that is lent with a call is spent, also when it comes back before the answer.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{MessageInfo, ObjectType, REPLY_SLOT_SHIFT, ipc_port, pcb, reply};
use a9n_hal::CallFrame;
use a9n_store::{Process, Ref};
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

/// A server that is more urgent than its caller starts somebody whose priority is between theirs, and goes on.
fn served_although_less_urgent(own_time: bool, fast: bool) -> System {
    let mut system = System::new();
    system.fast = fast;
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
    assert_eq!(system.current, Some(server), "nobody is more urgent");
    system.check();
    system
}

#[test]
fn a_server_does_not_wait_for_who_is_less_urgent_than_itself() {
    for (own_time, fast) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut system = served_although_less_urgent(own_time, fast);
        let init = system.init;
        let answer = system.message(FIRST, reply::word::Reply, 0, &[7]);
        assert!(matches!(answer, Reaction::Answered(_)));
        assert_eq!(system.answer(init).words[0], 7);
        assert_eq!(system.message(PORT, ipc_port::word::Receive, 0, &[]), Reaction::Blocked);
        assert_ne!(system.current, Some(init), "the other one is more urgent");
        system.check();
    }
}

/// A server at PORT and a client of init's kind that is less urgent than it, which has just called; and another of its
/// kind that is ready.
fn served_beside_another(fast: bool) -> (System, [Ref<Process>; 3]) {
    let mut system = System::new();
    system.fast = fast;
    let init = system.init;
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(SERVER, 255);
    system.process(OTHER, 100);
    let server = system.start(SERVER);
    assert_eq!(system.message(PORT, ipc_port::word::Receive, 0, &[]), Reaction::Blocked);
    system.ask(slot::PROCESS, pcb::word::ConfigureSchedule, &[100, 0, 0]).expect("less urgent");
    system.resume(OTHER);
    system.yield_now();
    let other = system.current.expect("the other one runs");
    system.yield_now();
    assert_eq!(system.message(PORT, ipc_port::word::Call, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, Some(server));
    (system, [init, server, other])
}

#[test]
fn a_turn_that_ends_in_a_server_ends_with_its_answer() {
    for fast in [false, true] {
        let (mut system, [init, server, other]) = served_beside_another(fast);
        system.pass(10_000);
        assert_eq!(system.current, Some(server), "it is not held up");
        system.check();
        assert_eq!(system.message(PORT, ipc_port::word::ReplyReceive, 0, &[7]), Reaction::Blocked);
        assert_eq!(system.current, Some(other), "it is this one's turn");
        system.yield_now();
        assert_eq!(system.current, Some(init));
        assert_eq!(system.answer(init).words[0], 7);
        system.check();
    }
}

#[test]
fn a_call_within_ones_turn_does_not_end_it() {
    for fast in [false, true] {
        let (mut system, [init, server, _]) = served_beside_another(fast);
        system.pass(9_000);
        assert_eq!(system.current, Some(server));
        assert_eq!(system.message(PORT, ipc_port::word::ReplyReceive, 0, &[7]), Reaction::Blocked);
        assert_eq!(system.current, Some(init), "it has the rest of its turn");
        system.check();
    }
}

#[test]
fn turns_are_as_long_as_was_set() {
    let mut system = System::new();
    let init = system.init;
    system.process(OTHER, 255);
    system.ask(OTHER, pcb::word::ConfigureTurn, &[256]).expect("a quarter");
    let other = system.start(OTHER);
    system.yield_now();
    for _ in 0..3 {
        // Ticks of a whole quantum, and of a fourth.
        for (process, ticks) in [(init, 10_000), (other, 2_500)] {
            system.pass(ticks - 1);
            assert_eq!(system.current, Some(process));
            system.pass(1);
            assert_ne!(system.current, Some(process), "its turn is over");
        }
    }
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
