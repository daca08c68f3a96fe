//! What a process might try against others: to run with somebody else's urgency, to keep them from
//! running, to get more authority than it was given.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{ObjectType, ipc_port, node, notification, pcb, reply};
use a9n_store::{Process, Ref};
use common::{FREE, GENERIC, Reaction, System};

const PORT: u64 = FREE;
const SECOND: u64 = FREE + 1;
const SIGNALS: u64 = FREE + 2;
const REPLY: u64 = FREE + 3;
const A: u64 = FREE + 10;
const B: u64 = FREE + 20;
const C: u64 = FREE + 30;

const CALL: u64 = ipc_port::word::Call;
const RECEIVE: u64 = ipc_port::word::Receive;
const REPLY_RECEIVE: u64 = ipc_port::word::ReplyReceive;
const WAIT: u64 = notification::word::Wait;

/// Init at priority 1, two ports and a Notification Port.
fn system(fast: bool) -> System {
    let mut system = System::new();
    system.fast = fast;
    system.convert(GENERIC, ObjectType::IpcPort, 0, 2, PORT).expect("ports");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
    system.ask(slot::PROCESS, pcb::word::ConfigureSchedule, &[1, 0, 0]).expect("lower init");
    system
}

fn both_paths(test: impl Fn(System)) {
    [false, true].into_iter().map(system).for_each(test);
}

/// Makes a process in `index` that runs at once.
fn run(system: &mut System, index: u64, priority: u64) -> Ref<Process> {
    system.process(index, priority);
    system.resume(index);
    assert_ne!(system.current, Some(system.init), "init is less urgent");
    system.current.expect("it runs")
}

/// The running process does something after which it does not run.
fn block(system: &mut System, slot: u64, operation: u64) {
    assert_eq!(system.message(slot, operation, 0, &[]), Reaction::Blocked);
}

/// Whoever runs waits for signals, until `process` runs.
fn wait_until_it_runs(system: &mut System, process: Ref<Process>) {
    while system.current != Some(process) {
        block(system, SIGNALS, WAIT);
    }
}

/// Whether the running process is preempted by one with `priority`.
fn yields_to(system: &mut System, index: u64, priority: u64) -> bool {
    let before = system.current.expect("somebody runs");
    system.process(index, priority);
    system.resume(index);
    let preempted = system.current != Some(before);
    if preempted {
        block(system, SIGNALS, WAIT);
        assert_eq!(system.current, Some(before));
    }
    preempted
}

