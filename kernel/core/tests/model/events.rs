//! What happens, as both sides understand it: a kernel call is made of numbers here, and is put
//! into registers for the kernel and into a question for the model.

use a9n_abi::init::slot;
use a9n_abi::{
    Access, MessageInfo, ObjectType, REPLY_SLOT_SHIFT, Rights, Word, frame, generic,
    interrupt_port, ipc_port, node, notification, pcb, reply, timer, window,
};
use a9n_hal::CallFrame;
use proptest::prelude::*;

use crate::common::{FREE, GENERIC};
use crate::messages::RECEIVED;
use crate::state::{Message, Model, Number, Outcome, PROCESSES, Place};

/// Slots in play; the last ones are those in which processes receive capabilities.
pub const SLOTS: std::ops::Range<u64> = FREE + 10..RECEIVED + PROCESSES as u64;
/// The port of the interrupt line.
pub const INTERRUPT: u64 = FREE + 6;
/// PCBs by number of the process.
pub const PCBS: [u64; PROCESSES] = [slot::PROCESS, FREE, FREE + 3];
/// The address space in which Windows are.
pub const SPACE: u64 = FREE + 1;
/// Where they are.
pub const ADDRESS: u64 = 0x4000_0000;

const PAGES: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub enum Call {
    Convert { from: u64, object: ObjectType, bits: u32, to: u64 },
    Copy { to: u64, from: u64 },
    Mint { to: u64, from: u64, rights: Rights, identifier: u64 },
    Move { to: u64, from: u64 },
    Exchange { one: u64, other: u64 },
    Demote { slot: u64, rights: Rights },
    Remove { slot: u64 },
    Revoke { slot: u64 },
    Send { port: u64, message: Message, calls: bool, waits: bool },
    Receive { port: u64, reply: u64, waits: bool },
    ReplyReceive { port: u64, message: Message, reply: u64 },
    Reply { slot: u64, message: Message },
    Keep { slot: u64 },
    Notify { slot: u64 },
    Take { slot: u64, waits: bool },
    Arm { delay: u64, slot: u64 },
    Disarm,
    Bind { slot: u64 },
    Unbind,
    Acknowledge,
    SetResolver { of: Number, slot: u64 },
    Cancel { of: Number },
    Suspend { of: Number },
    Resume { of: Number },
    Attach { from: u64, page: u64, bits: u32, to: u64 },
    Map { window: u64, page: u64, offset: u64, pages: u64, access: Access },
    Unmap { window: u64, page: u64, pages: u64 },
    Protect { window: u64, page: u64, pages: u64, access: Access },
}

#[derive(Clone, Copy, Debug)]
pub enum Event {
    Call(Call),
    Fault(u64),
    Pass(u64),
    Raise,
}

fn request(operation: u64, descriptor: u64, arguments: &[u64]) -> CallFrame {
    let mut words = [0; 6];
    words[..arguments.len()].copy_from_slice(arguments);
    CallFrame { operation, descriptor, info: arguments.len() as u64, words }
}

fn exchange(operation: u64, descriptor: u64, message: &Message) -> CallFrame {
    let Message { info, words, .. } = message;
    CallFrame { operation, descriptor, info: info.0, words: *words }
}

