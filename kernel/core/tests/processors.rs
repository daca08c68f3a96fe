//! Several CPUs: affinity, messages and signals across them, stopping what runs elsewhere.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    FaultReason, MessageInfo, ObjectType, Reason, Source, ipc_port, node, notification, pcb, timer,
};
use a9n_hal::{Fault, Hal, UserAddress};
use a9n_store::{Phase, Process, Ref};
use common::{FREE, GENERIC, Reaction, System, reason};

const PORT: u64 = FREE;
const OTHER: u64 = FREE + 10;
const SIGNALS: u64 = FREE + 20;

const CALL: u64 = ipc_port::word::Call;
const RECEIVE: u64 = ipc_port::word::Receive;
const REPLY_RECEIVE: u64 = ipc_port::word::ReplyReceive;

/// A process that runs on CPU 1, with a port between it and init.
fn with_neighbour() -> (System, Ref<Process>) {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(OTHER, 100);
    system.ask(OTHER, pcb::word::ConfigureSchedule, &[100, 1, 0]).expect("CPU 1");
    system.ask(OTHER, pcb::word::Resume, &[]).expect("resume");
    assert_eq!(system.current, Some(system.init), "init goes on here");
    let other = system.elsewhere[1].expect("it runs there at once");
    (system, other)
}

fn phase(system: &mut System) -> u64 {
    system.ask(OTHER, pcb::word::Information, &[]).expect("information")[2]
}

#[test]
fn the_time_of_who_runs_is_up_to_date() {
    let (mut system, _) = with_neighbour();
    let time = |system: &mut System, pcb: u64| {
        system.ask(pcb, pcb::word::Information, &[]).expect("information")[0]
    };
    for process in [slot::PROCESS, OTHER] {
        let before = time(&mut system, process);
        system.kernel.hal().advance(1000);
        assert_eq!(time(&mut system, process), before + 1000);
    }
    system.ask(OTHER, pcb::word::Suspend, &[]).expect("it stops");
    system.play(0);
    let before = time(&mut system, OTHER);
    system.kernel.hal().advance(1000);
    assert_eq!(time(&mut system, OTHER), before, "it does not run");
}

#[test]
fn there_are_no_other_cpus_than_those_there_are() {
    let mut system = System::new();
    system.process(OTHER, 100);
    for cpu in [3, 16, 256, u64::MAX] {
        let refused = system.ask(OTHER, pcb::word::ConfigureSchedule, &[100, cpu, 0]);
        assert_eq!(reason(refused), Reason::InvalidArgument);
    }
}

#[test]
fn calls_and_replies_cross_cpus() {
    let (mut system, other) = with_neighbour();
    let init = system.init;
    system.play(1);
    assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, None, "CPU 1 idles");
    for round in 0..3 {
        system.play(0);
        assert_eq!(system.message(PORT, CALL, 7, &[round]), Reaction::Blocked);
        assert_eq!(system.current, None, "CPU 0 idles");
        system.play(1);
        assert_eq!(system.current, Some(other));
        assert_eq!(system.answer(other).words[0], round);
        assert_eq!(system.message(PORT, REPLY_RECEIVE, 0, &[round + 10]), Reaction::Blocked);
        system.play(0);
        assert_eq!(system.current, Some(init));
        assert_eq!(system.answer(init).words[0], round + 10);
    }
    assert_eq!(system.fast_calls, 0, "the fast paths stay on one CPU");
}

#[test]
fn signals_wake_across_cpus_by_priority() {
    let (mut system, other) = with_neighbour();
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
    let arguments = [SIGNALS + 1, SIGNALS, 0xff, 1];
    let minted = system.ask(slot::NODE, node::word::Mint, &arguments);
    assert_eq!(reason(minted), Reason::InvalidArgument, "0xff has unknown rights");
    let arguments = [SIGNALS + 1, SIGNALS, 0x3f, 1];
    system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    system.play(1);
    let frame = a9n_hal::CallFrame {
        operation: notification::word::Wait,
        descriptor: SIGNALS,
        info: 0,
        words: [0; 6],
    };
    assert_eq!(system.call(other, frame), Reaction::Blocked);
    system.play(0);
    system.ask(SIGNALS + 1, notification::word::Notify, &[]).expect("notify");
    assert_eq!(system.elsewhere[1], Some(other), "the idle CPU was nudged");
}

