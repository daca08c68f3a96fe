//! Signals, traps and scheduling.

use super::*;

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
