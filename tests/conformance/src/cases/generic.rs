//! Memory and what is made from it.

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::{MessageInfo, generic};
use nun::capability::Capability;
use nun::syscall::kernel_call;
use nun::{
    AddressSpace, Culprit, Error, Frame, Generic, IpcPort, Node, NotificationPort, ObjectType,
    PageTable, Pcb, Rights,
};

use crate::test::Test;

cases!("generic": makes_every_object, clears_memory, aligns_and_never_overlaps, counts_what_is_used,
    refuses_what_does_not_fit, is_whole_again_after_revoke, checks_sizes, checks_destinations,
    makes_many_at_once, gives_generics, is_never_copied, names_wrong_types, can_be_moved);

fn makes_every_object(test: &mut Test) -> Verdict {
    fn check<T: Capability>(test: &mut Test, size_bits: u8) -> Verdict {
        let made: T = test.make(size_bits)?;
        let looked = test.node().look(made.into().index())?;
        check_eq!(looked, (T::TYPE as u64, Rights::all(), 0));
        Ok(())
    }
    check::<Generic>(test, 12)?;
    check::<Node>(test, 4)?;
    check::<Pcb>(test, 0)?;
    check::<AddressSpace>(test, 0)?;
    check::<PageTable>(test, 0)?;
    check::<Frame>(test, 14)?;
    check::<IpcPort>(test, 0)?;
    check::<NotificationPort>(test, 0)
}

fn clears_memory(test: &mut Test) -> Verdict {
    let small: Generic = test.make(14)?;
    for round in 0..3 {
        let (slot, address) = (test.slot(), test.room(4));
        small.convert(ObjectType::Frame, 14, 1, test.node(), slot)?;
        test.map_at(Frame::slot(slot), address, 4, READ_WRITE)?;
        let memory = nun::mapped::Mapped::in_workspace(address, 4 << 12);
        for offset in (0..4 << 12).step_by(8) {
            if memory.read(offset) != 0 {
                check_eq!((round, offset, memory.read(offset)), (round, offset, 0));
            }
            memory.write(offset, u64::MAX);
        }
        test.node().revoke(index(small))?;
    }
    Ok(())
}

fn aligns_and_never_overlaps(test: &mut Test) -> Verdict {
    let small: Generic = test.make(16)?;
    let (base, bits, ..) = small.information()?;
    let mut end = base;
    for size_bits in [12, 13, 12, 14] {
        // Something small in between spoils the alignment.
        let slot = test.slots(2);
        small.convert(ObjectType::IpcPort, 0, 1, test.node(), slot)?;
        small.convert(ObjectType::Frame, size_bits, 1, test.node(), slot + 1)?;
        let address = Frame::slot(slot + 1).address()?;
        check!(address.is_multiple_of(1 << size_bits));
        check!(address > end);
        end = address + (1 << size_bits);
        check!(end <= base + (1 << bits));
    }
    Ok(())
}

fn counts_what_is_used(test: &mut Test) -> Verdict {
    let small: Generic = test.make(16)?;
    let (address, size_bits, used, device) = small.information()?;
    check_eq!((size_bits, used, device), (16, 0, 0));
    check!(address.is_multiple_of(1 << 16));
    let slot = test.slots(2);
    small.convert(ObjectType::Frame, 12, 1, test.node(), slot)?;
    check_eq!(small.information()?.2, 4096);
    small.convert(ObjectType::IpcPort, 0, 1, test.node(), slot + 1)?;
    let used = small.information()?.2;
    check!(used > 4096 && used < 8192);
    test.node().remove(slot)?;
    check_eq!(small.information()?.2, used);
    test.node().remove(slot + 1)?;
    check_eq!(small.information()?.2, 0);
    Ok(())
}

fn refuses_what_does_not_fit(test: &mut Test) -> Verdict {
    let small: Generic = test.make(12)?;
    let slot = test.slots(2);
    let make = |object, bits, count, slot| small.convert(object, bits, count, test.node(), slot);
    let too_large = make(ObjectType::Frame, 13, 1, slot);
    check_refused!(too_large, NotEnoughMemory, Culprit::DESCRIPTOR);
    let too_many = make(ObjectType::Frame, 12, 2, slot);
    check_refused!(too_many, NotEnoughMemory, Culprit::DESCRIPTOR);
    // Nothing has been made or used up by that.
    check_eq!(test.node().look(slot)?.0, 0);
    check_eq!(make(ObjectType::Frame, 12, 1, slot), Ok(1));
    let full = make(ObjectType::IpcPort, 0, 1, slot + 1);
    check_refused!(full, NotEnoughMemory, Culprit::DESCRIPTOR);
    Ok(())
}

fn is_whole_again_after_revoke(test: &mut Test) -> Verdict {
    let small: Generic = test.make(14)?;
    let slot = test.slots(5);
    for _ in 0..3 {
        check_eq!(small.convert(ObjectType::Frame, 12, 4, test.node(), slot), Ok(4));
        let more = small.convert(ObjectType::Frame, 12, 1, test.node(), slot + 4);
        check_refused!(more, NotEnoughMemory, Culprit::DESCRIPTOR);
        test.node().revoke(index(small))?;
        for slot in slot..slot + 4 {
            check_eq!(test.node().look(slot)?.0, 0);
        }
    }
    Ok(())
}

