//! What the fast paths do beyond calls and replies: each scene is played with and without them, and
//! in the first case it is counted that they did it.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    MessageInfo, ObjectType, REPLY_SLOT_SHIFT, Reason, Source, Verdict, ipc_port, notification,
    pcb, reply,
};
use a9n_hal::{CallFrame, Fault, FaultReason, UserAddress};
use a9n_hal_sim::Resumption;
use a9n_store::{Process, Ref};
use common::{FREE, GENERIC, Reaction, System};

const PORT: u64 = FREE;
const SIGNALS: u64 = FREE + 1;
const SERVER: u64 = FREE + 4;
const CLIENT: u64 = FREE + 8;
const VECTORS: u64 = FREE + 12;

/// An empty slot for a Reply, and a receive that names it.
const STORED: u64 = FREE + 14;
const RECEIVE_INTO: u64 = RECEIVE | STORED << REPLY_SLOT_SHIFT;

const CALL: u64 = ipc_port::word::Call;
const SEND: u64 = ipc_port::word::Send;
const REPLY: u64 = reply::word::Reply;
const RECEIVE: u64 = ipc_port::word::Receive;
const REPLY_RECEIVE: u64 = ipc_port::word::ReplyReceive;

/// Plays `scene`, which tells how many kernel calls of it a fast path should do.
fn both_paths(scene: impl Fn(&mut System) -> u64) {
    for fast in [false, true] {
        let mut system = System::new();
        system.fast = fast;
        system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
        system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
        let expected = scene(&mut system);
        system.check();
        if fast {
            assert_eq!(system.fast_calls, expected);
        }
    }
}

/// A process in slot `index` that waits at the port, and the one that runs then: init.
fn server(system: &mut System, index: u64, priority: u64) -> Ref<Process> {
    system.process(index, priority);
    let server = system.start(index);
    assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
    assert_eq!(system.current, Some(system.init));
    server
}

/// The running process makes system call `number` of a foreign kind.
fn foreign_call(system: &mut System, number: u64) {
    let frame = CallFrame { operation: number, descriptor: 0, info: 0, words: [1, 2, 3, 4, 5, 6] };
    let process = system.current.expect("somebody runs");
    assert_eq!(system.call(process, frame), Reaction::Blocked);
}

/// The running resolver gives its verdict, with one word.
fn decide(system: &mut System, verdict: Verdict, word: u64) {
    assert_eq!(system.message(PORT, REPLY_RECEIVE, verdict as u32, &[word]), Reaction::Blocked);
}

/// What `process`, which resolves, was told: source and label.
fn told(system: &System, process: Ref<Process>) -> (Option<Source>, u32) {
    let info = MessageInfo(system.answer(process).info);
    (info.source(), info.label())
}