impl Call {
    /// Its registers, at time `now`.
    pub fn frame(&self, now: u64) -> CallFrame {
        use Call as C;
        let at = |page: u64| ADDRESS + (page << 12);
        match *self {
            C::Convert { from, object, bits, to } => {
                let arguments = [object as u64, bits.into(), 1, slot::NODE, to];
                request(generic::word::Convert, from, &arguments)
            }
            C::Copy { to, from } => request(node::word::Copy, slot::NODE, &[to, from]),
            C::Mint { to, from, rights, identifier } => {
                let arguments = [to, from, rights.into_word(), identifier];
                request(node::word::Mint, slot::NODE, &arguments)
            }
            C::Move { to, from } => request(node::word::Move, slot::NODE, &[to, from]),
            C::Exchange { one, other } => request(node::word::Exchange, slot::NODE, &[one, other]),
            C::Demote { slot: index, rights } => {
                request(node::word::Demote, slot::NODE, &[index, rights.into_word()])
            }
            C::Remove { slot: index } => request(node::word::Remove, slot::NODE, &[index]),
            C::Revoke { slot: index } => request(node::word::Revoke, slot::NODE, &[index]),
            C::Send { port, message, calls, waits } => {
                let operation = if calls { ipc_port::word::Call } else { ipc_port::word::Send };
                let mut frame = exchange(operation, port, &message);
                if !waits {
                    frame.info = message.info.non_blocking().0;
                }
                frame
            }
            C::Receive { port, reply, waits } => {
                let info = MessageInfo::default();
                let info = if waits { info } else { info.non_blocking() };
                // Whose time it is, the model does not know.
                let info = if reply % 2 == 1 { info.on_own_time() } else { info };
                let operation = ipc_port::word::Receive | (reply << REPLY_SLOT_SHIFT);
                CallFrame { operation, descriptor: port, info: info.0, words: [0; 6] }
            }
            C::ReplyReceive { port, message, reply } => {
                let operation = ipc_port::word::ReplyReceive | (reply << REPLY_SLOT_SHIFT);
                exchange(operation, port, &message)
            }
            C::Reply { slot, message } => exchange(reply::word::Reply, slot, &message),
            C::Keep { slot } => request(reply::word::Keep, slot, &[]),
            C::Notify { slot } => request(notification::word::Notify, slot, &[]),
            C::Take { slot, waits: true } => request(notification::word::Wait, slot, &[]),
            C::Take { slot, waits: false } => request(notification::word::Poll, slot, &[]),
            C::Arm { delay, slot: signal } => {
                request(timer::word::Arm, slot::TIMERS, &[now + delay, signal])
            }
            C::Disarm => request(timer::word::Cancel, slot::TIMERS, &[]),
            C::Bind { slot } => request(interrupt_port::word::Bind, INTERRUPT, &[slot]),
            C::Unbind => request(interrupt_port::word::Unbind, INTERRUPT, &[]),
            C::Acknowledge => request(interrupt_port::word::Acknowledge, INTERRUPT, &[]),
            C::SetResolver { of, slot } => request(pcb::word::ConfigurePorts, PCBS[of], &[slot, 0]),
            C::Cancel { of } => request(pcb::word::Cancel, PCBS[of], &[]),
            C::Suspend { of } => request(pcb::word::Suspend, PCBS[of], &[]),
            C::Resume { of } => request(pcb::word::Resume, PCBS[of], &[]),
            C::Attach { from, page, bits, to } => {
                let arguments = [SPACE, at(page), bits.into(), slot::NODE, to];
                request(frame::word::Attach, from, &arguments)
            }
            C::Map { window, page, offset, pages, access } => {
                let arguments = [at(page), offset, pages, access.into_word(), 0];
                request(window::word::Map, window, &arguments)
            }
            C::Unmap { window, page, pages } => {
                request(window::word::Unmap, window, &[at(page), pages])
            }
            C::Protect { window, page, pages, access } => {
                request(window::word::Protect, window, &[at(page), pages, access.into_word()])
            }
        }
    }

    /// The slot of the capability that goes with it.
    pub fn gives(&self) -> Option<u64> {
        match self {
            Self::Send { message, .. }
            | Self::ReplyReceive { message, .. }
            | Self::Reply { message, .. } => message.gives,
            _ => None,
        }
    }

