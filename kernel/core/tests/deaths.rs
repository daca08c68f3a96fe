//! Processes that die, or lose what they have, in every phase of their lives. After each death every
//! invariant holds and everyone else can go on.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{FaultReason, ObjectType, Reason, ipc_port, node, notification, pcb, reply};
use a9n_hal::{CallFrame, Fault, UserAddress};
use a9n_store::{Phase, Process, Ref};
use common::{FREE, GENERIC, Reaction, System};

const PORT: u64 = FREE;
const SECOND: u64 = FREE + 1;
const SIGNALS: u64 = FREE + 2;
const REPLY: u64 = FREE + 3;
const SERVER: u64 = FREE + 10;
const VICTIM: u64 = FREE + 20;

const CALL: u64 = ipc_port::word::Call;
const RECEIVE: u64 = ipc_port::word::Receive;

/// Brings the victim into a phase; it runs when this begins, and a server waits at `PORT`.
type Life = fn(&mut System, Ref<Process>);

const FAULT: Fault = Fault { reason: FaultReason::Page, address: UserAddress(0), code: 0 };

/// Lives that end in each phase, by name.
const LIVES: [(&str, Phase, Life); 11] = [
    ("suspended", Phase::Stopped, |system, _| {
        system.yield_now();
        system.ask(VICTIM, pcb::word::Suspend, &[]).expect("suspend");
    }),
    ("ready", Phase::Ready, |system, _| system.yield_now()),
    ("running", Phase::Running, |_, _| {}),
    ("sending", Phase::Sending, |system, _| block(system, SECOND, ipc_port::word::Send)),
    ("calling", Phase::Calling, |system, _| block(system, SECOND, CALL)),
    ("receiving", Phase::Receiving, |system, _| block(system, SECOND, RECEIVE)),
    ("waiting", Phase::Waiting, |system, _| block(system, SIGNALS, notification::word::Wait)),
    ("awaiting a reply", Phase::AwaitingReply, |system, _| {
        block(system, PORT, CALL);
        system.yield_now();
    }),
    ("awaiting a stored reply", Phase::AwaitingStoredReply, |system, victim| {
        store_next_reply(system, victim);
        block(system, PORT, CALL);
        system.yield_now();
    }),
    ("trapped", Phase::AwaitingReply, |system, _| {
        system.ask(VICTIM, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
        system.fault(FAULT);
        system.yield_now();
    }),
    ("serving", Phase::Ready, |system, victim| {
        block(system, SECOND, RECEIVE);
        assert_eq!(system.current, Some(system.init));
        assert_eq!(system.message(SECOND, CALL, 0, &[]), Reaction::Blocked);
        assert_eq!(system.current, Some(victim));
        // Init is stuck in its call, so somebody else has to deal with the victim.
        system.resume(FREE + 40);
        system.yield_now();
    }),
];

fn block(system: &mut System, slot: u64, operation: u64) {
    assert_eq!(system.message(slot, operation, 0, &[]), Reaction::Blocked);
}

/// The server, which waits at `PORT`, names a slot for the next Reply; the victim runs again.
fn store_next_reply(system: &mut System, victim: Ref<Process>) {
    system.ask(SERVER, pcb::word::Cancel, &[]).expect("cancel");
    while system.current == Some(victim) || system.current == Some(system.init) {
        system.yield_now();
    }
    block(system, PORT, RECEIVE | (REPLY << 16));
    while system.current != Some(victim) {
        system.yield_now();
    }
}

/// A server at `PORT`, and the victim, which runs; another process in `FREE + 40` is ready to be
/// started.
fn begin() -> (System, Ref<Process>) {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 2, PORT).expect("ports");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
    system.process(FREE + 40, 255);
    system.process(SERVER, 255);
    system.start(SERVER);
    block(&mut system, PORT, RECEIVE);
    system.process(VICTIM, 255);
    let victim = system.start(VICTIM);
    (system, victim)
}

