//! Nodes: copying, minting, moving and removing capabilities.

use a9n_cases::{Verdict, cases, check_eq, check_refused, index};
use nun::{Descriptor, IpcPort, Node, NotificationPort, ObjectType, Rights};

use crate::test::Test;

cases!("node": copies_and_looks, mints_with_fewer_rights, gives_an_identifier_once,
    copies_only_with_the_right, mints_only_with_the_right, moves, exchanges, demotes, removes,
    checks_slots, holds_itself, holds_itself_only, is_emptied_when_it_dies);

const PORT: u64 = ObjectType::IpcPort as u64;
const NOTHING: (u64, Rights, u64) = (0, Rights::empty(), 0);

fn copies_and_looks(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    check_eq!(test.node().look(slot), Ok(NOTHING));
    test.node().copy(slot, port)?;
    check_eq!(test.node().look(slot), Ok((PORT, Rights::all(), 0)));
    check_eq!(test.node().look(index(port)), Ok((PORT, Rights::all(), 0)));
    Ok(())
}

fn mints_with_fewer_rights(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let some = Rights::READ | Rights::COPY | Rights::MODIFY;
    let fewer = test.mint(port, some, 0)?;
    check_eq!(test.node().look(index(fewer)), Ok((PORT, some, 0)));
    // All of what it has is not more than it has.
    let same = test.mint(fewer, Rights::all(), 0)?;
    check_eq!(test.node().look(index(same)), Ok((PORT, some, 0)));
    Ok(())
}

fn gives_an_identifier_once(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let five = test.mint(port, Rights::all(), 5)?;
    check_eq!(test.node().look(index(five))?.2, 5);
    let slot = test.slot();
    let other = test.node().mint(slot, five, Rights::all(), 6);
    check_refused!(other, InvalidArgument, 4);
    let kept = test.mint(five, Rights::all(), 0)?;
    check_eq!(test.node().look(index(kept))?.2, 5);
    let node = test.node().mint(slot, test.node(), Rights::all(), 1);
    check_refused!(node, InvalidArgument, 4);
    Ok(())
}

fn copies_only_with_the_right(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    let fixed = test.mint(port, Rights::all() - Rights::COPY, 0)?;
    check_refused!(test.node().copy(slot, fixed), PermissionDenied, 2);
    check_refused!(test.node().mint(slot, fixed, Rights::READ, 0), PermissionDenied, 2);
    check_eq!(test.node().look(slot), Ok(NOTHING));
    Ok(())
}

fn mints_only_with_the_right(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    let plain = test.mint(port, Rights::all() - Rights::MODIFY, 0)?;
    check_refused!(test.node().mint(slot, plain, Rights::READ, 0), PermissionDenied, 2);
    check_eq!(test.node().copy(slot, plain), Ok(()));
    Ok(())
}

fn moves(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let named = test.mint(port, Rights::READ | Rights::WRITE, 9)?;
    let slot = test.slot();
    test.node().move_from(slot, named)?;
    check_eq!(test.node().look(slot), Ok((PORT, Rights::READ | Rights::WRITE, 9)));
    check_eq!(test.node().look(index(named)), Ok(NOTHING));
    Ok(())
}

fn exchanges(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let named = test.mint(port, Rights::READ | Rights::COPY | Rights::MODIFY, 9)?;
    let child = test.mint(named, Rights::READ, 0)?;
    let signal: NotificationPort = test.make(0)?;
    test.node().exchange(index(named), signal)?;
    check_eq!(test.node().look(index(signal))?.2, 9);
    check_eq!(test.node().look(index(named))?.0, ObjectType::NotificationPort as u64);
    // Families come along.
    test.node().revoke(index(named))?;
    check_eq!(test.node().look(index(child))?.2, 9);
    test.node().revoke(index(signal))?;
    check_eq!(test.node().look(index(child)), Ok(NOTHING));
    // Parent and child.
    let parent: IpcPort = test.make(0)?;
    let child = test.mint(parent, Rights::all(), 4)?;
    test.node().exchange(index(parent), child)?;
    test.node().revoke(index(child))?;
    check_eq!(test.node().look(index(parent)), Ok(NOTHING));
    check_eq!(test.node().look(index(child)), Ok((PORT, Rights::all(), 0)));
    let empty = test.slot();
    let nothing = test.node().exchange(index(child), Descriptor::slot(empty));
    check_refused!(nothing, InvalidDescriptor, 2);
    check_refused!(test.node().exchange(empty, child), InvalidDescriptor, 1);
    Ok(())
}