fn checks_sizes(test: &mut Test) -> Verdict {
    let (generic, node, slot) = (test.generic(), test.node(), test.slot());
    let make = |object, bits, count| generic.convert(object, bits, count, node, slot);
    for object in [ObjectType::IpcPort, ObjectType::Pcb, ObjectType::PageTable] {
        check_refused!(make(object, 12, 1), InvalidArgument, 2);
    }
    for bits in [0, 11, 41, 63, 64, 256 + 12, u64::MAX] {
        check_refused!(make(ObjectType::Frame, bits, 1), InvalidArgument, 2);
    }
    for radix in [0, 25, 64, u64::MAX] {
        check_refused!(make(ObjectType::Node, radix, 1), InvalidArgument, 2);
    }
    for count in [0, 65, u64::MAX] {
        check_refused!(make(ObjectType::IpcPort, 0, count), InvalidArgument, 3);
    }
    Ok(())
}

fn checks_destinations(test: &mut Test) -> Verdict {
    let (generic, node) = (test.generic(), test.node());
    let small: Node = test.make(2)?;
    let make = |node, count, slot| generic.convert(ObjectType::IpcPort, 0, count, node, slot);
    check_refused!(make(Node::at(generic.into()), 1, 1), InvalidDescriptor, 4);
    check_refused!(make(Node::slot(4000), 1, 1), InvalidDescriptor, 4);
    check_refused!(make(node, 1, index(generic)), Occupied, 5);
    check_refused!(make(small, 1, 0), InvalidArgument, 5);
    check_refused!(make(small, 1, 4), InvalidArgument, 5);
    check_refused!(make(small, 2, 3), InvalidArgument, 5);
    check_refused!(make(small, 1, 1 << 58), InvalidArgument, 5);
    check_refused!(make(small, 2, u64::MAX), InvalidArgument, 5);
    let reader = test.mint(small, Rights::READ, 0)?;
    check_refused!(make(reader, 1, 1), PermissionDenied, 4);
    check_eq!(make(small, 3, 1), Ok(3));
    Ok(())
}

fn makes_many_at_once(test: &mut Test) -> Verdict {
    let slot = test.slots(65);
    let made = test.generic().convert(ObjectType::IpcPort, 0, 64, test.node(), slot)?;
    check!((8..=64).contains(&made));
    for slot in slot..slot + made {
        check_eq!(test.node().look(slot)?.0, ObjectType::IpcPort as u64);
    }
    check_eq!(test.node().look(slot + made)?.0, 0);
    Ok(())
}

fn gives_generics(test: &mut Test) -> Verdict {
    let outer: Generic = test.make(14)?;
    let slot = test.slots(4);
    outer.convert(ObjectType::Generic, 13, 2, test.node(), slot)?;
    let (first, second) = (Generic::slot(slot), Generic::slot(slot + 1));
    let (one, two) = (first.information()?, second.information()?);
    check_eq!((one.1, two.1), (13, 13));
    check_eq!(one.0.abs_diff(two.0), 1 << 13);
    first.convert(ObjectType::Frame, 12, 2, test.node(), slot + 2)?;
    let frames = [2, 3].map(|number| Frame::slot(slot + number).address());
    check_eq!(frames, [Ok(one.0), Ok(one.0 + 4096)]);
    // What was made from the inner one goes with the outer one.
    test.node().revoke(index(outer))?;
    check_eq!(test.node().look(slot + 2)?.0, 0);
    check_eq!(outer.information()?.2, 0);
    Ok(())
}

fn is_never_copied(test: &mut Test) -> Verdict {
    let (generic, node, slot) = (test.generic(), test.node(), test.slot());
    check_refused!(node.copy(slot, generic), PermissionDenied, 2);
    check_refused!(node.mint(slot, generic, Rights::all(), 0), PermissionDenied, 2);
    Ok(())
}

fn names_wrong_types(test: &mut Test) -> Verdict {
    let (generic, node, slot) = (test.generic(), test.node(), test.slot());
    for object in [ObjectType::Reply, ObjectType::Window, ObjectType::IoPort, ObjectType::Timer] {
        check_refused!(generic.convert(object, 0, 1, node, slot), InvalidArgument, 1);
    }
    for number in [0, 99, 256 + ObjectType::IpcPort as u64, u64::MAX] {
        let words = [number, 0, 1, node.descriptor().0, slot, 0];
        let info = MessageInfo::default();
        let answer = kernel_call(generic::word::Convert, generic.into(), info, words);
        let result = Error::from_label(answer.info.label()).map_or(Ok(()), Err);
        check_refused!(result, InvalidArgument, 1);
    }
    Ok(())
}

fn can_be_moved(test: &mut Test) -> Verdict {
    let small: Generic = test.make(13)?;
    let (to, slot) = (test.slot(), test.slots(2));
    small.convert(ObjectType::Frame, 12, 1, test.node(), slot)?;
    test.node().move_from(to, small)?;
    let moved = Generic::slot(to);
    // It remembers what it gave, and still owns it.
    check_eq!(moved.information()?.2, 4096);
    moved.convert(ObjectType::Frame, 12, 1, test.node(), slot + 1)?;
    check!(Frame::slot(slot).address()? != Frame::slot(slot + 1).address()?);
    test.node().revoke(to)?;
    check_eq!(test.node().look(slot)?.0, 0);
    Ok(())
}