/// Whoever runs does something to the victim's world; every invariant holds in between.
fn strike(system: &mut System, descriptor: u64, operation: u64, arguments: &[u64]) {
    let mut words = [0; 6];
    words[..arguments.len()].copy_from_slice(arguments);
    let frame = CallFrame { operation, descriptor, info: arguments.len() as u64, words };
    let process = system.current.expect("somebody runs");
    system.call(process, frame);
    system.check();
}

/// Everyone left gets some turns to go on.
fn aftermath(system: &mut System) {
    for _ in 0..8 {
        match system.current {
            Some(_) => system.yield_now(),
            None => system.pass(20_000),
        }
    }
    system.check();
}

#[test]
fn a_process_may_die_in_every_phase() {
    for (name, phase, life) in LIVES {
        let (mut system, victim) = begin();
        life(&mut system, victim);
        let state = system.ask(VICTIM, pcb::word::Information, &[]).expect("information")[2];
        assert!(state == phase as u64 || phase == Phase::Running, "{name}: {state}");
        strike(&mut system, slot::NODE, node::word::Remove, &[VICTIM]);
        aftermath(&mut system);
        assert_ne!(system.current, Some(victim), "{name}");
    }
}

#[test]
fn a_process_may_lose_what_it_has_in_every_phase() {
    // Its address space, its buffer, its root node, everything made from the Generic.
    for loss in [VICTIM + 1, VICTIM + 2, FREE + 30] {
        for (name, _, life) in LIVES {
            let (mut system, victim) = begin();
            system.convert(GENERIC, ObjectType::Node, 4, 1, FREE + 30).expect("node");
            life(&mut system, victim);
            strike(&mut system, slot::NODE, node::word::Remove, &[loss]);
            aftermath(&mut system);
            let lives = system.current.is_some();
            assert!(lives, "{name}: somebody goes on");
        }
    }
}

#[test]
fn everything_may_go_in_every_phase() {
    for (name, _, life) in LIVES {
        let (mut system, victim) = begin();
        life(&mut system, victim);
        strike(&mut system, slot::NODE, node::word::Revoke, &[GENERIC]);
        aftermath(&mut system);
        assert_eq!(system.current, Some(system.init), "{name}: init is not made from it");
        // Who revokes what it is made from dies before it is done: somebody else does the rest.
        system.ask(slot::NODE, node::word::Revoke, &[GENERIC]).expect("revoke");
        system.convert(GENERIC, ObjectType::Frame, 20, 1, PORT).expect("memory is whole");
    }
}

#[test]
fn ports_and_signals_may_go_in_every_phase() {
    for loss in [PORT, SECOND, SIGNALS, SERVER, REPLY] {
        for (name, _, life) in LIVES {
            let (mut system, victim) = begin();
            life(&mut system, victim);
            strike(&mut system, slot::NODE, node::word::Remove, &[loss]);
            aftermath(&mut system);
            assert!(system.current.is_some(), "{name}: somebody goes on without {loss}");
        }
    }
}

#[test]
fn a_reply_in_a_node_that_dies_fails_its_call() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.convert(GENERIC, ObjectType::Node, 10, 1, FREE + 30).expect("a large node");
    system.process(SERVER, 255);
    let server = system.start(SERVER);
    block(&mut system, PORT, RECEIVE | (REPLY << 16));
    system.process(VICTIM, 255);
    let client = system.start(VICTIM);
    block(&mut system, PORT, CALL);
    assert_eq!(system.current, Some(server));
    system.ask(FREE + 30, node::word::Move, &[1000, REPLY]).expect("the Reply moves");
    system.check();
    strike(&mut system, slot::NODE, node::word::Remove, &[FREE + 30]);
    let gone = system.message(REPLY, reply::word::Reply, 0, &[]);
    assert!(matches!(gone, Reaction::Answered(_)), "there is no Reply any more");
    while system.current != Some(client) {
        system.yield_now();
    }
    let error = common::reason(common::outcome(system.answer(client)));
    assert_eq!(error, Reason::PartnerDied);
}
