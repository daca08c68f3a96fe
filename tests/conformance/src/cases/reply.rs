//! The right to answer, once.

use a9n_cases::{Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::init::INIT_NODE_RADIX;
use nun::{Culprit, Descriptor, Error, IpcPort, Message, Reason, Received, Reply};

use crate::bodies::{self, first_word};
use crate::cells::{FINE, get};
use crate::test::{Test, pack};

cases!("reply": answers_once, lands_in_a_named_slot, answers_in_any_order, needs_an_empty_slot,
    kept_for_later, kept_only_where_there_is_room, kept_dies_with_its_caller,
    served_on_own_time,
    named_again_with_the_answer, is_never_copied, can_be_moved, dropped_is_an_error,
    forgotten_is_an_error, dies_with_its_server, dies_with_its_caller, stored_dies_with_its_caller,
    to_a_dead_caller_still_receives, of_a_suspended_caller);

/// What a caller gets who will never be answered.
const DIED: Error = Error::new(Reason::PartnerDied, Culprit::OTHER);

/// A port at which a thread calls with `word`; what comes back goes to `cell`.
fn called(test: &mut Test, port: IpcPort, word: u64, cell: u64) -> Result<nun::Pcb, Error> {
    let pcb = test.start(bodies::call, pack([index(port), word, cell]))?;
    test.settle()?;
    Ok(pcb)
}

fn answers_once(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    called(test, port, 5, 1)?;
    check_eq!(first_word(port.receive()), Ok(5));
    check_eq!(get(1), 0);
    Reply::OWED.reply(&Message::new(0, [6]))?;
    let again = Reply::OWED.reply(&Message::new(0, [7]));
    check_refused!(again, InvalidDescriptor, Culprit::DESCRIPTOR);
    test.settle()?;
    check_eq!(get(1), FINE + 6);
    Ok(())
}

fn lands_in_a_named_slot(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    called(test, port, 5, 1)?;
    check_eq!(first_word(port.receive_into(slot)), Ok(5));
    check_eq!(test.node().look(slot)?.0, nun::ObjectType::Reply as u64);
    let owed = Reply::OWED.reply(&Message::EMPTY);
    check_refused!(owed, InvalidDescriptor, Culprit::DESCRIPTOR);
    Reply::slot(slot).reply(&Message::new(0, [8]))?;
    check_eq!(test.node().look(slot)?.0, 0);
    let again = Reply::slot(slot).reply(&Message::new(0, [9]));
    check_refused!(again, InvalidDescriptor, Culprit::DESCRIPTOR);
    test.settle()?;
    check_eq!(get(1), FINE + 8);
    Ok(())
}

fn answers_in_any_order(test: &mut Test) -> Verdict {
    let (port, slots): (IpcPort, u64) = (test.make(0)?, test.slots(3));
    for cell in 1..=3 {
        called(test, port, cell, cell)?;
    }
    for number in 0..3 {
        check_eq!(first_word(port.receive_into(slots + number)), Ok(number + 1));
    }
    for number in [1, 2, 0] {
        Reply::slot(slots + number).reply(&Message::new(0, [20 + number]))?;
    }
    test.settle()?;
    check_eq!([1, 2, 3].map(get), [FINE + 20, FINE + 21, FINE + 22]);
    Ok(())
}

fn needs_an_empty_slot(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    called(test, port, 5, 1)?;
    let taken = index(port);
    check_refused!(port.receive_into(taken), Occupied, Culprit::OPERATION);
    check_refused!(port.receive_into(1 << 20), Occupied, Culprit::OPERATION);
    // The call is still there.
    check_eq!(first_word(port.receive()), Ok(5));
    let both = port.reply_receive_into(&Message::new(0, [1]), taken);
    check_refused!(both, Occupied, Culprit::OPERATION);
    check_eq!(get(1), 0);
    Reply::OWED.reply(&Message::new(0, [2]))?;
    test.settle()?;
    check_eq!(get(1), FINE + 2);
    Ok(())
}

fn named_again_with_the_answer(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    for cell in 1..=2 {
        called(test, port, cell, cell)?;
    }
    check_eq!(first_word(port.receive()), Ok(1));
    check_eq!(first_word(port.reply_receive_into(&Message::new(0, [31]), slot)), Ok(2));
    Reply::slot(slot).reply(&Message::new(0, [32]))?;
    test.settle()?;
    check_eq!([get(1), get(2)], [FINE + 31, FINE + 32]);
    Ok(())
}

/// A server that names no slot sets aside one caller, and answers another one meanwhile.
fn kept_for_later(test: &mut Test) -> Verdict {
    let (port, slots): (IpcPort, u64) = (test.make(0)?, test.slots(2));
    for cell in 1..=2 {
        called(test, port, cell, cell)?;
    }
    check_eq!(first_word(port.receive()), Ok(1));
    Reply::slot(slots).keep()?;
    check_eq!(test.node().look(slots)?.0, nun::ObjectType::Reply as u64);
    check_refused!(Reply::slot(slots + 1).keep(), InvalidDescriptor, Culprit::OTHER);
    check_eq!(first_word(port.receive()), Ok(2));
    Reply::OWED.reply(&Message::new(0, [12]))?;
    test.settle()?;
    check_eq!([get(1), get(2)], [0, FINE + 12]);
    Reply::slot(slots).reply(&Message::new(0, [11]))?;
    test.settle()?;
    check_eq!(get(1), FINE + 11);
    Ok(())
}

fn kept_only_where_there_is_room(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    let node: nun::Node = test.make(2)?;
    let rights = nun::Rights::READ | nun::Rights::COPY;
    test.node().mint(slot, node, rights, 0)?;
    called(test, port, 5, 1)?;
    check_eq!(first_word(port.receive()), Ok(5));
    let full = Reply::slot(index(port)).keep();
    check_refused!(full, Occupied, Culprit::DESCRIPTOR);
    let fixed = Reply::at(inside(slot)).keep();
    check_refused!(fixed, PermissionDenied, Culprit::DESCRIPTOR);
    // It is still owed, and there is room in the node itself.
    let kept = Reply::at(inside(index(node)));
    kept.keep()?;
    kept.reply(&Message::new(0, [6]))?;
    test.settle()?;
    check_eq!(get(1), FINE + 6);
    Ok(())
}

/// Slot 1 of the node of four slots that is in slot `node`.
fn inside(node: u64) -> Descriptor {
    Descriptor::path(node << 2 | 1, INIT_NODE_RADIX as u8 + 2)
}

fn kept_dies_with_its_caller(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    let caller = called(test, port, 5, 1)?;
    check_eq!(first_word(port.receive()), Ok(5));
    Reply::slot(slot).keep()?;
    test.node().remove(index(caller))?;
    check_eq!(test.node().look(slot)?.0, 0);
    Ok(())
}

/// The caller's time stays with it, so the Reply has to be in a slot.
fn served_on_own_time(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    called(test, port, 5, 1)?;
    check_refused!(port.receive_on_own_time(0), InvalidArgument, Culprit::INFO);
    check_eq!(first_word(port.receive_on_own_time(slot)), Ok(5));
    let owed = Reply::OWED.reply(&Message::EMPTY);
    check_refused!(owed, InvalidDescriptor, Culprit::DESCRIPTOR);
    check_eq!(get(1), 0);
    Reply::slot(slot).reply(&Message::new(0, [6]))?;
    test.settle()?;
    check_eq!(get(1), FINE + 6);
    Ok(())
}

fn is_never_copied(test: &mut Test) -> Verdict {
    let (port, slots): (IpcPort, u64) = (test.make(0)?, test.slots(2));
    called(test, port, 5, 1)?;
    port.receive_into(slots)?;
    let copy = test.node().copy(slots + 1, Reply::slot(slots));
    check_refused!(copy, PermissionDenied, 2);
    let mint = test.node().mint(slots + 1, Reply::slot(slots), nun::Rights::all(), 0);
    check_refused!(mint, PermissionDenied, 2);
    Ok(())
}

fn can_be_moved(test: &mut Test) -> Verdict {
    let (port, slots): (IpcPort, u64) = (test.make(0)?, test.slots(2));
    called(test, port, 5, 1)?;
    port.receive_into(slots)?;
    test.node().move_from(slots + 1, Reply::slot(slots))?;
    check!(Reply::slot(slots).reply(&Message::EMPTY).is_err());
    Reply::slot(slots + 1).reply(&Message::new(0, [4]))?;
    test.settle()?;
    check_eq!(get(1), FINE + 4);
    Ok(())
}

fn dropped_is_an_error(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    called(test, port, 5, 1)?;
    port.receive_into(slot)?;
    test.node().remove(slot)?;
    test.settle()?;
    check_eq!(get(1), u64::from(DIED.to_label()));
    Ok(())
}

/// A receive over a call that is not answered yet.
fn forgotten_is_an_error(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    called(test, port, 1, 1)?;
    called(test, port, 2, 2)?;
    check_eq!(first_word(port.receive()), Ok(1));
    check_eq!(first_word(port.receive()), Ok(2));
    Reply::OWED.reply(&Message::new(0, [3]))?;
    test.settle()?;
    check_eq!([get(1), get(2)], [u64::from(DIED.to_label()), FINE + 3]);
    Ok(())
}

fn dies_with_its_server(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let server = test.start(bodies::accept, pack([index(port)]))?;
    called(test, port, 5, 1)?;
    check_eq!(get(1), 0);
    test.node().remove(index(server))?;
    test.settle()?;
    check_eq!(get(1), u64::from(DIED.to_label()));
    Ok(())
}

fn dies_with_its_caller(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let caller = called(test, port, 5, 1)?;
    port.receive()?;
    test.node().remove(index(caller))?;
    let reply = Reply::OWED.reply(&Message::EMPTY);
    check_refused!(reply, InvalidDescriptor, Culprit::DESCRIPTOR);
    Ok(())
}

fn stored_dies_with_its_caller(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    let caller = called(test, port, 5, 1)?;
    port.receive_into(slot)?;
    test.node().remove(index(caller))?;
    check_eq!(test.node().look(slot)?.0, 0);
    let reply = Reply::slot(slot).reply(&Message::EMPTY);
    check_refused!(reply, InvalidDescriptor, Culprit::DESCRIPTOR);
    Ok(())
}

fn to_a_dead_caller_still_receives(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let first = called(test, port, 1, 1)?;
    called(test, port, 2, 2)?;
    port.receive()?;
    test.node().remove(index(first))?;
    let received = port.reply_receive(&Message::new(0, [9]))?;
    check_eq!(received.message().map(|message| message.words()[0]), Some(2));
    Reply::OWED.reply(&Message::new(0, [3]))?;
    test.settle()?;
    check_eq!([get(1), get(2)], [0, FINE + 3]);
    Ok(())
}

/// A caller that was suspended meanwhile has given up its call.
fn of_a_suspended_caller(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let caller = called(test, port, 5, 1)?;
    check!(matches!(port.receive()?, Received::Message { .. }));
    caller.suspend()?;
    check!(Reply::OWED.reply(&Message::EMPTY).is_err());
    caller.resume()?;
    test.settle()?;
    check_eq!(get(1), u64::from(Error::new(Reason::Cancelled, Culprit::OTHER).to_label()));
    Ok(())
}
