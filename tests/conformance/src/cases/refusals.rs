//! Refusals that no other case is about: what a capability lacks, how deep a derivation may be, what
//! is wrong in a batch. After each the same request is made rightly, so it was refused for nothing
//! else and nothing was changed.

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::MappingRun;
use nun::abi::init::{INIT_NODE_RADIX, slot};
use nun::{
    AddressSpace, Culprit, Descriptor, Error, Frame, Generic, InterruptPort, InterruptRegion,
    IoPort, IpcPort, MemoryType, Node, NotificationPort, ObjectType, PageTable, Pcb, Reason,
    Rights, Timer, VectorState, Window, buffer, ticks,
};

use crate::bodies;
use crate::test::Test;

cases!("refusals": reserved_objects_are_not_made, generics_are_only_so_deep, objects_are_only_so_deep,
    processes_are_given_nothing_so_deep, vector_states_are_only_so_deep,
    regions_are_only_so_deep, nodes_without_the_right_to_write, nodes_without_such_a_slot,
    spaces_without_rights, ports_without_rights, notifications_have_one_process,
    vector_states_without_rights, states_without_rights, tables_are_tables,
    batches_are_not_too_long, batches_need_a_window, batches_keep_to_their_window,
    batches_keep_to_its_rights, batches_need_tables, batches_do_not_overwrite,
    interrupt_ports_need_a_place, io_ports_need_a_place, io_ports_have_widths,
    signals_need_the_right_to_write);

const INTERRUPTS: InterruptRegion = InterruptRegion::slot(slot::INTERRUPTS);
const ALL_PORTS: IoPort = IoPort::slot(slot::IO_PORTS);
/// An address that nothing else is near.
const FAR: u64 = 0x2345_6789_a000;

fn reserved_objects_are_not_made(test: &mut Test) -> Verdict {
    let (generic, node, slot) = (test.generic(), test.node(), test.slot());
    for object in [ObjectType::DmaDomain, ObjectType::VirtualPageTable] {
        check_refused!(generic.convert(object, 0, 1, node, slot), NotImplemented, 1);
    }
    check_eq!(generic.convert(ObjectType::IpcPort, 0, 1, node, slot), Ok(1));
    Ok(())
}

/// A Generic as deep as one can be that something can still be made from, all of it free.
fn deep_generic(test: &mut Test) -> Result<Generic, Error> {
    const BITS: u64 = 14;
    let mut last: Generic = test.make(BITS as u8)?;
    let mut before = last;
    loop {
        let slot = test.slot();
        match last.convert(ObjectType::Generic, BITS, 1, test.node(), slot) {
            Ok(_) => (before, last) = (last, Generic::slot(slot)),
            Err(Error { reason: Reason::TooDeep, .. }) => break,
            Err(error) => return Err(error),
        }
    }
    test.node().remove(index(last))?;
    Ok(before)
}

fn generics_are_only_so_deep(test: &mut Test) -> Verdict {
    let before = deep_generic(test)?;
    let (node, slot, more) = (test.node(), test.slot(), test.slot());
    check_eq!(before.convert(ObjectType::Generic, 13, 1, node, slot), Ok(1));
    let last = Generic::slot(slot);
    check_refused!(
        last.convert(ObjectType::IpcPort, 0, 1, node, more),
        TooDeep,
        Culprit::DESCRIPTOR
    );
    check_eq!(node.look(more)?.0, 0);
    Ok(())
}

fn objects_are_only_so_deep(test: &mut Test) -> Verdict {
    let before = deep_generic(test)?;
    let (node, first, more) = (test.node(), test.slots(3), test.slot());
    before.convert(ObjectType::Frame, 12, 1, node, first)?;
    before.convert(ObjectType::NotificationPort, 0, 1, node, first + 1)?;
    let (frame, signal) = (Frame::slot(first), NotificationPort::slot(first + 1));
    let space = test.space();
    check_refused!(frame.attach(space, FAR, 12, node, more), TooDeep, Culprit::DESCRIPTOR);
    check_refused!(node.copy(more, signal), TooDeep, 2);
    check_refused!(node.mint(more, signal, Rights::all(), 1), TooDeep, 2);
    check_refused!(Timer::slot(slot::TIMERS).arm(ticks(), signal), TooDeep, 2);
    INTERRUPTS.make_port(9, 0, node, more)?;
    check_refused!(InterruptPort::slot(more).bind(signal), TooDeep, 1);
    let pcb: Pcb = test.make(0)?;
    check_refused!(pcb.configure_ports(Descriptor::NULL, signal), TooDeep, 2);
    // It is as good as any other for everything else.
    check_eq!(signal.poll(), Ok(0));
    Ok(())
}

