//! Random kernel calls of several processes on several CPUs: whatever they try, every access hits a
//! living object (the simulated machine panics otherwise), every invariant holds after each event,
//! a refused call changes nothing, and the fast paths make no difference.
//!
//! A tenth as many are played as of other random tests: these are long.

#[path = "../common/mod.rs"]
mod common;
mod events;

use a9n_abi::init::slot;
use a9n_abi::{
    IpcBuffer, MessageInfo, ObjectType, Reason, Rights, Source, Word, frame, ipc_port, node, pcb,
    reply,
};
use a9n_hal::{CallFrame, ExitReason, Fault, FaultReason, PhysicalAddress, UserAddress};
use a9n_hal_sim::{Resumption, SimContext};
use a9n_store::{Process, Ref};
use common::{FREE, GENERIC, Reaction, System};
use events::{Event, GUEST, GUEST_PARTS, IDLER, NODE, any_event};
use proptest::prelude::*;

/// Two processes beside init, with ports, signals, a node and page tables in common; and one that
/// runs when nobody else can.
fn begin() -> System {
    let mut system = System::new();
    system.process(FREE, 255);
    system.process(FREE + 3, 255);
    system.process(IDLER, 1);
    system.convert(GENERIC, ObjectType::IpcPort, 0, 2, FREE + 6).expect("ports");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, FREE + 8).expect("signals");
    system.convert(GENERIC, ObjectType::Node, 4, 1, NODE).expect("node");
    system.convert(GENERIC, ObjectType::PageTable, 0, 3, FREE + 10).expect("tables");
    system.convert(GENERIC, ObjectType::Frame, 13, 1, FREE + 13).expect("frame");
    system.convert(GENERIC, ObjectType::Generic, 17, 1, FREE + 14).expect("Generic");
    let [cpu, space, vectors] = GUEST_PARTS;
    system.process(GUEST, 255);
    system.convert(GENERIC, ObjectType::VirtualCpu, 0, 1, cpu).expect("virtual CPU");
    system.convert(GENERIC, ObjectType::VirtualAddressSpace, 0, 1, space).expect("its memory");
    system.convert(GENERIC, ObjectType::VectorState, 0, 1, vectors).expect("vectors");
    system.ask(GUEST, pcb::word::ConfigureVector, &[vectors]).expect("attached");
    system.ask(GUEST, pcb::word::ConfigureGuest, &[cpu, space]).expect("a guest");
    let everything = Rights::all().into_word();
    for (index, source, identifier) in [(15, FREE + 6, 7), (16, FREE + 8, 1)] {
        let arguments = [FREE + index, source, everything, identifier];
        system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    }
    system.ask(GUEST, pcb::word::ConfigurePorts, &[FREE + 15, 0]).expect("a monitor");
    // Slots for received capabilities in every IPC buffer.
    for word in [FREE + 2, FREE + 5] {
        let address = system.ask(word, frame::word::Address, &[]).expect("address")[0];
        for (word, value) in [(128, FREE + 6), (129, FREE + 15), (136, NODE), (137, 1), (138, 15)] {
            system.write(address, word, value);
        }
    }
    system.resume(IDLER);
    // Each serves a port.
    for (process, port) in [(FREE, FREE + 6), (FREE + 3, FREE + 7)] {
        system.start(process);
        system.message(port, ipc_port::word::Receive, 0, &[]);
    }
    system.resume(GUEST);
    assert_eq!(system.current, Some(system.init));
    system
}

fn play(events: &[Event]) {
    let mut system = begin();
    for event in events {
        system.check();
        match (event, system.current) {
            (Event::Call(frame), Some(process))
                if !is_repeating(&system, process) && guest(&system, process).is_none() =>
            {
                call(&mut system, *frame);
            }
            _ => happen(&mut system, event),
        }
    }
    system.check();
}

/// Plays with the fast paths and without, on one CPU: nobody can tell the difference.
fn compare(events: &[Event]) {
    let (mut fast, mut slow) = (begin(), begin());
    slow.fast = false;
    // What a PCB counts are the messages of the general path.
    let here = |event: &&Event| match event {
        Event::Play(_) => false,
        Event::Call(frame) | Event::Begin(frame) => frame.operation != pcb::word::Information,
        _ => true,
    };
    for (number, event) in events.iter().filter(here).enumerate() {
        happen(&mut fast, event);
        happen(&mut slow, event);
        let outcome = |system: &System| system.current.map(|current| (current, view(system)));
        assert_eq!(outcome(&fast), outcome(&slow), "after event {number}, {event:x?}");
    }
}

