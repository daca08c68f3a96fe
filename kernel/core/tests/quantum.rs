//! Time that is lent with a call is spent, also when it comes back before the answer.

mod common;

use a9n_abi::{MessageInfo, ObjectType, ipc_port, reply};
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
