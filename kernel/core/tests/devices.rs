//! Timers, interrupts and I/O ports.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    ObjectType, Reason, Rights, Word, interrupt_port, interrupt_region, io_port, node,
    notification, timer,
};
use a9n_hal::Interrupt;
use common::{FREE, GENERIC, Reaction, System, reason};

const SIGNALS: u64 = FREE;
const MINTED: u64 = FREE + 1;
const PORT: u64 = FREE + 2;

fn with_signals() -> System {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, SIGNALS).expect("signals");
    let arguments = [MINTED, SIGNALS, Rights::all().into_word(), 0b1000];
    system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    system
}

fn poll(system: &mut System) -> u64 {
    system.ask(SIGNALS, notification::word::Poll, &[]).expect("poll")[0]
}

/// `interrupt` is raised; answers whether it came in.
fn raise(system: &mut System, interrupt: Interrupt) -> bool {
    let came = system.kernel.hal().raise(interrupt);
    if came {
        system.current = system.kernel.interrupt(0, system.current, interrupt);
    }
    came
}

#[test]
fn a_timer_signals_once_at_its_deadline() {
    let mut system = with_signals();
    system.ask(slot::TIMERS, timer::word::Arm, &[25_000, MINTED]).expect("arm");
    system.pass(24_999);
    assert_eq!(poll(&mut system), 0);
    system.pass(1);
    assert_eq!(poll(&mut system), 0b1000);
    system.pass(100_000);
    assert_eq!(poll(&mut system), 0, "once");
    system.ask(slot::TIMERS, timer::word::Arm, &[200_000, MINTED]).expect("arm");
    system.ask(slot::TIMERS, timer::word::Cancel, &[]).expect("cancel");
    system.pass(100_000);
    assert_eq!(poll(&mut system), 0, "cancelled");
    system.ask(slot::TIMERS, timer::word::Arm, &[300_000, MINTED]).expect("arm");
    system.remove(MINTED).expect("the authority to signal goes");
    system.pass(100_000);
    assert_eq!(poll(&mut system), 0, "revoked");
}

#[test]
fn a_timer_wakes_an_idle_machine() {
    let mut system = with_signals();
    system.ask(slot::TIMERS, timer::word::Arm, &[50_000, MINTED]).expect("arm");
    let frame = a9n_hal::CallFrame {
        operation: notification::word::Wait,
        descriptor: SIGNALS,
        info: 0,
        words: [0; 6],
    };
    assert_eq!(system.call(system.init, frame), Reaction::Blocked);
    assert_eq!(system.current, None, "idle");
    system.pass(49_999);
    assert_eq!(system.current, None);
    system.pass(1);
    assert_eq!(system.current, Some(system.init));
    assert_eq!(system.answer(system.init).identifier, 0b1000);
}

#[test]
fn a_line_interrupts_again_only_after_it_was_acknowledged() {
    let mut system = with_signals();
    let line = Interrupt::Line(4);
    let make = [4, 0, slot::NODE, PORT];
    system.ask(slot::INTERRUPTS, interrupt_region::word::MakePort, &make).expect("port");
    let twice = [4, 0, slot::NODE, PORT + 1];
    let refused = system.ask(slot::INTERRUPTS, interrupt_region::word::MakePort, &twice);
    assert_eq!(reason(refused), Reason::Busy);
    system.ask(PORT, interrupt_port::word::Bind, &[MINTED]).expect("bind");
    assert!(!raise(&mut system, line), "masked to begin with");
    for _ in 0..2 {
        system.ask(PORT, interrupt_port::word::Acknowledge, &[]).expect("acknowledge");
        assert!(raise(&mut system, line));
        assert_eq!(poll(&mut system), 0b1000);
        assert!(!raise(&mut system, line), "masked until acknowledged");
    }
    system.ask(PORT, interrupt_port::word::Acknowledge, &[]).expect("acknowledge");
    system.remove(PORT).expect("remove");
    assert!(!raise(&mut system, line), "masked when its port goes");
    system.ask(slot::INTERRUPTS, interrupt_region::word::MakePort, &make).expect("again");
}

#[test]
fn messages_need_no_acknowledgement() {
    let mut system = with_signals();
    let make = [3, 1, slot::NODE, PORT];
    let words =
        system.ask(slot::INTERRUPTS, interrupt_region::word::MakePort, &make).expect("port");
    assert_eq!(words[..2], [0xfee0_0000, 3]);
    system.ask(PORT, interrupt_port::word::Bind, &[MINTED]).expect("bind");
    system.ask(PORT, interrupt_port::word::Acknowledge, &[]).expect("enable");
    for _ in 0..2 {
        assert!(raise(&mut system, Interrupt::Message(3)));
        assert_eq!(poll(&mut system), 0b1000);
    }
    for wrong in [[200, 0, slot::NODE, PORT + 1], [1, 2, slot::NODE, PORT + 1]] {
        let refused = system.ask(slot::INTERRUPTS, interrupt_region::word::MakePort, &wrong);
        assert_eq!(reason(refused), Reason::InvalidArgument);
    }
}

#[test]
fn io_ports_are_reached_within_their_range() {
    let mut system = with_signals();
    let narrow = [0x3f8, 8, slot::NODE, PORT];
    system.ask(slot::IO_PORTS, io_port::word::Narrow, &narrow).expect("narrow");
    system.ask(PORT, io_port::word::Write, &[0x3f8, 16, 0xbeef]).expect("write");
    assert_eq!(system.ask(PORT, io_port::word::Read, &[0x3f9, 8]).expect("read")[0], 0xbe);
    for (port, bits) in [(0x3f7, 8), (0x400, 8), (0x3ff, 16), (0x3fd, 32), (0x1_03f8, 8)] {
        let refused = system.ask(PORT, io_port::word::Read, &[port, bits]);
        assert_eq!(reason(refused), Reason::InvalidArgument, "{port:#x} {bits}");
    }
    let wider = system.ask(PORT, io_port::word::Narrow, &[0x3f8, 9, slot::NODE, PORT + 1]);
    assert_eq!(reason(wider), Reason::InvalidArgument);
    let copy = system.ask(slot::NODE, node::word::Copy, &[PORT + 1, PORT]);
    copy.expect("a range may be shared");
}
