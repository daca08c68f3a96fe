//! What can happen, a small selection of everything there is.

use a9n_abi::init::slot;
use a9n_abi::{
    Access, MessageInfo, ObjectType, address_space, generic, interrupt_port, ipc_port, node,
    notification, operation_word, pcb, reply, timer, window,
};
use a9n_hal::{CallFrame, Fault, FaultReason, Interrupt, UserAddress};
use a9n_hal_sim::Resumption;

use crate::common::history::NOW;
use crate::common::{FREE, GENERIC, System};

/// A process, with its address space and buffer behind it; and another.
pub const ONE: u64 = FREE;
pub const OTHER: u64 = FREE + 3;
pub const PORT: u64 = FREE + 6;
/// A Notification Port that waits and one that signals.
pub const SIGNALS: u64 = FREE + 8;
pub const SIGNAL: u64 = FREE + 9;
/// Empty slots at first.
const SPARE: u64 = FREE + 10;
const STORED: u64 = FREE + 14;
/// A node of four slots.
pub const NODE: u64 = FREE + 16;
/// A frame and its Window in the first process's address space.
pub const FRAME: u64 = FREE + 17;
pub const WINDOW: u64 = FREE + 18;
/// A Page Table that is not used.
pub const TABLE: u64 = FREE + 19;
/// A Vector State.
pub const VECTOR: u64 = FREE + 20;
/// The port of line 0.
pub const INTERRUPT: u64 = FREE + 21;

/// Where the frame can be mapped.
pub const ADDRESS: u64 = 0x4000_0000;

/// The interrupt that happens.
pub const LINE: Interrupt = Interrupt::Line(0);

/// A letter of the alphabet.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Whoever runs makes this kernel call.
    Call(u64, u64, &'static [u64]),
    /// It makes this one, and somebody else acts if it takes several steps.
    Begin(u64, u64, &'static [u64]),
    /// It sends a message with a capability.
    Give,
    /// It faults.
    Fault,
    /// So much time passes.
    Pass(u64),
    /// A device interrupts.
    Raise,
    /// The other CPU is the next to do something.
    OtherCpu,
}

use Event::{Begin, Call};

const IPC: [u64; 4] = [
    ipc_port::word::Call,
    ipc_port::word::Send,
    ipc_port::word::Receive,
    ipc_port::word::ReplyReceive,
];

const READ: u64 = Access::READ.bits();

pub const ALPHABET: &[Event] = &[
    // Capabilities.
    Call(generic::word::Convert, GENERIC, &[ObjectType::IpcPort as u64, 0, 1, slot::NODE, SPARE]),
    Call(node::word::Copy, slot::NODE, &[SPARE + 1, PORT]),
    Call(node::word::Mint, slot::NODE, &[SPARE + 2, SPARE + 1, 0x3f, 9]),
    Call(node::word::Move, slot::NODE, &[SPARE + 3, PORT]),
    Call(node::word::Move, NODE, &[1, NODE]),
    Call(node::word::Exchange, slot::NODE, &[PORT, SPARE + 3]),
    Call(node::word::Remove, slot::NODE, &[PORT]),
    Call(node::word::Remove, slot::NODE, &[STORED]),
    Call(node::word::Remove, slot::NODE, &[ONE]),
    Call(node::word::Remove, slot::NODE, &[ONE + 1]),
    Call(node::word::Remove, slot::NODE, &[NODE]),
    Call(node::word::Revoke, slot::NODE, &[PORT]),
    Call(node::word::Revoke, slot::NODE, &[FRAME]),
    Call(node::word::Revoke, slot::NODE, &[GENERIC]),
    Begin(node::word::Revoke, slot::NODE, &[GENERIC]),
    // Messages.
    Call(IPC[0], PORT, &[1, 2]),
    Call(IPC[1], PORT, &[3]),
    Event::Give,
    Call(IPC[2], PORT, &[]),
    Call(IPC[2] | (STORED << 16), PORT, &[]),
    Call(IPC[3], PORT, &[4]),
    Call(reply::word::Reply, 0, &[5]),
    Call(reply::word::Reply, STORED, &[6]),
    Call(reply::word::Keep, STORED, &[]),
    // Signals, timers, interrupts.
    Call(notification::word::Notify, SIGNAL, &[]),
    Call(notification::word::Wait, SIGNALS, &[]),
    Call(timer::word::Arm, slot::TIMERS, &[NOW + 5_000, SIGNAL]),
    Call(timer::word::Cancel, slot::TIMERS, &[]),
    Call(interrupt_port::word::Bind, INTERRUPT, &[SIGNAL]),
    Call(interrupt_port::word::Acknowledge, INTERRUPT, &[]),
    Event::Raise,
    Event::Pass(5_000),
    Event::Pass(10_000),
    // Processes.
    Call(pcb::word::Suspend, ONE, &[]),
    Call(pcb::word::Resume, ONE, &[]),
    Call(pcb::word::Cancel, ONE, &[]),
    Call(pcb::word::Interrupt, ONE, &[]),
    Call(pcb::word::ConfigureSchedule, ONE, &[100, 0, 0]),
    Call(pcb::word::ConfigureSchedule, ONE, &[255, 1, 0]),
    Call(pcb::word::ConfigureVector, ONE, &[VECTOR]),
    Call(operation_word(1, 1), 0, &[]),
    Event::Fault,
    Event::OtherCpu,
    // Memory.
    Call(window::word::Map, WINDOW, &[ADDRESS, 0, 1, READ, 0]),
    Call(window::word::Unmap, WINDOW, &[ADDRESS, 2]),
    Call(node::word::Remove, slot::NODE, &[WINDOW]),
    Call(address_space::word::AddTable, ONE + 1, &[TABLE]),
    Call(address_space::word::MapMany, ONE + 1, &[1]),
    Call(address_space::word::UnmapMany, ONE + 1, &[1]),
];

/// A kernel call with as many words as there are arguments.
fn frame(operation: u64, descriptor: u64, arguments: &[u64], capabilities: usize) -> CallFrame {
    let mut words = [0; 6];
    words[..arguments.len()].copy_from_slice(arguments);
    let info = MessageInfo::new(0, arguments.len()).with_capabilities(capabilities).0;
    CallFrame { operation, descriptor, info, words }
}

/// `event` happens, on a machine on which so many CPUs are played.
pub fn play(system: &mut System, event: Event, cpus: u64) {
    if let Some(process) = system.current
        && system.kernel.context(process).resumption() == Resumption::Restart
    {
        system.repeat(process);
    }
    match (event, system.current) {
        (Event::OtherCpu, _) if cpus > 1 => system.play(1 - system.playing()),
        (Event::Pass(ticks), _) => system.pass(ticks),
        (Event::Raise, _) => {
            system.raise(LINE);
        }
        (Event::Fault, Some(_)) => {
            let reason = FaultReason::Page;
            system.fault(Fault { reason, address: UserAddress(0), code: 0 });
        }
        (Call(operation, descriptor, arguments), Some(process)) => {
            system.call(process, frame(operation, descriptor, arguments, 0));
        }
        (Begin(operation, descriptor, arguments), Some(process)) => {
            system.begin(process, frame(operation, descriptor, arguments, 0));
        }
        (Event::Give, Some(process)) => {
            system.call(process, frame(IPC[1], PORT, &[7], 1));
        }
        _ => {}
    }
}