fn demotes(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let slot = index(test.mint(port, Rights::READ | Rights::WRITE, 0)?);
    test.node().demote(slot, Rights::WRITE | Rights::COPY)?;
    check_eq!(test.node().look(slot)?.1, Rights::WRITE);
    check_refused!(IpcPort::slot(slot).try_receive(), PermissionDenied, nun::Culprit::DESCRIPTOR);
    Ok(())
}

fn removes(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let named = test.mint(port, Rights::all(), 3)?;
    test.node().remove(index(named))?;
    check_eq!(test.node().look(index(named)), Ok(NOTHING));
    check_eq!(test.node().look(index(port))?.0, PORT);
    check_refused!(test.node().remove(index(named)), InvalidDescriptor, 1);
    Ok(())
}

fn checks_slots(test: &mut Test) -> Verdict {
    let (node, empty): (Node, u64) = (test.make(2)?, test.slot());
    let port: IpcPort = test.make(0)?;
    let nothing = Descriptor::slot(empty);
    for slot in [0, 4, 5, 1 << 32, 1 << 58, u64::MAX] {
        check_refused!(node.copy(slot, port), InvalidArgument, 1);
        check_refused!(node.move_from(slot, port), InvalidArgument, 1);
        check_refused!(node.mint(slot, port, Rights::all(), 0), InvalidArgument, 1);
        check_refused!(node.look(slot), InvalidArgument, 1);
        check_refused!(node.remove(slot), InvalidArgument, 1);
        check_refused!(node.revoke(slot), InvalidArgument, 1);
    }
    check_refused!(node.copy(1, nothing), InvalidDescriptor, 2);
    check_refused!(node.move_from(1, nothing), InvalidDescriptor, 2);
    check_refused!(node.revoke(1), InvalidDescriptor, 1);
    node.copy(1, port)?;
    check_refused!(node.copy(1, port), Occupied, 1);
    check_refused!(node.move_from(1, port), Occupied, 1);
    check_refused!(node.mint(1, port, Rights::all(), 0), Occupied, 1);
    check_eq!(test.node().look(index(port))?.0, PORT);
    Ok(())
}

/// A node with a copy of its own capability goes like any other.
fn holds_itself(test: &mut Test) -> Verdict {
    let node: Node = test.make(3)?;
    let signal: NotificationPort = test.make(0)?;
    node.copy(1, node)?;
    node.mint(2, signal, Rights::all(), 1)?;
    // Round and round to the same slot.
    let path = (((index(node) << 3) | 1) << 3) | 2;
    NotificationPort::at(Descriptor::path(path, 12 + 6)).notify()?;
    check_eq!(signal.poll(), Ok(1));
    test.node().remove(index(node))?;
    check_eq!(test.node().look(index(node)), Ok(NOTHING));
    check_eq!(signal.poll(), Ok(0));
    Ok(())
}

/// A node whose only capability lies in itself, and two that hold each other, go with their
/// memory.
fn holds_itself_only(test: &mut Test) -> Verdict {
    let small: nun::Generic = test.make(14)?;
    let slot = test.slots(3);
    for _ in 0..2 {
        small.convert(ObjectType::Node, 3, 3, test.node(), slot)?;
        let [one, two, three] = [slot, slot + 1, slot + 2].map(Node::slot);
        one.move_from(1, one)?;
        three.copy(1, two)?;
        two.move_from(1, three)?;
        let last = Descriptor::path((index(two) << 3) | 1, 12 + 3);
        Node::at(last).move_from(2, two)?;
        for slot in slot..slot + 3 {
            check_eq!(test.node().look(slot), Ok(NOTHING));
        }
        test.node().revoke(index(small))?;
        check_eq!(small.information()?.2, 0);
    }
    Ok(())
}

fn is_emptied_when_it_dies(test: &mut Test) -> Verdict {
    let node: Node = test.make(6)?;
    let slot = test.slot();
    // The original lies in the node, its copy outside.
    test.generic().convert(ObjectType::IpcPort, 0, 1, node, 63)?;
    test.node().copy(slot, Descriptor::path((index(node) << 6) | 63, 12 + 6))?;
    check_eq!(test.node().look(slot)?.0, PORT);
    test.node().remove(index(node))?;
    check_eq!(test.node().look(slot), Ok(NOTHING));
    Ok(())
}