fn processes_are_given_nothing_so_deep(test: &mut Test) -> Verdict {
    let before = deep_generic(test)?;
    let (node, first) = (test.node(), test.slots(4));
    before.convert(ObjectType::AddressSpace, 0, 1, node, first)?;
    before.convert(ObjectType::Frame, 12, 1, node, first + 1)?;
    before.convert(ObjectType::Node, 4, 1, node, first + 2)?;
    before.convert(ObjectType::IpcPort, 0, 1, node, first + 3)?;
    let deep = (AddressSpace::slot(first), Node::slot(first + 2), Frame::slot(first + 1));
    let (space, frame): (AddressSpace, Frame) = (test.make(0)?, test.make(12)?);
    let pcb: Pcb = test.make(0)?;
    check_refused!(pcb.configure_spaces(deep.0, node, frame), TooDeep, 1);
    check_refused!(pcb.configure_spaces(space, deep.1, frame), TooDeep, 2);
    check_refused!(pcb.configure_spaces(space, node, deep.2), TooDeep, 3);
    check_eq!(pcb.configure_spaces(space, node, frame), Ok(()));
    let port = IpcPort::slot(first + 3);
    check_refused!(pcb.configure_ports(port, Descriptor::NULL), TooDeep, 1);
    let shallow: IpcPort = test.make(0)?;
    check_eq!(pcb.configure_ports(shallow, Descriptor::NULL), Ok(()));
    Ok(())
}

fn vector_states_are_only_so_deep(test: &mut Test) -> Verdict {
    let before = deep_generic(test)?;
    let slot = test.slot();
    before.convert(ObjectType::VectorState, 0, 1, test.node(), slot)?;
    let (pcb, shallow): (Pcb, VectorState) = (test.make(0)?, test.make(0)?);
    check_refused!(pcb.configure_vector(VectorState::slot(slot)), TooDeep, 1);
    check_eq!(pcb.configure_vector(shallow), Ok(()));
    Ok(())
}