    /// What `model` says to it, asked by `me`.
    pub fn ask(&self, model: &mut Model, me: Number) -> Outcome {
        use Call as C;
        let at = |page: u64| ADDRESS + (page << 12);
        match *self {
            C::Convert { from, object, bits, to } => model.convert(from, object, bits, to),
            C::Copy { to, from } => model.copy(to, from),
            C::Mint { to, from, rights, identifier } => model.mint(to, from, rights, identifier),
            C::Move { to, from } => model.relocate(to, from),
            C::Exchange { one, other } => model.exchange(one, other),
            C::Demote { slot, rights } => model.demote(slot, rights),
            C::Remove { slot } => model.remove(slot),
            C::Revoke { slot } => model.revoke(slot),
            C::Send { port, message, calls, waits } => {
                model.send(me, port, message, (calls, waits))
            }
            C::Receive { port, reply, waits } => model.receive(me, port, reply, waits),
            C::ReplyReceive { port, message, reply } => {
                model.reply_receive(me, port, message, reply)
            }
            C::Reply { slot, message } => model.reply(me, slot, message),
            C::Keep { slot } => model.keep(me, slot),
            C::Notify { slot } => model.notify(slot),
            C::Take { slot, waits } => model.take_signals(me, slot, waits),
            C::Arm { delay, slot } => {
                let answer = model.bind(Place::Timer, slot, 2)?;
                model.alarm = Some(model.now + delay);
                Ok(answer)
            }
            C::Disarm => {
                model.alarm = None;
                model.unbind(Place::Timer);
                Ok(Some(crate::state::results(&[])))
            }
            C::Bind { slot } => model.bind(Place::Line, slot, 1),
            C::Unbind => {
                model.line_open = false;
                model.unbind(Place::Line);
                Ok(Some(crate::state::results(&[])))
            }
            C::Acknowledge => {
                model.line_open = true;
                Ok(Some(crate::state::results(&[])))
            }
            C::SetResolver { of, slot } => model.set_resolver(of, slot),
            C::Cancel { of } => model.cancel(of),
            C::Suspend { of } => model.suspend(me, of),
            C::Resume { of } => model.resume(of),
            C::Attach { from, page, bits, to } => model.attach(from, at(page), bits, to),
            C::Map { window, page, offset, pages, access } => {
                model.map(window, at(page), (offset, pages), access)
            }
            C::Unmap { window, page, pages } => model.unmap(window, at(page), pages),
            C::Protect { window, page, pages, access } => {
                model.protect(window, at(page), pages, access)
            }
        }
    }
}

fn any_rights() -> impl Strategy<Value = Rights> {
    prop_oneof![3 => Just(Rights::all()), 1 => (0u8..64).prop_map(Rights::from_bits_truncate)]
}

fn any_access() -> impl Strategy<Value = Access> {
    let (read, write) = (Access::READ, Access::WRITE);
    prop_oneof![Just(read), Just(read | write), Just(read | Access::EXECUTE), Just(Access::empty())]
}

fn any_message() -> impl Strategy<Value = Message> {
    let gives = prop_oneof![3 => Just(None), 1 => SLOTS.prop_map(Some)];
    (0u32..4, 0usize..7, any::<[u64; 6]>(), gives).prop_map(|(label, length, words, gives)| {
        let info = MessageInfo::new(label, length).with_capabilities(usize::from(gives.is_some()));
        Message { info, words, gives, identifier: 0 }
    })
}

fn any_made() -> impl Strategy<Value = (ObjectType, u32)> {
    prop_oneof![
        3 => Just((ObjectType::IpcPort, 0)),
        2 => Just((ObjectType::NotificationPort, 0)),
        2 => (12u32..15).prop_map(|bits| (ObjectType::Frame, bits)),
        1 => (12u32..16).prop_map(|bits| (ObjectType::Generic, bits)),
    ]
}

fn capability_call() -> impl Strategy<Value = Call> {
    let from = prop_oneof![2 => Just(GENERIC), 1 => SLOTS];
    prop_oneof![
        4 => (from, any_made(), SLOTS)
            .prop_map(|(from, (object, bits), to)| Call::Convert { from, object, bits, to }),
        3 => (SLOTS, SLOTS).prop_map(|(to, from)| Call::Copy { to, from }),
        3 => (SLOTS, SLOTS, any_rights(), 0u64..4)
            .prop_map(|(to, from, rights, identifier)| Call::Mint { to, from, rights, identifier }),
        2 => (SLOTS, SLOTS).prop_map(|(to, from)| Call::Move { to, from }),
        1 => (SLOTS, SLOTS).prop_map(|(one, other)| Call::Exchange { one, other }),
        1 => (SLOTS, any_rights()).prop_map(|(slot, rights)| Call::Demote { slot, rights }),
        2 => SLOTS.prop_map(|slot| Call::Remove { slot }),
        1 => SLOTS.prop_map(|slot| Call::Revoke { slot }),
    ]
}

