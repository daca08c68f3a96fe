//! Random kernel calls of several processes on several CPUs: whatever they try, every access hits a
//! living object (the simulated machine panics otherwise), every invariant holds after each event,
//! and a refused call changes nothing.
//!
//! `A9N_RANDOM_CASES` says how many cases to play.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    IpcBuffer, MessageInfo, ObjectType, Reason, Rights, Source, Word, address_space, frame,
    generic, interrupt_port, interrupt_region, io_port, ipc_port, kernel, node, notification,
    operation_word, pcb, reply, timer, window,
};
use a9n_hal::{CallFrame, Fault, FaultReason, Interrupt, UserAddress};
use a9n_hal_sim::{Resumption, SimContext};
use a9n_store::{Process, Ref};
use common::{CPUS, FREE, GENERIC, Reaction, System, path};
use proptest::prelude::*;

/// Slots that random calls play with.
const SLOTS: std::ops::Range<u64> = FREE..FREE + 24;

/// A node in one of them, at first.
const NODE: u64 = FREE + 9;

/// A process of least priority, out of reach of most calls.
const IDLER: u64 = FREE + 60;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// The running process makes a kernel call until it is done.
    Call(CallFrame),
    /// It makes one that may have to be repeated later, and its quantum ends.
    Begin(CallFrame),
    Fault,
    Pass(u64),
    /// The test goes on with another CPU.
    Play(u8),
    Raise(Interrupt),
    /// The running process writes a word of its IPC buffer.
    Write(usize, u64),
    /// It writes a run for batched mapping there.
    Run {
        window: u64,
        address: u64,
        extent: u64,
    },
}

/// Index of a slot, mostly one in play.
fn any_index() -> BoxedStrategy<u64> {
    prop_oneof![12 => SLOTS, 3 => 1u64..16, 1 => Just(0u64), 1 => any::<u64>()].boxed()
}

/// A descriptor, mostly of a slot in play.
fn any_slot() -> BoxedStrategy<u64> {
    prop_oneof![
        14 => SLOTS,
        3 => (1u64..16).prop_map(|index| path((NODE << 4) | index, 16)),
        2 => Just(GENERIC),
        2 => Just(slot::NODE),
        1 => slot::PROCESS..=slot::INTERRUPTS,
        1 => Just(slot::TIMERS),
        1 => Just(0u64),
        1 => any::<u64>(),
    ]
    .boxed()
}

/// A node, mostly.
fn any_node() -> BoxedStrategy<u64> {
    prop_oneof![6 => Just(slot::NODE), 4 => Just(NODE), 1 => any_slot()].boxed()
}

fn any_word() -> BoxedStrategy<u64> {
    prop_oneof![8 => any_slot(), 4 => 0u64..8, 2 => Just(0x20_0000u64), 1 => any::<u64>()].boxed()
}

fn any_address() -> BoxedStrategy<u64> {
    prop_oneof![
        6 => (0u64..4).prop_map(|page| 0x4000_0000 + page * 4096),
        2 => Just(0x4020_0000u64),
        1 => Just(0x7fff_ffff_e000u64),
        1 => Just(0x7fff_ffff_f000u64),
        1 => any::<u64>(),
    ]
    .boxed()
}

/// Rights, mostly many.
fn any_rights() -> BoxedStrategy<u64> {
    prop_oneof![4 => Just(Rights::all().into_word()), 2 => 0u64..64, 1 => any::<u64>()].boxed()
}

fn any_info() -> BoxedStrategy<u64> {
    prop_oneof![
        12 => 0u64..7,
        2 => Just(1u64 << 12),
        1 => 7u64..140,
        1 => (1u64..4).prop_map(|count| count << 8),
        1 => any::<u64>(),
    ]
    .boxed()
}

fn request(operation: u64, descriptor: u64, arguments: &[u64]) -> CallFrame {
    let mut words = [0; 6];
    words[..arguments.len()].copy_from_slice(arguments);
    CallFrame { operation, descriptor, info: arguments.len() as u64, words }
}

