//! What happens in random play: mostly calls that make some sense, to objects that may be there.

use a9n_abi::init::slot;
use a9n_abi::{
    Rights, Word, address_space, frame, generic, interrupt_port, interrupt_region, io_port,
    ipc_port, kernel, node, notification, operation_word, pcb, reply, timer, window,
};
use a9n_hal::{CallFrame, Interrupt};
use proptest::prelude::*;

use crate::common::{CPUS, FREE, GENERIC, path};

/// Slots that random calls play with.
const SLOTS: std::ops::Range<u64> = FREE..FREE + 26;

/// A process that runs a guest, its Virtual CPU, Virtual Address Space and Vector State, at first.
pub const GUEST: u64 = FREE + 18;
pub const GUEST_PARTS: [u64; 3] = [FREE + 21, FREE + 22, FREE + 23];

/// A node in one of them, at first.
pub const NODE: u64 = FREE + 9;

/// A process of least priority, out of reach of most calls.
pub const IDLER: u64 = FREE + 60;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Event {
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
            prop_oneof![8 => 2u64..13, 1 => 18u64..20], size, 1u64..4, any_node(), any_index(),
        ).prop_map(|(from, object, size, count, at, index)| {
            request(generic::word::Convert, from, &[object, size, count, at, index])
        }),
    ]
}

/// Calls that deal with processes.
fn process_call() -> impl Strategy<Value = CallFrame> {
    let pcb = prop_oneof![
        3 => Just(FREE), 3 => Just(FREE + 3), 2 => Just(GUEST), 1 => Just(slot::PROCESS),
        1 => any_slot()
    ];
    (pcb, any_slot(), any_slot(), any_slot(), 0u64..4, 0u32..19).prop_map(
        |(pcb, one, two, three, number, choice)| match choice {
            0 => request(pcb::word::ConfigureSpaces, pcb, &[one, two, three]),
            1 => request(pcb::word::ConfigureSpaces, pcb, &[FREE + 1, slot::NODE, FREE + 2]),
            2 => request(pcb::word::ConfigurePorts, pcb, &[FREE + 6, FREE + 8]),
            3 => request(pcb::word::ConfigurePorts, pcb, &[one, two]),
            4 => {
                let priority = [10, 100, 254, 255][number as usize];
                request(pcb::word::ConfigureSchedule, pcb, &[priority, one % 3, number / 3])
            }
            5 if number == 3 => request(pcb::word::ConfigureTurn, pcb, &[one.wrapping_mul(300)]),
            5 => request(pcb::word::ConfigureVector, pcb, &[one]),
            6 => request(pcb::word::WriteRegister, pcb, &[number, 0x20_0000]),
            7 => request(pcb::word::CloneState, pcb, &[one]),
            8 | 9 if number > 0 => request(pcb::word::Cancel, pcb, &[]),
            8 | 9 => request(pcb::word::Suspend, pcb, &[]),
            10 => request(pcb::word::Interrupt, pcb, &[]),
            11 => request(pcb::word::LimitPriority, pcb, &[number * 80]),
            12 => {
                let [cpu, space, _] = GUEST_PARTS;
                request(pcb::word::ConfigureGuest, pcb, &[cpu, space])
            }
            13 => request(pcb::word::ConfigureGuest, pcb, &[one, two]),
            14 => request(pcb::word::ReadGuest, pcb, &[number * 3]),
            15 => request(pcb::word::WriteGuest, pcb, &[number * 3]),
            16 => request(pcb::word::ConfigureExit, pcb, &[number, 1 << number]),
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
    let choice = prop_oneof![2 => Just(0u32), 3 => Just(5), 2 => 0u32..12];
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
                10 => request(reply::word::Keep, reply_slot, &[]),
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
pub fn any_event(messages: u32) -> impl Strategy<Value = Event> {
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