/// A port that is mostly there.
fn any_port() -> impl Strategy<Value = u64> {
    prop_oneof![3 => FREE + 10..FREE + 12, 1 => SLOTS]
}

fn message_call() -> impl Strategy<Value = Call> {
    let reply = || prop_oneof![2 => Just(0u64), 1 => SLOTS];
    let calls = || prop::bool::weighted(0.7);
    let waits = || prop::bool::weighted(0.8);
    prop_oneof![
        4 => (any_port(), any_message(), calls(), waits()).prop_map(
            |(port, message, calls, waits)| Call::Send { port, message, calls, waits }
        ),
        3 => (any_port(), reply(), waits())
            .prop_map(|(port, reply, waits)| Call::Receive { port, reply, waits }),
        3 => (any_port(), any_message(), reply())
            .prop_map(|(port, message, reply)| Call::ReplyReceive { port, message, reply }),
        2 => (reply(), any_message()).prop_map(|(slot, message)| Call::Reply { slot, message }),
        1 => SLOTS.prop_map(|slot| Call::Keep { slot }),
    ]
}

fn event_call() -> impl Strategy<Value = Call> {
    let signal = || prop_oneof![2 => FREE + 12..FREE + 14, 1 => SLOTS];
    prop_oneof![
        3 => signal().prop_map(|slot| Call::Notify { slot }),
        3 => (signal(), any::<bool>()).prop_map(|(slot, waits)| Call::Take { slot, waits }),
        2 => (0u64..30_000, signal()).prop_map(|(delay, slot)| Call::Arm { delay, slot }),
        1 => Just(Call::Disarm),
        2 => signal().prop_map(|slot| Call::Bind { slot }),
        1 => Just(Call::Unbind),
        2 => Just(Call::Acknowledge),
        1 => (0..PROCESSES, any_port()).prop_map(|(of, slot)| Call::SetResolver { of, slot }),
        1 => (0..PROCESSES).prop_map(|of| Call::Cancel { of }),
        1 => (0..PROCESSES).prop_map(|of| Call::Suspend { of }),
        3 => (0..PROCESSES).prop_map(|of| Call::Resume { of }),
    ]
}

fn memory_call() -> impl Strategy<Value = Call> {
    let page = || 0..PAGES;
    let pages = || 0u64..5;
    prop_oneof![
        3 => (SLOTS, page(), 12u32..16, SLOTS)
            .prop_map(|(from, page, bits, to)| Call::Attach { from, page, bits, to }),
        4 => (SLOTS, page(), 0u64..4, pages(), any_access()).prop_map(
            |(window, page, offset, pages, access)| Call::Map { window, page, offset, pages, access }
        ),
        2 => (SLOTS, page(), pages())
            .prop_map(|(window, page, pages)| Call::Unmap { window, page, pages }),
        1 => (SLOTS, page(), pages(), any_access()).prop_map(
            |(window, page, pages, access)| Call::Protect { window, page, pages, access }
        ),
    ]
}

pub fn any_event() -> impl Strategy<Value = Event> {
    let call = prop_oneof![
        3 => capability_call(),
        5 => message_call(),
        2 => event_call(),
        2 => memory_call(),
    ];
    prop_oneof![
        20 => call.prop_map(Event::Call),
        1 => (0u64..4).prop_map(|page| Event::Fault(page << 12)),
        2 => (0u64..20_000).prop_map(Event::Pass),
        1 => Just(Event::Raise),
    ]
}