/// Calls that deal with capabilities.
fn capability_call() -> impl Strategy<Value = CallFrame> {
    let size =
        prop_oneof![3 => Just(0u64), 1 => 1u64..7, 2 => Just(12), 1 => Just(13), 1 => Just(14)];
    prop_oneof![
        3 => (any_node(), any_index(), any_slot())
            .prop_map(|(at, index, from)| request(node::word::Copy, at, &[index, from])),
        3 => (any_node(), any_index(), any_slot())
            .prop_map(|(at, index, from)| request(node::word::Move, at, &[index, from])),
        2 => (any_node(), any_index(), any_slot(), any_rights(), 0u64..3).prop_map(
            |(at, index, from, rights, identifier)| {
                request(node::word::Mint, at, &[index, from, rights, identifier])
            }
        ),
        1 => (any_node(), any_index(), any_slot())
            .prop_map(|(at, index, other)| request(node::word::Exchange, at, &[index, other])),
        1 => (any_node(), any_index(), any_rights())
            .prop_map(|(at, index, rights)| request(node::word::Demote, at, &[index, rights])),
        4 => (any_node(), any_index())
            .prop_map(|(at, index)| request(node::word::Remove, at, &[index])),
        1 => (any_node(), prop_oneof![4 => any_index(), 1 => Just(GENERIC)])
            .prop_map(|(at, index)| request(node::word::Revoke, at, &[index])),
        1 => (any_node(), any_index())
            .prop_map(|(at, index)| request(node::word::Look, at, &[index])),
        8 => (
            prop_oneof![3 => Just(GENERIC), 1 => any_slot()],
            2u64..13, size, 1u64..4, any_node(), any_index(),
        ).prop_map(|(from, object, size, count, at, index)| {
            request(generic::word::Convert, from, &[object, size, count, at, index])
        }),
    ]
}

/// Calls that deal with processes.
fn process_call() -> impl Strategy<Value = CallFrame> {
    let pcb = prop_oneof![
        3 => Just(FREE), 3 => Just(FREE + 3), 1 => Just(slot::PROCESS), 1 => any_slot()
    ];
    (pcb, any_slot(), any_slot(), any_slot(), 0u64..4, 0u32..14).prop_map(
        |(pcb, one, two, three, number, choice)| match choice {
            0 => request(pcb::word::ConfigureSpaces, pcb, &[one, two, three]),
            1 => request(pcb::word::ConfigureSpaces, pcb, &[FREE + 1, slot::NODE, FREE + 2]),
            2 => request(pcb::word::ConfigurePorts, pcb, &[FREE + 6, FREE + 8]),
            3 => request(pcb::word::ConfigurePorts, pcb, &[one, two]),
            4 => {
                let priority = [10, 100, 254, 255][number as usize];
                request(pcb::word::ConfigureSchedule, pcb, &[priority, one % 3, number / 3])
            }
            5 => request(pcb::word::ConfigureVector, pcb, &[one]),
            6 => request(pcb::word::WriteRegister, pcb, &[number, 0x20_0000]),
            7 => request(pcb::word::CloneState, pcb, &[one]),
            8 | 9 if number > 0 => request(pcb::word::Cancel, pcb, &[]),
            8 | 9 => request(pcb::word::Suspend, pcb, &[]),
            10 => request(pcb::word::Interrupt, pcb, &[]),
            11 => request(pcb::word::LimitPriority, pcb, &[number * 80]),
            _ => request(pcb::word::Resume, pcb, &[]),
        },
    )
}

/// Calls that exchange messages and signals.
fn message_call() -> impl Strategy<Value = CallFrame> {
    let port = prop_oneof![5 => Just(FREE + 6), 3 => Just(FREE + 7), 2 => any_slot()];
    let signals = prop_oneof![4 => Just(FREE + 8), 2 => any_slot()];
    let reply_slot = prop_oneof![2 => Just(0u64), 1 => SLOTS];
    let words = prop::array::uniform6(any_word());
    let choice = prop_oneof![2 => Just(0u32), 3 => Just(5), 2 => 0u32..11];
    (port, signals, any_slot(), any_info(), reply_slot, words, choice).prop_map(
        |(port, signals, any, info, reply_slot, words, choice)| {
            let message = |operation, descriptor| CallFrame { operation, descriptor, info, words };
            match choice {
                0 => message(ipc_port::word::Call, port),
                1 => request(notification::word::Notify, FREE + 16, &[]),
                2 => message(ipc_port::word::Send, port),
                3 => message(ipc_port::word::Receive, port),
                4 => message(ipc_port::word::Receive | (reply_slot << 16), port),
                5 => message(ipc_port::word::ReplyReceive, port),
                6 | 7 => message(ipc_port::word::ReplyReceive | (reply_slot << 16), port),
                8 => message(reply::word::Reply, if info & 1 == 0 { 0 } else { any }),
                9 => request(notification::word::Notify, any, &[]),
                _ if info & 1 == 0 => request(notification::word::Poll, signals, &[]),
                _ => request(notification::word::Wait, signals, &[]),
            }
        },
    )
}

