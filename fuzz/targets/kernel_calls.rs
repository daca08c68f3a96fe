//! Any bytes are a sequence of kernel calls, faults, interrupts and time on three CPUs of the
//! simulated machine: every access hits a living object, and every invariant holds after each.
//!
//! The first byte says after how many events the invariants are checked, which they are at the end
//! in any case: looking at everything takes longer than a call, and what breaks it mostly lasts.
//! An event is a byte that says what happens and what that takes: for a kernel call, a byte for
//! operation, capability and message info each, and one for every argument.
//!
//! The system is booted once; each run starts from a mark and goes back to it.

#![no_main]

#[path = "../../kernel/core/tests/common/mod.rs"]
mod common;

use std::cell::RefCell;

use a9n_abi::init::slot;
use a9n_abi::{
    Form, MessageInfo, OBJECTS, ObjectType, OperationSpec, REPLY_SLOT_SHIFT, Rights, Word, node,
    operation_word, pcb,
};
use a9n_hal::{CallFrame, Fault, FaultReason, Interrupt, UserAddress};
use a9n_hal_sim::Resumption;
use common::{CPUS, FREE, GENERIC, System, path};
use libfuzzer_sys::fuzz_target;

/// Longest sequence that is played.
const EVENTS: usize = 64;
/// Slots in play.
const SLOTS: u64 = 24;
/// A node in one of them, of radix 4.
const NODE: u64 = FREE + 9;

thread_local! {
    static SYSTEM: RefCell<System> = RefCell::new(begin());
}

fuzz_target!(|bytes: &[u8]| {
    let [interval, events @ ..] = bytes else { return };
    SYSTEM.with_borrow_mut(|system| {
        run(system, *interval, events);
        system.rewind();
    });
});

fn run(system: &mut System, interval: u8, events: &[u8]) {
    let mut input = events.iter().copied();
    for number in 1..=EVENTS {
        let Some(kind) = input.next() else { break };
        play(system, kind, &mut || input.next().unwrap_or(0));
        if number.is_multiple_of(usize::from(interval) + 1) {
            system.check();
        }
    }
    system.check();
}

/// Two processes beside init, with a port, signals, a node and memory in common.
fn begin() -> System {
    let mut system = System::new();
    system.process(FREE, 255);
    system.process(FREE + 3, 255);
    let made = [
        (ObjectType::IpcPort, 0, FREE + 6),
        (ObjectType::IpcPort, 0, FREE + 7),
        (ObjectType::NotificationPort, 0, FREE + 8),
        (ObjectType::Node, 4, NODE),
        (ObjectType::PageTable, 0, FREE + 10),
        (ObjectType::PageTable, 0, FREE + 11),
        (ObjectType::Frame, 13, FREE + 12),
        (ObjectType::Generic, 17, FREE + 13),
        (ObjectType::VectorState, 0, FREE + 15),
        (ObjectType::PageTable, 0, FREE + 16),
    ];
    for (object, bits, index) in made {
        system.convert(GENERIC, object, bits, 1, index).expect("memory is there");
    }
    let mint = [FREE + 14, FREE + 8, Rights::all().into_word(), 1];
    system.ask(slot::NODE, node::word::Mint, &mint).expect("mint");
    system.ask(FREE, pcb::word::ConfigurePorts, &[FREE + 6, FREE + 14]).expect("ports");
    system.resume(FREE);
    system.resume(FREE + 3);
    system.mark();
    system
}

fn play(system: &mut System, kind: u8, next: &mut impl FnMut() -> u8) {
    let Some(process) = system.current else {
        return if kind & 1 == 0 { system.play(next() % CPUS as u8) } else { system.pass(30_000) };
    };
    if system.kernel.context(process).resumption() == Resumption::Restart {
        system.repeat(process);
        return;
    }
    match kind {
        0..16 => system.play(next() % CPUS as u8),
        16..32 => system.pass(u64::from(next()) * 100),
        32..40 => {
            let reason = FaultReason::Page;
            system.fault(Fault { reason, address: UserAddress(next().into()), code: 0 });
        }
        40..48 => {
            let number = next() % 4;
            let line = Interrupt::Line(number);
            system.raise(if kind & 1 == 0 { line } else { Interrupt::Message(number) });
        }
        48..64 => {
            let (word, value) = (next(), word(next()));
            if let Some(page) = system.kernel.buffer_page(process) {
                system.write(page.0, 120 + usize::from(word), value);
            }
        }
        64..80 => {
            let frame = call(next);
            system.begin(process, frame);
        }
        _ => {
            let frame = call(next);
            system.call(process, frame);
        }
    }
}

/// A kernel call after the interface table.
fn call(next: &mut impl FnMut() -> u8) -> CallFrame {
    let operations: Vec<(u8, &OperationSpec)> = OBJECTS
        .iter()
        .flat_map(|object| object.operations.iter().map(|operation| (object.number, operation)))
        .collect();
    let (object, operation) = operations[usize::from(next()) % operations.len()];
    let mut code = operation_word(object, operation.number);
    let descriptor = word(next());
    let choice = next();
    let mut words = [0; 6];
    let info = match operation.form {
        Form::Request { arguments, .. } => {
            for (to, argument) in words.iter_mut().zip(arguments) {
                *to = match (argument.kind, argument.name) {
                    ("Descriptor", _) | (_, "index") => word(next()),
                    (_, "address") => 0x4000_0000 + u64::from(next()) * 4096,
                    _ => u64::from(next()),
                };
            }
            MessageInfo::new(0, arguments.len())
        }
        Form::Message => {
            words.iter_mut().for_each(|to| *to = word(choice));
            code |=
                u64::from(choice & 3 == 1) * (FREE + u64::from(choice) % SLOTS) << REPLY_SLOT_SHIFT;
            let info = MessageInfo::new(choice.into(), usize::from(choice) % 132);
            let info = info.with_capabilities(usize::from(choice >> 6));
            if choice & 4 == 0 { info } else { info.non_blocking() }
        }
    };
    CallFrame { operation: code, descriptor, info: info.0, words }
}

/// A word that is mostly the name of something in play.
fn word(byte: u8) -> u64 {
    match byte {
        0 => 0,
        1..128 => FREE + u64::from(byte) % SLOTS,
        128..160 => path((NODE << 4) | u64::from(byte & 15), 16),
        160..192 => slot::NODE,
        192..208 => GENERIC,
        208..216 => slot::PROCESS + u64::from(byte & 7),
        216..224 => slot::TIMERS + u64::from(byte & 1),
        224..240 => u64::from(byte & 15),
        240..250 => 1 << (u64::from(byte & 15) * 4),
        _ => u64::MAX - u64::from(byte),
    }
}