fn regions_are_only_so_deep(test: &mut Test) -> Verdict {
    let node = test.node();
    for source in [INTERRUPTS.descriptor(), ALL_PORTS.descriptor()] {
        let first = test.slot();
        node.mint(first, source, Rights::all(), 0)?;
        let mut last = Descriptor::slot(first);
        loop {
            let slot = test.slot();
            match node.mint(slot, last, Rights::all(), 0) {
                Ok(()) => last = Descriptor::slot(slot),
                Err(Error { reason: Reason::TooDeep, .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let slot = test.slot();
        if source == INTERRUPTS.descriptor() {
            let region = InterruptRegion::at(last);
            check_refused!(region.make_port(9, 0, node, slot), TooDeep, Culprit::DESCRIPTOR);
        } else {
            let ports = IoPort::at(last);
            check_refused!(ports.narrow(0x3f8, 8, node, slot), TooDeep, Culprit::DESCRIPTOR);
        }
        check_eq!(node.look(slot)?.0, 0);
        // The next chain has room in the case's slots, too.
        node.remove(first)?;
    }
    Ok(())
}

/// A node of four slots with a port in slot 1, and the way to that through a capability to the node
/// that has `rights` only.
fn guarded(test: &mut Test, rights: Rights) -> Result<(Node, Descriptor), Error> {
    let (inner, port): (Node, IpcPort) = (test.make(2)?, test.make(0)?);
    inner.copy(1, port)?;
    let guard = test.mint(inner, rights, 0)?;
    Ok((inner, Descriptor::path(index(guard) << 2 | 1, INIT_NODE_RADIX as u8 + 2)))
}

fn nodes_without_the_right_to_write(test: &mut Test) -> Verdict {
    let (inner, way) = guarded(test, Rights::READ)?;
    let (node, slot, other): (Node, u64, IpcPort) = (test.node(), test.slot(), test.make(0)?);
    check_refused!(node.move_from(slot, way), PermissionDenied, 2);
    check_refused!(node.exchange(index(other), way), PermissionDenied, 2);
    check_eq!(inner.look(1)?.0, ObjectType::IpcPort as u64);
    let frame: Frame = test.make(12)?;
    let reader = test.mint(inner, Rights::READ, 0)?;
    let space = test.space();
    check_refused!(frame.attach(space, FAR, 12, reader, 2), PermissionDenied, 4);
    check_eq!(frame.attach(space, FAR, 12, inner, 2), Ok(()));
    let (_, way) = guarded(test, Rights::READ | Rights::WRITE)?;
    check_eq!(node.move_from(slot, way), Ok(()));
    Ok(())
}

fn nodes_without_such_a_slot(test: &mut Test) -> Verdict {
    let (small, port): (Node, IpcPort) = (test.make(2)?, test.make(0)?);
    check_refused!(small.demote(4, Rights::READ), InvalidArgument, 1);
    check_refused!(small.demote(3, Rights::READ), InvalidDescriptor, 1);
    check_refused!(small.exchange(4, port), InvalidArgument, 1);
    small.copy(3, port)?;
    check_eq!(small.demote(3, Rights::READ), Ok(()));
    check_eq!(small.exchange(3, port), Ok(()));
    Ok(())
}

fn spaces_without_rights(test: &mut Test) -> Verdict {
    let pcb: Pcb = test.make(0)?;
    let frame: Frame = test.make(12)?;
    let (none, write) = (Rights::COPY, Rights::WRITE);
    let (space, node) = (test.space(), test.node());
    let space = test.mint(space, none, 0)?;
    let node = test.mint(node, write, 0)?;
    let reader = test.mint(frame, Rights::READ, 0)?;
    let null = Descriptor::NULL;
    check_refused!(pcb.configure_spaces(space, null, null), PermissionDenied, 1);
    check_refused!(pcb.configure_spaces(null, node, null), PermissionDenied, 2);
    check_refused!(pcb.configure_spaces(null, null, reader), PermissionDenied, 3);
    check_refused!(pcb.resume(), Incomplete, Culprit::DESCRIPTOR);
    check_eq!(pcb.configure_spaces(test.space(), test.node(), frame), Ok(()));
    Ok(())
}

fn ports_without_rights(test: &mut Test) -> Verdict {
    let pcb: Pcb = test.make(0)?;
    let (port, signal): (IpcPort, NotificationPort) = (test.make(0)?, test.make(0)?);
    let receiver = test.mint(port, Rights::READ, 0)?;
    let signaller = test.mint(signal, Rights::WRITE, 1)?;
    let null = Descriptor::NULL;
    check_refused!(pcb.configure_ports(receiver, null), PermissionDenied, 1);
    check_refused!(pcb.configure_ports(null, signaller), PermissionDenied, 2);
    check_eq!(pcb.configure_ports(port, signal), Ok(()));
    Ok(())
}

fn notifications_have_one_process(test: &mut Test) -> Verdict {
    let (one, other): (Pcb, Pcb) = (test.make(0)?, test.make(0)?);
    let signal: NotificationPort = test.make(0)?;
    one.configure_ports(Descriptor::NULL, signal)?;
    check_refused!(other.configure_ports(Descriptor::NULL, signal), Busy, 2);
    test.node().remove(index(one))?;
    check_eq!(other.configure_ports(Descriptor::NULL, signal), Ok(()));
    Ok(())
}

fn vector_states_without_rights(test: &mut Test) -> Verdict {
    let (pcb, state): (Pcb, VectorState) = (test.make(0)?, test.make(0)?);
    test.node().demote(index(state), Rights::READ)?;
    check_refused!(pcb.configure_vector(state), PermissionDenied, 1);
    let state: VectorState = test.make(0)?;
    check_eq!(pcb.configure_vector(state), Ok(()));
    Ok(())
}

fn states_without_rights(test: &mut Test) -> Verdict {
    let from = test.thread(bodies::visit, 1)?;
    let (to, blind): (Pcb, Pcb) = (test.make(0)?, test.mint(from, Rights::WRITE, 0)?);
    check_refused!(to.clone_state(blind), PermissionDenied, 1);
    check_refused!(to.clone_state(test.space()), InvalidDescriptor, 1);
    check_eq!(to.clone_state(from), Ok(()));
    Ok(())
}

fn tables_are_tables(test: &mut Test) -> Verdict {
    let (space, frame): (AddressSpace, Frame) = (test.make(0)?, test.make(12)?);
    check_refused!(space.add_table(frame), InvalidDescriptor, 1);
    let table: PageTable = test.make(0)?;
    check_eq!(space.add_table(table), Ok(()));
    check_refused!(space.add_table(table), Busy, 1);
    Ok(())
}

fn batches_are_not_too_long(test: &mut Test) -> Verdict {
    let space = test.space();
    check_refused!(space.map_many(101), InvalidArgument, 1);
    check_refused!(space.unmap_many(101), InvalidArgument, 1);
    check_refused!(space.protect_many(u64::MAX), InvalidArgument, 1);
    check_eq!(space.unmap_many(0), Ok((0, 0)));
    Ok(())
}

/// Two pages of a frame, mapped, with their window and address.
fn mapped(test: &mut Test) -> Result<(Frame, Window, u64), Error> {
    let (frame, address): (Frame, u64) = (test.make(13)?, test.room(2));
    let window = test.map_at(frame, address, 2, READ_WRITE)?;
    Ok((frame, window, address))
}

fn batches_need_a_window(test: &mut Test) -> Verdict {
    let (frame, window, address) = mapped(test)?;
    let space = test.space();
    buffer().set_run(0, MappingRun::new(address, frame.into(), 0, 1, READ_WRITE));
    check_refused!(space.map_many(1), InvalidDescriptor, Culprit::IPC_BUFFER);
    check_refused!(space.unmap_many(1), InvalidDescriptor, Culprit::IPC_BUFFER);
    check_refused!(space.protect_many(1), InvalidDescriptor, Culprit::IPC_BUFFER);
    buffer().set_run(0, MappingRun::new(address, window.into(), 0, 1, READ_WRITE));
    check_eq!(space.unmap_many(1), Ok((1, 0)));
    Ok(())
}

fn batches_keep_to_their_window(test: &mut Test) -> Verdict {
    let (_, window, address) = mapped(test)?;
    let space = test.space();
    // An address outside the range, and a page past the frame.
    buffer().set_run(0, MappingRun::new(address + (1 << 30), window.into(), 0, 1, READ_WRITE));
    check_refused!(space.map_many(1), InvalidArgument, Culprit::IPC_BUFFER);
    check_refused!(space.unmap_many(1), InvalidArgument, Culprit::IPC_BUFFER);
    check_refused!(space.protect_many(1), InvalidArgument, Culprit::IPC_BUFFER);
    buffer().set_run(0, MappingRun::new(address, window.into(), 2, 1, READ_WRITE));
    check_refused!(space.map_many(1), InvalidArgument, Culprit::IPC_BUFFER);
    buffer().set_run(0, MappingRun::new(address, window.into(), 1, 1, READ_WRITE));
    check_eq!(space.protect_many(1), Ok((1, 0)));
    Ok(())
}

fn batches_keep_to_its_rights(test: &mut Test) -> Verdict {
    let (frame, _, _) = mapped(test)?;
    let reader = test.mint(frame, Rights::READ, 0)?;
    let address = test.room(1);
    let window = test.map_at(reader, address, 1, nun::Access::READ)?;
    let space = test.space();
    buffer().set_run(0, MappingRun::new(address, window.into(), 0, 1, READ_WRITE));
    check_refused!(space.map_many(1), PermissionDenied, Culprit::IPC_BUFFER);
    check_refused!(space.protect_many(1), PermissionDenied, Culprit::IPC_BUFFER);
    check_eq!(space.translate(address), Ok((1, nun::Access::READ)));
    buffer().set_run(0, MappingRun::new(address, window.into(), 0, 1, nun::Access::READ));
    check_eq!(space.protect_many(1), Ok((1, 0)));
    Ok(())
}

fn batches_need_tables(test: &mut Test) -> Verdict {
    let (space, frame, slot): (AddressSpace, Frame, u64) =
        (test.make(0)?, test.make(12)?, test.slot());
    frame.attach(space, FAR, 12, test.node(), slot)?;
    let window = Descriptor::slot(slot);
    buffer().set_run(0, MappingRun::new(FAR, window, 0, 1, READ_WRITE));
    check_refused!(space.map_many(1), MissingTable, Culprit::IPC_BUFFER);
    for _ in 0..3 {
        let table: PageTable = test.make(0)?;
        space.add_table(table)?;
    }
    check_eq!(space.map_many(1), Ok((1, 0)));
    Ok(())
}

fn batches_do_not_overwrite(test: &mut Test) -> Verdict {
    let (_, _, address) = mapped(test)?;
    let other: Frame = test.make(12)?;
    let window = test.attach(other, address, 1)?;
    let space = test.space();
    buffer().set_run(0, MappingRun::new(address, window.into(), 0, 1, READ_WRITE));
    check_refused!(space.map_many(1), Occupied, Culprit::IPC_BUFFER);
    check_refused!(window.map(address, 0, 1, READ_WRITE, MemoryType::Normal), Occupied, 1);
    Ok(())
}

fn interrupt_ports_need_a_place(test: &mut Test) -> Verdict {
    let (node, slot) = (test.node(), test.slot());
    let (small, port): (Node, IpcPort) = (test.make(2)?, test.make(0)?);
    let reader = test.mint(small, Rights::READ, 0)?;
    check_refused!(INTERRUPTS.make_port(9, 0, port, slot), InvalidDescriptor, 3);
    check_refused!(INTERRUPTS.make_port(9, 0, reader, 1), PermissionDenied, 3);
    check_refused!(INTERRUPTS.make_port(9, 0, small, 4), InvalidArgument, 4);
    check_refused!(INTERRUPTS.make_port(9, 0, node, index(port)), Occupied, 4);
    check!(INTERRUPTS.make_port(9, 0, node, slot).is_ok());
    Ok(())
}

fn io_ports_need_a_place(test: &mut Test) -> Verdict {
    let (node, slot) = (test.node(), test.slot());
    let (small, port): (Node, IpcPort) = (test.make(2)?, test.make(0)?);
    let reader = test.mint(small, Rights::READ, 0)?;
    check_refused!(ALL_PORTS.narrow(0x3f8, 8, port, slot), InvalidDescriptor, 3);
    check_refused!(ALL_PORTS.narrow(0x3f8, 8, reader, 1), PermissionDenied, 3);
    check_refused!(ALL_PORTS.narrow(0x3f8, 8, small, 4), InvalidArgument, 4);
    check_refused!(ALL_PORTS.narrow(0x3f8, 8, node, index(port)), Occupied, 4);
    check_eq!(ALL_PORTS.narrow(0x3f8, 8, node, slot), Ok(()));
    Ok(())
}

fn io_ports_have_widths(_test: &mut Test) -> Verdict {
    for bits in [0, 1, 24, 64, u64::MAX] {
        check_refused!(ALL_PORTS.read(0x3ff, bits), InvalidArgument, 2);
        check_refused!(ALL_PORTS.write(0x3ff, bits, 0), InvalidArgument, 2);
    }
    check_eq!(ALL_PORTS.write(0x3ff, 8, 0), Ok(()));
    Ok(())
}

fn signals_need_the_right_to_write(test: &mut Test) -> Verdict {
    let (signal, slot): (NotificationPort, u64) = (test.make(0)?, test.slot());
    let reader = test.mint(signal, Rights::READ, 0)?;
    INTERRUPTS.make_port(9, 0, test.node(), slot)?;
    let port = InterruptPort::slot(slot);
    check_refused!(port.bind(reader), PermissionDenied, 1);
    check_refused!(Timer::slot(slot::TIMERS).arm(ticks(), reader), PermissionDenied, 2);
    check_eq!(port.bind(signal), Ok(()));
    Ok(())
}