/// Calls that deal with memory and devices.
fn memory_call() -> impl Strategy<Value = CallFrame> {
    let space = prop_oneof![3 => Just(FREE + 1), 1 => Just(slot::ADDRESS_SPACE), 1 => any_slot()];
    (any_slot(), space, any_address(), any_node(), any_index(), 0u64..8, 0u32..12).prop_map(
        |(any, space, address, at, index, number, choice)| match choice {
            0 | 1 => request(address_space::word::InstallTable, space, &[any, address]),
            2 | 3 => {
                let bits = [12, 12, 13, 14, 21, 30, 47, 60][number as usize];
                let first = if bits == 12 { address } else { address & !((1 << bits) - 1) };
                request(frame::word::Attach, any, &[space, first, bits, at, index])
            }
            4 | 5 => {
                let pages = 1 + number / 3;
                request(window::word::Map, any, &[address, number % 3, pages, number, 0])
            }
            6 if number < 3 => request(window::word::Unmap, any, &[address, 1 + number]),
            6 if number < 5 => request(window::word::Protect, any, &[address, 1, number]),
            6 => request(address_space::word::AddTable, space, &[any]),
            10 => request(address_space::word::MapMany, space, &[number % 3]),
            11 => request(address_space::word::UnmapMany, space, &[number % 3]),
            7 => request(timer::word::Arm, slot::TIMERS, &[number * 10_000, any]),
            8 if number < 2 => request(
                interrupt_region::word::MakePort,
                slot::INTERRUPTS,
                &[number, number, at, index],
            ),
            8 if number < 5 => request(interrupt_port::word::Bind, any, &[FREE + 8]),
            8 => request(interrupt_port::word::Acknowledge, any, &[]),
            _ if number < 4 => {
                request(io_port::word::Narrow, slot::IO_PORTS, &[number, 4, at, index])
            }
            _ => request(kernel::word::Yield, 0, &[]),
        },
    )
}

/// Calls that make no sense, mostly.
fn any_call() -> impl Strategy<Value = CallFrame> {
    let reply = prop_oneof![4 => Just(0u64), 1 => SLOTS];
    (1u8..18, 1u8..15, any_slot(), any_info(), prop::array::uniform6(any_word()), reply).prop_map(
        |(object, operation, descriptor, info, words, reply)| CallFrame {
            operation: operation_word(object, operation) | (reply << 16),
            descriptor,
            info,
            words,
        },
    )
}

/// Events, with so many exchanges of messages among them.
fn any_event(messages: u32) -> impl Strategy<Value = Event> {
    let call = move || {
        prop_oneof![
            4 => capability_call().boxed(),
            2 => process_call().boxed(),
            messages => message_call().boxed(),
            2 => memory_call().boxed(),
            1 => any_call().boxed(),
        ]
    };
    prop_oneof![
        16 => call().prop_map(Event::Call).boxed(),
        2 => call().prop_map(Event::Begin).boxed(),
        1 => Just(Event::Fault),
        1 => (0u64..30_000).prop_map(Event::Pass),
        2 => (0..CPUS as u8).prop_map(Event::Play),
        1 => (0u8..2).prop_map(|number| {
            Event::Raise(if number == 0 { Interrupt::Line(0) } else { Interrupt::Message(1) })
        }),
        1 => (128usize..140, any_word()).prop_map(|(word, value)| Event::Write(word, value)),
        1 => (any_slot(), any_address(), 0u64..3, 0u64..8).prop_map(
            |(window, address, pages, access)| Event::Run {
                window, address, extent: (pages << 32) | (access << 60),
            }
        ),
    ]
}

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
    let everything = Rights::all().into_word();
    for (index, source, identifier) in [(15, FREE + 6, 7), (16, FREE + 8, 1)] {
        let arguments = [FREE + index, source, everything, identifier];
        system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    }
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
    assert_eq!(system.current, Some(system.init));
    system
}

fn play(events: &[Event]) {
    let mut system = begin();
    let mut before = Vec::new();
    for event in events {
        system.check();
        match (event, system.current) {
            (Event::Call(frame), Some(process)) if !is_repeating(&system, process) => {
                call(&mut system, *frame, &mut before);
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
fn call(system: &mut System, frame: CallFrame, before: &mut Vec<u8>) {
    let process = system.current.expect("somebody runs");
    system.kernel.hal().memory().save(before);
    let Reaction::Answered(answer) = system.call(process, frame) else { return };
    let info = MessageInfo(answer.info);
    if info.source() != Some(Source::Kernel) || system.restarted {
        return;
    }
    // These two also report what befell a wait that had begun.
    let refused = a9n_abi::Error::from_label(info.label())
        .filter(|error| !matches!(error.reason, Reason::Cancelled | Reason::PartnerDied));
    if let Some(error) = refused {
        let (address, context) = (process.address().0.get(), size_of::<SimContext>());
        let unchanged = system.kernel.hal().memory().is_still(before, address, context);
        assert!(unchanged, "{frame:x?} was refused ({error}) but changed something");
    }
}

fn cases() -> u32 {
    std::env::var("A9N_RANDOM_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
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
