//! Every sequence of a small alphabet of events, up to a depth: init and two processes, one port,
//! one notification, on one CPU and on two. Every state that can be reached so is checked once.
//!
//! `A9N_EXHAUSTIVE_DEPTH` says how long sequences are. Each run prints what it covered.

mod common;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use a9n_abi::init::slot;
use a9n_abi::{
    ObjectType, Rights, Word, generic, ipc_port, node, notification, operation_word, pcb, reply,
};
use a9n_hal::{CallFrame, Fault, FaultReason, Hal, UserAddress};
use a9n_hal_sim::Resumption;
use common::{FREE, GENERIC, System};

const ONE: u64 = FREE;
const OTHER: u64 = FREE + 3;
const PORT: u64 = FREE + 6;
const SIGNALS: u64 = FREE + 8;
/// Empty slots at first.
const SPARE: u64 = FREE + 10;
const STORED: u64 = FREE + 14;

/// A letter of the alphabet.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Whoever runs makes this kernel call.
    Call(u64, u64, &'static [u64]),
    /// Whoever runs faults.
    Fault,
    /// A quantum passes.
    Tick,
    /// The other CPU is the next to do something.
    OtherCpu,
}

use Event::Call;

const IPC: [u64; 4] = [
    ipc_port::word::Call,
    ipc_port::word::Send,
    ipc_port::word::Receive,
    ipc_port::word::ReplyReceive,
];

const ALPHABET: &[Event] = &[
    Call(generic::word::Convert, GENERIC, &[ObjectType::IpcPort as u64, 0, 1, slot::NODE, SPARE]),
    Call(node::word::Copy, slot::NODE, &[SPARE + 1, PORT]),
    Call(node::word::Mint, slot::NODE, &[SPARE + 2, SPARE + 1, 0x3f, 9]),
    Call(node::word::Move, slot::NODE, &[SPARE + 3, PORT]),
    Call(node::word::Exchange, slot::NODE, &[PORT, SPARE + 3]),
    Call(node::word::Remove, slot::NODE, &[PORT]),
    Call(node::word::Remove, slot::NODE, &[STORED]),
    Call(node::word::Remove, slot::NODE, &[ONE]),
    Call(node::word::Remove, slot::NODE, &[ONE + 1]),
    Call(node::word::Revoke, slot::NODE, &[PORT]),
    Call(node::word::Revoke, slot::NODE, &[GENERIC]),
    Call(IPC[0], PORT, &[1, 2]),
    Call(IPC[1], PORT, &[3]),
    Call(IPC[2], PORT, &[]),
    Call(IPC[2] | (STORED << 16), PORT, &[]),
    Call(IPC[3], PORT, &[4]),
    Call(reply::word::Reply, 0, &[5]),
    Call(reply::word::Reply, STORED, &[6]),
    Call(notification::word::Notify, SIGNALS, &[]),
    Call(notification::word::Wait, SIGNALS, &[]),
    Call(pcb::word::Suspend, ONE, &[]),
    Call(pcb::word::Resume, ONE, &[]),
    Call(pcb::word::Cancel, ONE, &[]),
    Call(pcb::word::Interrupt, ONE, &[]),
    Call(pcb::word::ConfigureSchedule, ONE, &[100, 0, 0]),
    Call(pcb::word::ConfigureSchedule, ONE, &[255, 1, 0]),
    Call(operation_word(1, 1), 0, &[]),
    Event::Fault,
    Event::Tick,
    Event::OtherCpu,
];

/// Init and two others, as urgent; the port resolves the faults of one, the signals are bound to
/// the other.
fn begin(cpus: u64) -> System {
    let mut system = System::new();
    system.process(ONE, 255);
    system.process(OTHER, 255);
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS + 1).expect("signals");
    let everything = Rights::all().into_word();
    let mint = [SIGNALS, SIGNALS + 1, everything, 1];
    system.ask(slot::NODE, node::word::Mint, &mint).expect("mint");
    system.ask(ONE, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
    system.ask(OTHER, pcb::word::ConfigurePorts, &[PORT, SIGNALS]).expect("binding");
    let on_last = [255, cpus - 1, 0];
    system.ask(OTHER, pcb::word::ConfigureSchedule, &on_last).expect("affinity");
    system.resume(ONE);
    system.resume(OTHER);
    system
}

fn play(system: &mut System, event: Event, cpus: u64) {
    if let Some(process) = system.current
        && system.kernel.context(process).resumption() == Resumption::Restart
    {
        system.repeat(process);
    }
    match (event, system.current) {
        (Event::OtherCpu, _) if cpus > 1 => {
            system.play(1 - system.playing());
        }
        (Event::Tick, _) => system.pass(10_000),
        (Event::Fault, Some(_)) => {
            let reason = FaultReason::Page;
            system.fault(Fault { reason, address: UserAddress(0), code: 0 });
        }
        (Call(operation, descriptor, arguments), Some(process)) => {
            let mut words = [0; 6];
            words[..arguments.len()].copy_from_slice(arguments);
            let info = arguments.len() as u64;
            system.call(process, CallFrame { operation, descriptor, info, words });
        }
        _ => {}
    }
}

/// What tells states apart: every kernel object, who runs where, and the clocks.
fn fingerprint(system: &System) -> u64 {
    let mut hasher = DefaultHasher::new();
    let machine = system.kernel.hal();
    for (address, bytes) in machine.memory().objects() {
        address.hash(&mut hasher);
        hasher.write(&machine.memory().bytes_at(address, address + bytes));
    }
    let process = |process: Option<a9n_store::Ref<_>>| {
        process.map(|process: a9n_store::Ref<a9n_store::Process>| process.address().0.get())
    };
    process(system.current).hash(&mut hasher);
    system.elsewhere.map(process).hash(&mut hasher);
    system.playing().hash(&mut hasher);
    system.kernel.clocks().hash(&mut hasher);
    machine.now().hash(&mut hasher);
    hasher.finish()
}

/// Plays all sequences and checks every state; answers how many states there are.
fn explore(cpus: u64, depth: usize) -> usize {
    let mut seen = HashSet::from([fingerprint(&begin(cpus))]);
    let mut sequences: Vec<Vec<Event>> = vec![vec![]];
    for _ in 0..depth {
        let mut longer = vec![];
        for sequence in &sequences {
            for event in ALPHABET {
                let mut system = begin(cpus);
                for event in sequence.iter().chain([event]) {
                    play(&mut system, *event, cpus);
                }
                if seen.insert(fingerprint(&system)) {
                    system.check();
                    longer.push([sequence.as_slice(), &[*event]].concat());
                }
            }
        }
        sequences = longer;
    }
    println!("{cpus} CPUs: {} states in all sequences of {depth} events", seen.len());
    seen.len()
}

fn depth() -> usize {
    let usual = if cfg!(debug_assertions) { 2 } else { 3 };
    std::env::var("A9N_EXHAUSTIVE_DEPTH").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn all_sequences_on_one_cpu() {
    assert!(explore(1, depth()) > 200);
}

#[test]
fn all_sequences_on_two_cpus() {
    assert!(explore(2, depth()) > 200);
}
