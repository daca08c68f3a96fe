//! What drivers need: I/O ports, interrupts, device memory.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::init::slot;
use nun::{
    Access, Frame, Generic, InterruptPort, InterruptRegion, IoPort, MemoryType, NotificationPort,
    ObjectType, Rights,
};

use crate::test::Test;

cases!("device": ports_are_read_and_written, ports_are_narrowed, ports_are_checked,
    interrupts_come_to_their_port, one_port_an_interrupt, device_memory_is_frames_only);

const ALL_PORTS: IoPort = IoPort::slot(slot::IO_PORTS);
const INTERRUPTS: InterruptRegion = InterruptRegion::slot(slot::INTERRUPTS);

/// The scratch register of the first serial port: it holds what is written to it.
const SCRATCH: u64 = 0x3ff;

fn ports_are_read_and_written(_test: &mut Test) -> Verdict {
    for value in [0x5a, 0xa5, 0] {
        ALL_PORTS.write(SCRATCH, 8, value)?;
        check_eq!(ALL_PORTS.read(SCRATCH, 8), Ok(value));
    }
    Ok(())
}

fn ports_are_narrowed(test: &mut Test) -> Verdict {
    let slots = test.slots(2);
    let (serial, scratch) = (IoPort::slot(slots), IoPort::slot(slots + 1));
    ALL_PORTS.narrow(0x3f8, 8, test.node(), slots)?;
    serial.narrow(SCRATCH, 1, test.node(), slots + 1)?;
    scratch.write(SCRATCH, 8, 0x77)?;
    check_eq!(serial.read(SCRATCH, 8), Ok(0x77));
    check_refused!(scratch.read(SCRATCH - 1, 8), InvalidArgument, 1);
    check_refused!(scratch.write(SCRATCH + 1, 8, 0), InvalidArgument, 1);
    check_refused!(serial.read(SCRATCH, 16), InvalidArgument, 1);
    check_refused!(serial.narrow(0x3f8, 9, test.node(), slots), InvalidArgument, 2);
    check_refused!(serial.narrow(0x3f7, 1, test.node(), slots), InvalidArgument, 1);
    check_refused!(serial.narrow(0x3f8, 0, test.node(), slots), InvalidArgument, 2);
    check_refused!(serial.narrow(0x3f8, u64::MAX, test.node(), slots), InvalidArgument, 2);
    check_refused!(serial.narrow(0x3f8, 1, test.node(), slots), Occupied, 4);
    // The narrower one is derived from the wider.
    test.node().remove(slots)?;
    check_eq!(test.node().look(slots + 1)?.0, 0);
    Ok(())
}

fn ports_are_checked(test: &mut Test) -> Verdict {
    for port in [0x1_0000, 0xffff_0000_03ff, u64::MAX] {
        check_refused!(ALL_PORTS.read(port, 8), InvalidArgument, 1);
    }
    check_refused!(ALL_PORTS.read(0xffff, 16), InvalidArgument, 1);
    for bits in [0, 1, 24, 64, 256 + 8] {
        check_refused!(ALL_PORTS.read(SCRATCH, bits), InvalidArgument, 2);
    }
    let slot = test.slot();
    ALL_PORTS.narrow(SCRATCH, 1, test.node(), slot)?;
    test.node().demote(slot, Rights::READ)?;
    let write = IoPort::slot(slot).write(SCRATCH, 8, 1);
    check_refused!(write, PermissionDenied, nun::Culprit::DESCRIPTOR);
    Ok(())
}