#[test]
fn what_runs_elsewhere_is_stopped_before_it_is_destroyed() {
    let (mut system, _) = with_neighbour();
    system.remove(OTHER).expect("remove");
    assert!(system.restarted, "it took the other CPU's help");
    assert_eq!(system.elsewhere[1], None, "CPU 1 idles");
    assert_eq!(system.look(OTHER), 0);
}

#[test]
fn suspending_and_taking_the_address_space_stop_it_elsewhere() {
    let (mut system, other) = with_neighbour();
    let [was, ..] = system.ask(OTHER, pcb::word::Suspend, &[]).expect("suspend");
    assert_eq!(was, Phase::Running as u64, "it says where it was");
    let [was, ..] = system.ask(OTHER, pcb::word::Suspend, &[]).expect("suspend");
    assert_eq!(was, Phase::Stopped as u64);
    assert_eq!(system.elsewhere[1], None);
    assert_eq!(phase(&mut system), Phase::Stopped as u64);
    system.ask(OTHER, pcb::word::Resume, &[]).expect("resume");
    assert_eq!(system.elsewhere[1], Some(other));
    system.remove(OTHER + 1).expect("its address space goes");
    assert_eq!(system.elsewhere[1], None);
    let refused = system.ask(OTHER, pcb::word::Resume, &[]);
    assert_eq!(reason(refused), Reason::Incomplete);
}

#[test]
fn a_process_moves_to_another_cpu_while_it_runs() {
    let (mut system, other) = with_neighbour();
    system.ask(OTHER, pcb::word::ConfigureSchedule, &[100, 2, 0]).expect("CPU 2");
    assert_eq!(system.elsewhere, [None, None, Some(other)]);
    // And so does the one that asks.
    let init = system.init;
    let refused = system.ask(slot::PROCESS, pcb::word::ConfigureSchedule, &[255, 3, 0]);
    assert_eq!(reason(refused), Reason::InvalidArgument);
    let words = [255, 2, 0, 0, 0, 0];
    let operation = pcb::word::ConfigureSchedule;
    let frame = a9n_hal::CallFrame { operation, descriptor: slot::PROCESS, info: 3, words };
    assert_eq!(system.call(init, frame), Reaction::Blocked);
    assert_eq!(system.current, None);
    assert_eq!(system.elsewhere[2], Some(init), "it is more urgent there");
    system.play(2);
    common::outcome(system.answer(init)).expect("its call was answered");
}