#[test]
fn a_foreign_call_and_every_verdict_on_it() {
    for (client_has, server_has) in [(false, false), (false, true), (true, false), (true, true)] {
        both_paths(|system| {
            for index in [VECTORS, VECTORS + 1] {
                system.convert(GENERIC, ObjectType::VectorState, 0, 1, index).expect("state");
            }
            system.process(SERVER, 255);
            system.process(CLIENT, 255);
            for (has, index, state) in
                [(client_has, CLIENT, VECTORS), (server_has, SERVER, VECTORS + 1)]
            {
                if has {
                    system.ask(index, pcb::word::ConfigureVector, &[state]).expect("attaches");
                }
            }
            let resolver = system.start(SERVER);
            assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
            system.ask(CLIENT, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
            system.ask(CLIENT, pcb::word::ConfigureSchedule, &[255, 0, 1]).expect("foreign");
            let client = system.start(CLIENT);
            let started = system.fast_calls;

            for number in [39, 40] {
                foreign_call(system, number);
                assert_eq!(system.current, Some(resolver));
                assert_eq!(told(system, resolver), (Some(Source::Foreign), number as u32));
                assert_eq!(system.answer(resolver).words, [1, 2, 3, 4, 5, 6]);
                decide(system, Verdict::Resume, 7);
                assert_eq!(system.current, Some(client));
                let context = system.kernel.context(client);
                assert_eq!(context.resumption(), Resumption::ForeignResult(7));
            }

            foreign_call(system, 41);
            decide(system, Verdict::ResumeWhole, 0);
            assert_eq!(system.current, Some(client));
            assert_eq!(system.kernel.context(client).resumption(), Resumption::Whole);

            foreign_call(system, 42);
            decide(system, Verdict::Stop, 0);
            assert_eq!(system.current, Some(system.init), "it stays stopped");
            // To leave it stopped is the general path's, where the resolver has a vector state.
            started + 8 - u64::from(server_has)
        });
    }
}

#[test]
fn who_was_stopped_gets_registers_and_goes_on() {
    both_paths(|system| {
        let resolver = server(system, SERVER, 255);
        system.process(CLIENT, 255);
        system.ask(CLIENT, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
        system.ask(CLIENT, pcb::word::ConfigureSchedule, &[255, 0, 1]).expect("foreign");
        let client = system.start(CLIENT);
        foreign_call(system, 39);
        decide(system, Verdict::Stop, 0);
        assert_eq!(system.current, Some(system.init));
        let started = system.fast_calls;

        let read = |system: &mut System, number| {
            system.ask(CLIENT, pcb::word::ReadRegister, &[number]).map(|answer| answer[0])
        };
        system.ask(CLIENT, pcb::word::WriteRegister, &[3, 0x77]).expect("a register");
        assert_eq!(read(system, 3), Ok(0x77));
        for operation in [pcb::word::ReadRegister, pcb::word::WriteRegister] {
            let error = system.ask(CLIENT, operation, &[1 << 32, 0]).expect_err("no register");
            assert_eq!(error.reason, Reason::InvalidArgument);
        }
        system.ask(CLIENT, pcb::word::Resume, &[]).expect("it goes on");
        assert_eq!(system.current, Some(system.init), "when its turn comes");
        let error = read(system, 3).expect_err("it may run");
        assert_eq!(error.reason, Reason::Busy);
        assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
        assert_eq!(system.current, Some(client));
        foreign_call(system, 40);
        assert_eq!(system.current, Some(resolver), "it traps again");
        started + 4
    });
}

#[test]
fn a_fault_and_every_verdict_on_it() {
    both_paths(|system| {
        let resolver = server(system, SERVER, 255);
        system.process(CLIENT, 255);
        system.ask(CLIENT, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
        let client = system.start(CLIENT);
        let started = system.fast_calls;
        let reason = FaultReason::Page;
        for verdict in [Verdict::Resume, Verdict::ResumeWhole, Verdict::Stop] {
            system.fault(Fault { reason, address: UserAddress(0x1000), code: 1 });
            assert_eq!(system.current, Some(resolver));
            assert_eq!(told(system, resolver), (Some(Source::Fault), reason as u32));
            assert_eq!(system.answer(resolver).words[1..3], [0x1000, 1]);
            decide(system, verdict, 0);
            assert_eq!(system.current == Some(client), verdict != Verdict::Stop);
        }
        started + 3
    });
}

#[test]
fn vector_states_follow_calls_in_every_combination() {
    // The simulated machine looks whose state its unit holds whenever a fast path leaves.
    for (client_has, server_has) in [(false, false), (false, true), (true, false), (true, true)] {
        both_paths(|system| {
            for index in [VECTORS, VECTORS + 1] {
                system.convert(GENERIC, ObjectType::VectorState, 0, 1, index).expect("state");
            }
            system.process(SERVER, 255);
            system.process(CLIENT, 255);
            for (has, index) in [(client_has, CLIENT), (server_has, SERVER)] {
                if has {
                    let state = VECTORS + u64::from(index == SERVER);
                    system.ask(index, pcb::word::ConfigureVector, &[state]).expect("attaches");
                }
            }
            let server = system.start(SERVER);
            system.message(PORT, RECEIVE, 0, &[]);
            let client = system.start(CLIENT);
            let started = system.fast_calls;
            for words in [&[1, 2][..], &[7; 9]] {
                assert_eq!(system.message(PORT, CALL, 3, words), Reaction::Blocked);
                assert_eq!(system.current, Some(server));
                let answer = [8; 9];
                system.message(PORT, REPLY_RECEIVE, 4, &answer[..words.len()]);
                assert_eq!(system.current, Some(client));
                assert_eq!(told(system, client), (Some(Source::Message), 4));
            }
            started + 4
        });
    }
}

/// The running process waits for signals.
fn wait(system: &mut System) -> Reaction {
    system.message(SIGNALS, notification::word::Wait, 0, &[])
}

/// Slot of the port's capability that signals a bit.
const BIT: u64 = FREE + 2;

fn mint_bit(system: &mut System) {
    let rights = common::read_write();
    let arguments = [BIT, SIGNALS, rights, 4];
    system.ask(slot::NODE, a9n_abi::node::word::Mint, &arguments).expect("mint");
}

/// The running process signals.
fn signal(system: &mut System) -> Reaction {
    system.message(BIT, notification::word::Notify, 0, &[])
}

#[test]
fn a_signal_wakes_a_more_urgent_waiter_at_once() {
    both_paths(|system| {
        mint_bit(system);
        system.ask(slot::PROCESS, pcb::word::ConfigureSchedule, &[100, 0, 0]).expect("less urgent");
        system.process(SERVER, 200);
        system.resume(SERVER);
        let urgent = system.current.expect("it runs");
        assert_ne!(urgent, system.init);
        let started = system.fast_calls;
        assert_eq!(wait(system), Reaction::Blocked);
        assert_eq!(system.current, Some(system.init));
        assert_eq!(signal(system), Reaction::Blocked);
        assert_eq!(system.current, Some(urgent));
        assert_eq!(system.answer(urgent).identifier, 4);
        // Init waits in front of its queue for its turn, with success for an answer.
        assert_eq!(wait(system), Reaction::Blocked);
        assert_eq!(system.current, Some(system.init));
        assert!(common::outcome(system.answer(system.init)).is_ok());
        started + 3
    });
}

#[test]
fn a_signal_wakes_a_waiter_of_the_same_priority_later() {
    both_paths(|system| {
        mint_bit(system);
        system.process(SERVER, 255);
        let waiter = system.start(SERVER);
        let started = system.fast_calls;
        assert_eq!(wait(system), Reaction::Blocked);
        assert!(matches!(signal(system), Reaction::Answered(_)));
        assert_eq!(system.current, Some(system.init));
        system.yield_now();
        assert_eq!(system.current, Some(waiter));
        assert_eq!(system.answer(waiter).identifier, 4);
        started + 3
    });
}

#[test]
fn a_signal_wakes_a_bound_receiver() {
    both_paths(|system| {
        mint_bit(system);
        let receiver = server(system, SERVER, 255);
        system.ask(SERVER, pcb::word::ConfigurePorts, &[0, SIGNALS]).expect("bind");
        let started = system.fast_calls;
        assert!(matches!(signal(system), Reaction::Answered(_)));
        system.yield_now();
        assert_eq!(system.current, Some(receiver));
        assert_eq!(told(system, receiver), (Some(Source::Notification), 0));
        assert_eq!(system.answer(receiver).identifier, 4);
        started + 2
    });
}

#[test]
fn a_call_is_answered_through_the_slot_that_was_named() {
    both_paths(|system| {
        let server = server(system, SERVER, 255);
        let client = system.init;
        system.message(PORT, CALL, 0, &[]);
        let started = system.fast_calls;
        assert_eq!(system.message(0, REPLY, 0, &[]), Reaction::Answered(system.answer(server)));
        assert_eq!(system.message(PORT, RECEIVE_INTO, 0, &[]), Reaction::Blocked);
        for round in 1..3 {
            assert_eq!(system.current, Some(client));
            assert_eq!(system.message(PORT, CALL, 0, &[round]), Reaction::Blocked);
            assert_eq!(system.current, Some(server));
            assert_eq!(system.answer(server).words[0], round);
            assert_eq!(system.look(STORED), ObjectType::Reply as u64);
            let answer = [round, 2, 3, 4, 5, 6];
            assert!(matches!(system.message(STORED, REPLY, 7, &answer), Reaction::Answered(_)));
            assert_eq!(system.look(STORED), 0, "used up");
            assert_eq!(system.message(PORT, RECEIVE_INTO, 0, &[]), Reaction::Blocked);
            assert_eq!(system.answer(client).words, answer);
            assert_eq!(told(system, client), (Some(Source::Message), 7));
        }
        started + 2 + 2 * 3
    });
}

#[test]
fn a_caller_is_set_aside_and_another_one_served() {
    both_paths(|system| {
        let server = server(system, SERVER, 255);
        system.ask(SERVER, pcb::word::ConfigureSchedule, &[200, 0, 0]).expect("less urgent");
        system.process(CLIENT, 255);
        let other = system.start(CLIENT);
        let first = system.init;
        let started = system.fast_calls;
        assert_eq!(system.message(PORT, CALL, 0, &[1]), Reaction::Blocked);
        assert_eq!(system.current, Some(server));
        assert!(matches!(system.message(STORED, reply::word::Keep, 0, &[]), Reaction::Answered(_)));
        assert_eq!(system.message(PORT, RECEIVE, 0, &[]), Reaction::Blocked);
        assert_eq!(system.current, Some(first), "whose call was set aside was the other one");
        assert_eq!(system.message(PORT, CALL, 0, &[2]), Reaction::Blocked);
        assert_eq!(system.current, Some(server));
        // The first answer wakes who is as urgent as its server is now, and does not run yet.
        assert!(matches!(system.message(STORED, REPLY, 0, &[11]), Reaction::Answered(_)));
        assert_eq!(system.message(PORT, REPLY_RECEIVE, 0, &[12]), Reaction::Blocked);
        assert_eq!(system.current, Some(first));
        assert_eq!([system.answer(other).words[0], system.answer(first).words[0]], [11, 12]);
        started + 6
    });
}

#[test]
fn who_is_more_urgent_than_its_server_runs_with_the_answer() {
    both_paths(|system| {
        let server = server(system, SERVER, 255);
        system.ask(SERVER, pcb::word::ConfigureSchedule, &[100, 0, 0]).expect("less urgent");
        let client = system.init;
        assert_eq!(system.message(PORT, CALL, 0, &[]), Reaction::Blocked);
        let started = system.fast_calls;
        assert_eq!(system.message(0, REPLY, 0, &[9]), Reaction::Blocked);
        assert_eq!(system.current, Some(client));
        assert_eq!(system.answer(client).words[0], 9);
        assert!(common::outcome(system.answer(server)).is_ok(), "its reply was given");
        started + 1
    });
}

#[test]
fn a_message_wakes_a_receiver_and_wants_no_answer() {
    both_paths(|system| {
        let server = server(system, SERVER, 255);
        let started = system.fast_calls;
        let sent = system.message(PORT, SEND, 5, &[1, 2, 3, 4, 5, 6]);
        assert!(matches!(sent, Reaction::Answered(_)));
        assert_eq!(told(system, server), (Some(Source::Message), 5));
        assert_eq!(system.answer(server).words, [1, 2, 3, 4, 5, 6]);
        system.yield_now();
        assert_eq!(system.current, Some(server));
        started + 2
    });
}

#[test]
fn a_resolver_keeps_who_trapped_waiting_with_its_vector_state() {
    both_paths(|system| {
        system.convert(GENERIC, ObjectType::VectorState, 0, 1, VECTORS).expect("state");
        system.process(SERVER, 255);
        let resolver = system.start(SERVER);
        assert_eq!(system.message(PORT, RECEIVE_INTO, 0, &[]), Reaction::Blocked);
        system.process(CLIENT, 255);
        system.ask(CLIENT, pcb::word::ConfigureVector, &[VECTORS]).expect("attaches");
        system.ask(CLIENT, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
        system.ask(CLIENT, pcb::word::ConfigureSchedule, &[255, 0, 1]).expect("foreign");
        let client = system.start(CLIENT);
        let started = system.fast_calls;
        for (verdict, resumption) in [
            (Verdict::Resume, Resumption::ForeignResult(3)),
            (Verdict::ResumeWhole, Resumption::Whole),
        ] {
            foreign_call(system, 39);
            assert_eq!(system.current, Some(resolver));
            assert_eq!(told(system, resolver), (Some(Source::Foreign), 39));
            assert_eq!(system.look(STORED), ObjectType::Reply as u64);
            assert!(matches!(
                system.message(STORED, REPLY, verdict as u32, &[3]),
                Reaction::Answered(_)
            ));
            assert_eq!(system.message(PORT, RECEIVE_INTO, 0, &[]), Reaction::Blocked);
            while system.current != Some(client) {
                system.yield_now();
            }
            assert_eq!(system.kernel.context(client).resumption(), resumption);
        }
        let reason = FaultReason::Page;
        system.fault(Fault { reason, address: UserAddress(0x1000), code: 1 });
        assert_eq!(system.current, Some(resolver));
        assert_eq!(system.look(STORED), ObjectType::Reply as u64);
        started + 2 * 3
    });
}