#[test]
fn interrupting_a_ready_process_disturbs_nobody_else() {
    let mut system = System::new();
    let init = system.init;
    // Nobody receives at the resolver's port.
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(A, 10);
    system.ask(A, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
    system.resume(A);
    system.ask(A, pcb::word::Interrupt, &[]).expect("interrupt");
    assert_eq!(system.current, Some(init), "the caller goes on");
}

#[test]
fn a_server_does_not_keep_the_urgency_of_a_call_that_it_answered() {
    both_paths(|mut system| {
        let server = run(&mut system, A, 10);
        block(&mut system, PORT, RECEIVE);
        let client = run(&mut system, B, 200);
        block(&mut system, PORT, CALL);
        assert_eq!(system.current, Some(server));
        // Preempted, so that what it runs with is stored in its PCB.
        system.pass(10_000);
        assert_eq!(system.current, Some(server));
        block(&mut system, PORT, REPLY_RECEIVE);
        assert_eq!(system.current, Some(client));
        system.ask(A, pcb::word::Cancel, &[]).expect("end its receive");
        block(&mut system, SIGNALS, WAIT);
        assert_eq!(system.current, Some(server));
        assert!(yields_to(&mut system, C, 100));
    });
}

#[test]
fn a_call_that_is_dropped_further_on_does_not_raise_its_first_caller() {
    both_paths(|mut system| {
        let second = run(&mut system, A, 200);
        block(&mut system, SECOND, RECEIVE);
        let first = run(&mut system, B, 200);
        block(&mut system, PORT, RECEIVE);
        let client = run(&mut system, C, 10);
        block(&mut system, PORT, CALL);
        assert_eq!(system.current, Some(first));
        block(&mut system, SECOND, CALL);
        assert_eq!(system.current, Some(second));
        // The second server forgets the call; the first gets an error and answers its client.
        block(&mut system, SECOND, RECEIVE);
        assert_eq!(system.current, Some(first));
        block(&mut system, PORT, REPLY_RECEIVE);
        assert_eq!(system.current, Some(client));
        assert!(yields_to(&mut system, FREE + 40, 100), "it has its own urgency");
    });
}

#[test]
fn cancelling_a_call_takes_its_urgency_from_the_server() {
    both_paths(|mut system| {
        let server = run(&mut system, A, 10);
        block(&mut system, PORT, RECEIVE);
        let manager = run(&mut system, B, 250);
        block(&mut system, SIGNALS, WAIT);
        let client = run(&mut system, C, 200);
        block(&mut system, PORT, CALL);
        assert_eq!(system.current, Some(server));
        system.ask(SIGNALS, notification::word::Notify, &[]).expect("nobody, without identifier");
        let arguments = [FREE + 50, SIGNALS, 63, 1];
        system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
        system.message(FREE + 50, notification::word::Notify, 0, &[]);
        assert_eq!(system.current, Some(manager));
        system.ask(C, pcb::word::Cancel, &[]).expect("cancel");
        block(&mut system, SIGNALS, WAIT);
        assert_eq!(system.current, Some(client), "with an error, and before the server");
        block(&mut system, SIGNALS, WAIT);
        assert_eq!(system.current, Some(server));
        assert!(yields_to(&mut system, FREE + 40, 100));
    });
}

#[test]
fn an_answer_through_a_friend_does_not_leave_the_callers_urgency_behind() {
    let mut system = system(false);
    let friend = run(&mut system, B, 200);
    block(&mut system, SIGNALS, WAIT);
    let server = run(&mut system, A, 10);
    block(&mut system, PORT, RECEIVE | (REPLY << 16));
    let client = run(&mut system, C, 100);
    block(&mut system, PORT, CALL);
    assert_eq!(system.current, Some(server));
    let arguments = [FREE + 50, SIGNALS, 63, 1];
    system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    system.message(FREE + 50, notification::word::Notify, 0, &[]);
    assert_eq!(system.current, Some(friend));
    system.message(REPLY, reply::word::Reply, 0, &[]);
    block(&mut system, SIGNALS, WAIT);
    assert_eq!(system.current, Some(client));
    block(&mut system, SIGNALS, WAIT);
    assert_eq!(system.current, Some(server));
    assert!(yields_to(&mut system, FREE + 40, 50));
}

#[test]
fn a_priority_set_while_serving_does_not_reach_the_client() {
    both_paths(|mut system| {
        let server = run(&mut system, A, 10);
        block(&mut system, PORT, RECEIVE);
        let client = run(&mut system, B, 20);
        block(&mut system, PORT, CALL);
        assert_eq!(system.current, Some(server));
        // A more urgent process stops the server, raises it, and resumes it.
        run(&mut system, C, 250);
        system.ask(A, pcb::word::Suspend, &[]).expect("suspend");
        system.ask(A, pcb::word::ConfigureSchedule, &[200, 0, 0]).expect("raise");
        system.ask(A, pcb::word::Resume, &[]).expect("resume");
        system.ask(A, pcb::word::ConfigureSchedule, &[201, 0, 0]).expect("raise more");
        block(&mut system, SIGNALS, WAIT);
        assert_eq!(system.current, Some(server));
        block(&mut system, PORT, REPLY_RECEIVE);
        assert_eq!(system.current, Some(client));
        assert!(yields_to(&mut system, FREE + 40, 100), "it has its own urgency");
    });
}

#[test]
fn a_priority_set_while_waiting_counts_at_once() {
    let mut system = system(false);
    let process = run(&mut system, A, 200);
    block(&mut system, SIGNALS, WAIT);
    system.ask(A, pcb::word::ConfigureSchedule, &[10, 0, 0]).expect("lower");
    let arguments = [FREE + 50, SIGNALS, 63, 1];
    system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    system.message(FREE + 50, notification::word::Notify, 0, &[]);
    wait_until_it_runs(&mut system, process);
    assert!(yields_to(&mut system, C, 100));
    // Lowered while its context is lent.
    block(&mut system, PORT, RECEIVE);
    let client = run(&mut system, B, 200);
    block(&mut system, PORT, CALL);
    assert_eq!(system.current, Some(process));
    system.ask(B, pcb::word::ConfigureSchedule, &[20, 0, 0]).expect("lower");
    block(&mut system, PORT, REPLY_RECEIVE);
    assert_eq!(system.current, Some(client));
    assert!(yields_to(&mut system, FREE + 40, 100));
}

#[test]
fn urgency_that_was_taken_back_does_not_outlive_the_answer_to_those_in_between() {
    both_paths(|mut system| {
        let last = run(&mut system, A, 10);
        block(&mut system, SECOND, RECEIVE);
        let first = run(&mut system, B, 20);
        block(&mut system, PORT, RECEIVE);
        run(&mut system, C, 200);
        block(&mut system, PORT, CALL);
        assert_eq!(system.current, Some(first));
        block(&mut system, SECOND, CALL);
        assert_eq!(system.current, Some(last));
        // The caller at the beginning of the chain gives up.
        system.ask(C, pcb::word::Suspend, &[]).expect("suspend");
        system.message(0, reply::word::Reply, 0, &[]);
        assert_eq!(system.current, Some(first), "it is the more urgent one now");
        block(&mut system, SIGNALS, WAIT);
        assert_eq!(system.current, Some(last));
        assert!(yields_to(&mut system, FREE + 40, 100));
    });
}

#[test]
fn setting_its_own_priority_gives_nobody_more_time() {
    let mut system = system(false);
    let process = run(&mut system, A, 100);
    system.process(B, 100);
    system.resume(B);
    for _ in 0..10 {
        system.ask(A, pcb::word::ConfigureSchedule, &[100, 0, 0]).expect("as before");
        if system.current != Some(process) {
            break;
        }
        system.pass(1_000);
    }
    assert_ne!(system.current, Some(process), "its quantum has ended");
}