#[test]
fn interrupting_reaches_what_runs_elsewhere() {
    let (mut system, other) = with_neighbour();
    system.process(FREE + 30, 255);
    let resolver = system.start(FREE + 30);
    assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
    system.ask(OTHER, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
    // The resolver works on the scheduling context of the interrupted process.
    system.ask(slot::PROCESS, pcb::word::ConfigureSchedule, &[50, 0, 0]).expect("lower init");
    let frame = a9n_hal::CallFrame {
        operation: pcb::word::Interrupt,
        descriptor: OTHER,
        info: 0,
        words: [0; 6],
    };
    system.call(system.init, frame);
    assert_eq!(system.elsewhere[1], None);
    assert_eq!(system.current, Some(resolver));
    let source = |system: &System| MessageInfo(system.answer(resolver).info).source();
    assert_eq!(source(&system), Some(Source::Stopped));
    assert_eq!(system.message(PORT, REPLY_RECEIVE, 0, &[]), Reaction::Blocked);
    assert_eq!(system.elsewhere[1], Some(other), "it goes on where it was");
    // Its faults cross as well.
    system.play(1);
    system.fault(Fault { reason: FaultReason::Page, address: UserAddress(1), code: 0 });
    system.play(0);
    assert_eq!(system.current, Some(resolver));
    assert_eq!(source(&system), Some(Source::Fault));
}

#[test]
fn another_cpus_timer_can_be_armed() {
    let (mut system, _) = with_neighbour();
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
    let arguments = [SIGNALS + 1, SIGNALS, 0x3f, 1];
    system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    let arm = a9n_abi::timer::word::Arm;
    system.ask(slot::TIMERS + 1, arm, &[1_000, SIGNALS + 1]).expect("arm");
    system.pass(999);
    let poll = notification::word::Poll;
    assert_eq!(system.ask(SIGNALS, poll, &[]).expect("poll")[0], 0);
    system.pass(1);
    assert_eq!(system.ask(SIGNALS, poll, &[]).expect("poll")[0], 1);
}

#[test]
fn a_quantum_that_ends_at_an_interruption_is_not_the_resolvers() {
    const BYSTANDER: u64 = FREE + 30;
    const RESOLVER: u64 = FREE + 40;
    let (mut system, other) = with_neighbour();
    system.ask(OTHER, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
    for index in [BYSTANDER, RESOLVER] {
        system.process(index, 100);
        system.ask(index, pcb::word::ConfigureSchedule, &[100, 1, 0]).expect("CPU 1");
    }
    system.ask(RESOLVER, pcb::word::Resume, &[]).expect("resumes");
    system.play(1);
    system.yield_now();
    assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, Some(other));
    system.play(0);
    system.ask(BYSTANDER, pcb::word::Resume, &[]).expect("resumes");
    // The other process is interrupted after its quantum, and before CPU 1 knows.
    system.kernel.hal().advance(20_000);
    system.ask(OTHER, pcb::word::Interrupt, &[]).expect("interrupts");
    let next = system.elsewhere[1].expect("somebody runs there");
    assert_ne!(next, other);
    system.play(1);
    system.yield_now();
    let resolver = system.current.expect("the resolver has its turn");
    assert_eq!(MessageInfo(system.answer(resolver).info).source(), Some(Source::Stopped));
    assert_ne!(next, resolver, "the bystander's turn came first");
}

#[test]
fn the_resolver_of_an_interrupted_process_makes_way_for_who_is_more_urgent() {
    const RESOLVER: u64 = FREE + 30;
    const URGENT: u64 = FREE + 40;
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
    system.ask(slot::NODE, node::word::Mint, &[SIGNALS + 1, SIGNALS, 0x3f, 1]).expect("mint");
    let mut start = |index, priority, operation, waits_at| {
        system.process(index, priority);
        system.ask(index, pcb::word::ConfigureSchedule, &[priority, 1, 0]).expect("CPU 1");
        system.ask(index, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
        system.ask(index, pcb::word::Resume, &[]).expect("resume");
        let process = system.elsewhere[1].expect("it runs there at once");
        if waits_at != 0 {
            system.play(1);
            assert_eq!(system.message(waits_at, operation, 0, &[]), Reaction::Blocked);
            system.play(0);
        }
        process
    };
    start(RESOLVER, 100, RECEIVE, PORT);
    let urgent = start(URGENT, 200, notification::word::Wait, SIGNALS);
    let other = start(OTHER, 100, 0, 0);
    // The time of the urgent one has come when CPU 1 learns of the interruption.
    let deadline = system.kernel.hal().now() + 1000;
    system.ask(slot::TIMERS + 1, timer::word::Arm, &[deadline, SIGNALS + 1]).expect("arm");
    assert_eq!(system.elsewhere[1], Some(other));
    system.kernel.hal().advance(1000);
    system.ask(OTHER, pcb::word::Interrupt, &[]).expect("interrupt");
    assert_eq!(system.elsewhere[1], Some(urgent));
    system.check();
}

#[test]
fn a_server_that_is_moved_while_it_serves_is_not_called_where_it_was() {
    const SERVER: u64 = FREE + 30;
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    for index in [SERVER, OTHER] {
        system.process(index, 100);
        system.ask(index, pcb::word::ConfigureSchedule, &[100, 1, 0]).expect("CPU 1");
        system.ask(index, pcb::word::Resume, &[]).expect("resume");
        system.play(1);
        let operation = if index == SERVER { RECEIVE } else { CALL };
        assert_eq!(system.message(PORT, operation, 0, &[]), Reaction::Blocked);
        system.play(0);
    }
    let server = system.elsewhere[1].expect("it serves");
    // Its CPU has not noticed yet when it answers.
    let operation = pcb::word::ConfigureSchedule;
    let words = [100, 0, 0, 0, 0, 0];
    let frame = a9n_hal::CallFrame { operation, descriptor: SERVER, info: 3, words };
    system.kernel.context(system.init).prepare(frame);
    assert_eq!(system.kernel.call(0, system.init), Some(system.init));
    system.play(1);
    assert_eq!(system.message(PORT, REPLY_RECEIVE, 0, &[]), Reaction::Blocked);
    assert_ne!(system.current, Some(server));
    assert_eq!(system.message(PORT, CALL, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, None, "it works on CPU 0 now");
    assert!(system.kernel.ready().contains(&server));
    system.check();
}