/// How the running process goes on. Words that no answer of the kernel counts may be anything.
fn view(system: &System) -> Option<Resumption> {
    let resumption = system.kernel.context(system.current?).resumption();
    let Resumption::Answer(mut answer) = resumption else { return Some(resumption) };
    let info = MessageInfo(answer.info);
    if info.source() == Some(Source::Kernel) {
        answer.words[info.length().saturating_sub(1)..].fill(0);
    }
    Some(Resumption::Answer(answer))
}

/// The virtual CPU that `process` runs, if it is one of those.
fn guest(system: &System, process: Ref<Process>) -> Option<PhysicalAddress> {
    system.kernel.context(process).guest()
}

fn is_repeating(system: &System, process: Ref<Process>) -> bool {
    system.kernel.context(process).resumption() == Resumption::Restart
}

fn happen(system: &mut System, event: &Event) {
    let Some(process) = system.current else {
        match event {
            Event::Play(cpu) => system.play(*cpu),
            _ => system.pass(30_000),
        }
        return;
    };
    if is_repeating(system, process) {
        system.repeat(process);
        return;
    }
    match event {
        Event::Call(CallFrame { descriptor, .. }) | Event::Begin(CallFrame { descriptor, .. })
            if let Some(guest) = guest(system, process) =>
        {
            let reason = ExitReason::ALL[*descriptor as usize % ExitReason::ALL.len()];
            system.kernel.hal().leave_guest(guest, reason, *descriptor, 0);
            system.guest_exit();
        }
        Event::Fault if guest(system, process).is_some() => {}
        Event::Call(frame) => {
            system.call(process, *frame);
        }
        Event::Begin(frame) => {
            system.begin(process, *frame);
            system.pass(10_000);
        }
        Event::Fault => {
            let reason = FaultReason::Page;
            system.fault(Fault { reason, address: UserAddress(0), code: 0 });
        }
        Event::Pass(ticks) => system.pass(*ticks),
        Event::Play(cpu) => system.play(*cpu),
        Event::Raise(interrupt) => {
            system.raise(*interrupt);
        }
        Event::Write(word, value) => {
            if let Some(page) = system.kernel.buffer_page(process) {
                system.write(page.0, *word, *value);
            }
        }
        Event::Run { window, address, extent } => {
            let first = std::mem::offset_of!(IpcBuffer, runs) / 8;
            if let Some(page) = system.kernel.buffer_page(process) {
                for (word, value) in (first..).zip([address, window, extent]) {
                    system.write(page.0, word, *value);
                }
            }
        }
    }
}

/// The running process makes a kernel call; if it is refused, nothing has changed but its own
/// context, which holds the refusal.
fn call(system: &mut System, frame: CallFrame) {
    let process = system.current.expect("somebody runs");
    system.kernel.hal().mark();
    let reaction = system.call(process, frame);
    check_refusal(system, process, frame, reaction);
    system.kernel.hal().unmark();
}

fn check_refusal(system: &System, process: Ref<Process>, frame: CallFrame, reaction: Reaction) {
    let Reaction::Answered(answer) = reaction else { return };
    let info = MessageInfo(answer.info);
    if info.source() != Some(Source::Kernel) || system.restarted {
        return;
    }
    // These two also report what befell a wait that had begun.
    let refused = a9n_abi::Error::from_label(info.label())
        .filter(|error| !matches!(error.reason, Reason::Cancelled | Reason::PartnerDied));
    if let Some(error) = refused {
        let (address, context) = (process.address().0.get(), size_of::<SimContext>());
        let unchanged = system.kernel.hal().memory().is_unchanged(address, context);
        assert!(unchanged, "{frame:x?} was refused ({error}) but changed something");
    }
}

/// One of least priority serves two others in turn. What it gives back to the second does not let that pass the
/// first, which became ready before.
#[test]
fn an_answer_lets_nobody_pass_an_equal() {
    let [first, second] = [FREE + 6, FREE + 7];
    let message = |operation, descriptor, info| {
        Event::Call(CallFrame { operation, descriptor, info, words: [FREE; 6] })
    };
    compare(&[
        message(ipc_port::word::Call, first, 0),
        Event::Pass(10_000),
        message(node::word::Copy, slot::NODE, 2),
        message(ipc_port::word::Call, first, 0),
        message(ipc_port::word::ReplyReceive, first, 0),
        message(ipc_port::word::Call, second, 0),
        message(ipc_port::word::ReplyReceive, second, 0),
        message(ipc_port::word::ReplyReceive, first, 0),
        message(reply::word::Reply, 0, 6),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 10,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_calls_break_nothing(events in prop::collection::vec(any_event(4), 1..100)) {
        play(&events);
    }

    #[test]
    fn fast_paths_make_no_difference(events in prop::collection::vec(any_event(40), 1..100)) {
        compare(&events);
    }
}