/// The periodic interrupt of the real-time clock, line 8.
fn interrupts_come_to_their_port(test: &mut Test) -> Verdict {
    const LINE: u64 = 8;
    let signal: NotificationPort = test.make(0)?;
    let bell = test.mint(signal, Rights::WRITE, 2)?;
    let slot = test.slot();
    INTERRUPTS.make_port(LINE, 0, test.node(), slot)?;
    let port = InterruptPort::slot(slot);
    check_eq!(port.information(), Ok(LINE));
    let clock = |register, value| {
        ALL_PORTS.write(0x70, 8, register)?;
        ALL_PORTS.write(0x71, 8, value)
    };
    let acknowledge_clock = || {
        ALL_PORTS.write(0x70, 8, 0xc)?;
        ALL_PORTS.read(0x71, 8)
    };
    port.bind(bell)?;
    port.acknowledge()?;
    // 8 times a second is the slowest that is still quick here; 64 it is.
    clock(0xa, 0x2a)?;
    clock(0xb, 0x42)?;
    for _ in 0..3 {
        check_eq!(signal.wait(), Ok(2));
        acknowledge_clock()?;
        port.acknowledge()?;
    }
    // Without acknowledgement no more come.
    check_eq!(signal.wait(), Ok(2));
    acknowledge_clock()?;
    let end = nun::ticks() + test.init().ticks_per_second / 8;
    while nun::ticks() < end {
        nun::yield_now()?;
    }
    check_eq!(signal.poll(), Ok(0));
    clock(0xb, 0x02)?;
    Ok(())
}

fn one_port_an_interrupt(test: &mut Test) -> Verdict {
    let slots = test.slots(2);
    INTERRUPTS.make_port(9, 0, test.node(), slots)?;
    check_refused!(INTERRUPTS.make_port(9, 0, test.node(), slots + 1), Busy, 1);
    check_refused!(INTERRUPTS.make_port(9, 7, test.node(), slots + 1), InvalidArgument, 2);
    check_refused!(INTERRUPTS.make_port(999, 0, test.node(), slots + 1), InvalidArgument, 1);
    test.node().remove(slots)?;
    check_eq!(INTERRUPTS.make_port(9, 0, test.node(), slots), Ok((0, 0)));
    // A message needs an address and data to be sent to.
    let (address, data) = INTERRUPTS.make_port(0, 1, test.node(), slots + 1)?;
    check!(address >> 20 == 0xfee && data != 0);
    test.node().remove(slots)?;
    test.node().remove(slots + 1)?;
    Ok(())
}

fn device_memory_is_frames_only(test: &mut Test) -> Verdict {
    let device = test.init().generics().iter().find(|generic| generic.device == 1);
    let Some(device) = device.copied() else {
        let text = format_args!("init has no device memory");
        return Err(Failure::new(file!(), line!(), text));
    };
    let (generic, slot) = (Generic::slot(device.slot.into()), test.slot());
    check_eq!(generic.information()?.3, 1);
    for object in [ObjectType::IpcPort, ObjectType::PageTable, ObjectType::Pcb] {
        check_refused!(generic.convert(object, 0, 1, test.node(), slot), InvalidArgument, 1);
    }
    check_refused!(generic.convert(ObjectType::Node, 4, 1, test.node(), slot), InvalidArgument, 1);
    generic.convert(ObjectType::Frame, 12, 1, test.node(), slot)?;
    let frame = Frame::slot(slot);
    check_eq!(frame.information(), Ok((12, 1)));
    // It is not mapped as ordinary memory, and cannot be an IPC buffer.
    let (_, ordinary, memory) = test.page(READ_WRITE)?;
    let address = memory.address();
    ordinary.unmap(address, 1)?;
    let window = test.attach(frame, address, 1)?;
    let normal = window.map(address, 0, 1, READ_WRITE, MemoryType::Normal);
    check_refused!(normal, InvalidArgument, 5);
    let pcb: nun::Pcb = test.make(0)?;
    let buffer = pcb.configure_spaces(nun::Descriptor::NULL, nun::Descriptor::NULL, frame);
    check_refused!(buffer, InvalidDescriptor, 3);
    check_eq!(window.map(address, 0, 1, Access::READ, MemoryType::Device), Ok(1));
    test.node().remove(index(frame))?;
    Ok(())
}
