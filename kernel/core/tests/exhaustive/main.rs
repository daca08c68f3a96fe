//! Every sequence of an alphabet of events, up to a length: of init and two processes with a port,
//! signals, a timer, an interrupt, a node and a Window, on one CPU and on two. Every state that can
//! be reached so is checked once.
//!
//! `A9N_EXHAUSTIVE_DEPTH` says how long sequences are, 2 events if it is not set. Each run prints
//! what it covered.

mod alphabet;
#[path = "../common/mod.rs"]
mod common;

use std::collections::HashSet;
use std::mem::offset_of;
use std::time::Instant;

use a9n_abi::init::slot;
use a9n_abi::{
    Access, Descriptor, IpcBuffer, MappingRun, ObjectType, Rights, Word, address_space, frame,
    interrupt_port, interrupt_region, node, pcb,
};
use alphabet::{
    ADDRESS, ALPHABET, Event, FRAME, INTERRUPT, NODE, ONE, OTHER, PORT, SIGNAL, SIGNALS, TABLE,
    VECTOR, WINDOW, play,
};
use common::{FREE, GENERIC, System};

/// Init and two others, as urgent; the port resolves the faults of one, the signals are bound to
/// the other.
fn begin(cpus: u64) -> System {
    let mut system = System::new();
    system.process(ONE, 255);
    system.process(OTHER, 255);
    for (object, bits, index) in [
        (ObjectType::IpcPort, 0, PORT),
        (ObjectType::NotificationPort, 0, SIGNALS),
        (ObjectType::Node, 2, NODE),
        (ObjectType::Frame, 13, FRAME),
        (ObjectType::PageTable, 0, TABLE),
        (ObjectType::VectorState, 0, VECTOR),
    ] {
        system.convert(GENERIC, object, bits, 1, index).expect("memory is there");
    }
    let mint = [SIGNAL, SIGNALS, Rights::all().into_word(), 1];
    system.ask(slot::NODE, node::word::Mint, &mint).expect("mint");
    for table in FREE + 24..FREE + 27 {
        system.convert(GENERIC, ObjectType::PageTable, 0, 1, table).expect("table");
        let install = address_space::word::InstallTable;
        system.ask(ONE + 1, install, &[table, ADDRESS]).expect("installed");
    }
    let attach = [ONE + 1, ADDRESS, 21, slot::NODE, WINDOW];
    system.ask(FRAME, frame::word::Attach, &attach).expect("window");
    let line = [0, 0, slot::NODE, INTERRUPT];
    let make = interrupt_region::word::MakePort;
    system.ask(slot::INTERRUPTS, make, &line).expect("interrupt port");
    system.ask(INTERRUPT, interrupt_port::word::Bind, &[SIGNAL]).expect("bound");
    fill_buffers(&mut system);
    system.ask(ONE, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
    system.ask(OTHER, pcb::word::ConfigurePorts, &[PORT, SIGNALS]).expect("binding");
    let on_last = [255, cpus - 1, 0];
    system.ask(OTHER, pcb::word::ConfigureSchedule, &on_last).expect("affinity");
    system.resume(ONE);
    system.resume(OTHER);
    system.forget_leftovers();
    system.mark();
    system
}

/// Everybody's buffer holds a run for batched mapping, a capability to send, and where one that
/// comes shall go.
fn fill_buffers(system: &mut System) {
    let access = Access::READ | Access::WRITE;
    let run = MappingRun::new(ADDRESS + 0x1000, Descriptor::slot(WINDOW), 0, 2, access);
    let fields = [
        (offset_of!(IpcBuffer, capabilities), vec![PORT]),
        (offset_of!(IpcBuffer, receive_node), vec![NODE, 2, 2]),
        (offset_of!(IpcBuffer, runs), vec![run.address, run.window, run.extent]),
    ];
    for buffer in [slot::BUFFER, ONE + 2, OTHER + 2] {
        let page = system.ask(buffer, frame::word::Address, &[]).expect("address")[0];
        for (offset, words) in &fields {
            for (index, word) in (offset / 8..).zip(words) {
                system.write(page, index, *word);
            }
        }
    }
}

/// A sequence of events, by their numbers in the alphabet.
type Sequence = Box<[u8]>;

/// Says how a state came about that broke something.
struct Trail<'a>(&'a [u8], &'a Event);

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let before: Vec<&Event> = events(self.0).collect();
            println!("after {before:?}, {:?}", self.1);
        }
    }
}

fn events(sequence: &[u8]) -> impl Iterator<Item = &'static Event> {
    sequence.iter().map(|letter| &ALPHABET[usize::from(*letter)])
}

/// Plays all sequences and checks every state; answers how many states there are.
fn explore(cpus: u64, depth: usize) -> usize {
    let (start, mut transitions) = (Instant::now(), 0);
    let mut system = begin(cpus);
    let mut seen = HashSet::from([system.fingerprint()]);
    let mut sequences: Vec<Sequence> = vec![[].into()];
    for length in 1..=depth {
        let mut longer = vec![];
        for sequence in &sequences {
            events(sequence).for_each(|event| play_one(&mut system, *event, cpus));
            system.mark();
            for (letter, event) in (0u8..).zip(ALPHABET) {
                let trail = Trail(sequence, event);
                play_one(&mut system, *event, cpus);
                transitions += 1;
                if seen.insert(system.fingerprint()) {
                    system.check();
                    if length < depth {
                        longer.push([sequence, [letter].as_slice()].concat().into());
                    }
                }
                system.rewind();
                drop(trail);
            }
            system.unmark();
            system.rewind();
        }
        sequences = longer;
    }
    let (states, seconds) = (seen.len(), start.elapsed().as_secs_f64());
    println!(
        "exhaustive: {cpus} CPUs, {} events, depth {depth}: {states} states, {transitions} \
         transitions ({seconds:.1} s)",
        ALPHABET.len()
    );
    states
}

fn play_one(system: &mut System, event: Event, cpus: u64) {
    play(system, event, cpus);
    system.forget_leftovers();
    system.use_spaces();
}

fn depth() -> usize {
    std::env::var("A9N_EXHAUSTIVE_DEPTH").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

#[test]
fn all_sequences_on_one_cpu() {
    assert!(explore(1, depth()) > 200);
}

#[test]
fn all_sequences_on_two_cpus() {
    assert!(explore(2, depth()) > 200);
}

/// Going back leaves nothing of what happened: else states would be mistaken for others.
#[test]
fn going_back_makes_the_same_state() {
    let mut system = begin(2);
    let before = system.fingerprint();
    assert_eq!(system.kernel.hal().memory().difference(), 0);
    for event in ALPHABET {
        play_one(&mut system, *event, 2);
        system.mark();
        let at = system.fingerprint();
        for other in ALPHABET {
            play_one(&mut system, *other, 2);
            system.rewind();
            assert_eq!(system.fingerprint(), at, "after {event:?}, {other:?}");
        }
        system.unmark();
        system.rewind();
        assert_eq!(system.fingerprint(), before, "after {event:?}");
    }
}
