//! Capabilities on their way with messages.

use a9n_cases::{AREA, Failure, Verdict, cases, check_eq, check_refused, index};
use core::mem::offset_of;

use nun::abi::IpcBuffer;
use nun::mapped::Mapped;
use nun::{
    Culprit, Descriptor, IpcPort, Message, NotificationPort, ObjectType, Received, Reply, Rights,
    aci, buffer,
};

use crate::cells::{self, outcome};
use crate::test::{Test, pack, park, unpack};

cases!("transfer": arrives_as_a_copy, carries_four, into_empty_slots_only, refused_by_the_receiver,
    needs_the_right_to_grant, needs_what_may_be_copied, comes_back_with_a_reply,
    hands_a_reply_on, dies_with_its_source);

/// Calls with one capability.
extern "C" fn call_with_one(argument: u64) -> ! {
    let [port, capability, cell, page] = unpack(argument);
    let own = own_buffer(page);
    own.write(offset_of!(IpcBuffer, capabilities), capability);
    let message = Message::new(1, [9]).with_capabilities(&[Descriptor::slot(capability)]);
    let reply = IpcPort::slot(port).call(&message);
    cells::set(cell, outcome(reply.map(|reply| reply.capabilities() as u64)));
    park()
}

/// The IPC buffer of a thread, in that page of the case's area. (`buffer()` is init's.)
fn own_buffer(page: u64) -> Mapped {
    Mapped::in_workspace(AREA + (page << 12), 4096)
}

/// The page in which the next thread will have its buffer.
fn next_page(test: &mut Test) -> u64 {
    (test.room(0) - AREA) >> 12
}

/// Lets a thread send `capability` to init, which accepts as many as `slots` from slot `first` on;
/// answers how many came.
fn pass(
    test: &mut Test,
    capability: impl Into<Descriptor>,
    first: u64,
    slots: u64,
) -> Result<usize, Failure> {
    let port: IpcPort = test.make(0)?;
    let thread = pack([index(port), capability.into().index(), 1, next_page(test)]);
    test.start(call_with_one, thread)?;
    test.settle()?;
    buffer().accept(test.node(), first, slots);
    let Received::Message { message, .. } = port.receive()? else { return Ok(usize::MAX) };
    check_words(&message)?;
    Reply::OWED.reply(&Message::EMPTY)?;
    Ok(message.capabilities())
}

/// The words arrive, whatever becomes of the capabilities.
fn check_words(message: &Message) -> Verdict {
    check_eq!((message.label(), message.length(), message.words()[0]), (1, 1, 9));
    Ok(())
}

fn arrives_as_a_copy(test: &mut Test) -> Verdict {
    let signal: NotificationPort = test.make(0)?;
    let named = test.mint(signal, Rights::WRITE | Rights::COPY, 4)?;
    let slot = test.slot();
    check_eq!(pass(test, named, slot, 1)?, 1);
    let kind = ObjectType::NotificationPort as u64;
    check_eq!(test.node().look(slot), Ok((kind, Rights::WRITE | Rights::COPY, 4)));
    check_eq!(test.node().look(index(named))?.0, kind);
    NotificationPort::slot(slot).notify()?;
    check_eq!(signal.poll(), Ok(4));
    Ok(())
}

/// Accepts up to four capabilities with each message, and answers how many came.
extern "C" fn accept_four(argument: u64) -> ! {
    let [port, first, page] = unpack(argument);
    let port = IpcPort::slot(port);
    accept(&own_buffer(page), first, 4);
    let mut received = port.receive();
    while let Ok(Received::Message { message, .. }) = received {
        received = port.reply_receive(&Message::new(0, [message.capabilities() as u64]));
    }
    park()
}

/// What [`Buffer::accept`](nun::Buffer::accept) does, for a thread's buffer and the root node.
fn accept(buffer: &Mapped, first: u64, slots: u64) {
    buffer.write(offset_of!(IpcBuffer, receive_node), aci::slot::NODE);
    buffer.write(offset_of!(IpcBuffer, receive_index), first);
    buffer.write(offset_of!(IpcBuffer, receive_slots), slots);
}

/// A server that accepts up to four capabilities from slot `first` on.
fn acceptor(test: &mut Test, first: u64) -> Result<IpcPort, nun::Error> {
    let port: IpcPort = test.make(0)?;
    let thread = pack([index(port), first, next_page(test)]);
    test.start(accept_four, thread)?;
    test.settle()?;
    Ok(port)
}

fn carries_four(test: &mut Test) -> Verdict {
    let (signal, first): (NotificationPort, u64) = (test.make(0)?, test.slots(5));
    let port = acceptor(test, first)?;
    let message = Message::EMPTY.with_capabilities(&[signal.into(); 12]);
    check_eq!(message.capabilities(), 4);
    check_eq!(port.call(&message)?.words()[0], 4);
    for slot in first..first + 4 {
        check_eq!(test.node().look(slot)?.0, ObjectType::NotificationPort as u64);
    }
    check_eq!(test.node().look(first + 4)?.0, 0);
    Ok(())
}

fn into_empty_slots_only(test: &mut Test) -> Verdict {
    let (signal, first): (NotificationPort, u64) = (test.make(0)?, test.slots(8));
    test.node().copy(first + 2, test.space())?;
    let port = acceptor(test, first)?;
    let message = Message::EMPTY.with_capabilities(&[signal.into(); 4]);
    // Two arrive; where the third would go, something is.
    check_eq!(port.call(&message)?.words()[0], 2);
    check_eq!(test.node().look(first + 2)?.0, ObjectType::AddressSpace as u64);
    check_eq!(test.node().look(first + 3)?.0, 0);
    Ok(())
}

fn refused_by_the_receiver(test: &mut Test) -> Verdict {
    let (signal, slot): (NotificationPort, u64) = (test.make(0)?, test.slot());
    check_eq!(pass(test, signal, slot, 0)?, 0);
    check_eq!(pass(test, signal, 1 << 40, 1)?, 0);
    check_eq!(pass(test, signal, index(signal), 1)?, 0);
    check_eq!(test.node().look(slot)?.0, 0);
    check_eq!(pass(test, signal, slot, 1)?, 1);
    Ok(())
}

fn needs_the_right_to_grant(test: &mut Test) -> Verdict {
    let (signal, first): (NotificationPort, u64) = (test.make(0)?, test.slots(8));
    let port = acceptor(test, first)?;
    let plain = test.mint(port, Rights::all() - Rights::GRANT, 0)?;
    let message = Message::EMPTY.with_capabilities(&[signal.into()]);
    check_refused!(plain.call(&message), PermissionDenied, Culprit::DESCRIPTOR);
    check_refused!(plain.send(&message), PermissionDenied, Culprit::DESCRIPTOR);
    check_eq!(plain.call(&Message::EMPTY)?.words()[0], 0);
    check_eq!(port.call(&message)?.words()[0], 1);
    Ok(())
}

fn needs_what_may_be_copied(test: &mut Test) -> Verdict {
    let (signal, first): (NotificationPort, u64) = (test.make(0)?, test.slots(8));
    let port = acceptor(test, first)?;
    let fixed = test.mint(signal, Rights::all() - Rights::COPY, 0)?;
    let empty = Descriptor::slot(test.slot());
    let generic = test.generic().descriptor();
    for offered in [fixed.descriptor(), empty, generic, Descriptor::slot(1 << 50)] {
        let message = Message::EMPTY.with_capabilities(&[offered]);
        check_refused!(port.call(&message), InvalidDescriptor, Culprit::IPC_BUFFER);
        check_refused!(port.send(&message), InvalidDescriptor, Culprit::IPC_BUFFER);
    }
    check_eq!(test.node().look(first)?.0, 0);
    Ok(())
}

fn comes_back_with_a_reply(test: &mut Test) -> Verdict {
    let (signal, slot): (NotificationPort, u64) = (test.make(0)?, test.slot());
    let port: IpcPort = test.make(0)?;
    let thread = pack([index(port), slot, next_page(test)]);
    test.start(call_and_accept, thread)?;
    test.settle()?;
    port.receive()?;
    let missing = Message::EMPTY.with_capabilities(&[Descriptor::slot(1 << 50)]);
    check_refused!(Reply::OWED.reply(&missing), InvalidDescriptor, Culprit::IPC_BUFFER);
    check_refused!(port.reply_receive(&missing), InvalidDescriptor, Culprit::IPC_BUFFER);
    Reply::OWED.reply(&Message::EMPTY.with_capabilities(&[signal.into()]))?;
    test.settle()?;
    check_eq!(cells::get(1), cells::FINE + 1);
    check_eq!(test.node().look(slot)?.0, ObjectType::NotificationPort as u64);
    Ok(())
}

/// Calls, ready to accept one capability with the reply.
extern "C" fn call_and_accept(argument: u64) -> ! {
    let [port, slot, page] = unpack(argument);
    accept(&own_buffer(page), slot, 1);
    let reply = IpcPort::slot(port).call(&Message::EMPTY);
    cells::set(1, outcome(reply.map(|reply| reply.capabilities() as u64)));
    park()
}

/// A server lets another answer for it.
fn hands_a_reply_on(test: &mut Test) -> Verdict {
    let (port, slots): (IpcPort, u64) = (test.make(0)?, test.slots(9));
    let other = acceptor(test, slots + 1)?;
    test.start(crate::bodies::call, pack([index(port), 3, 2]))?;
    test.settle()?;
    port.receive_into(slots)?;
    let hand_on = Message::EMPTY.with_capabilities(&[Descriptor::slot(slots)]);
    check_eq!(other.call(&hand_on)?.words()[0], 1);
    // It has moved, not been copied.
    check_eq!(test.node().look(slots)?.0, 0);
    check_eq!(test.node().look(slots + 1)?.0, ObjectType::Reply as u64);
    Reply::slot(slots + 1).reply(&Message::new(0, [6]))?;
    test.settle()?;
    check_eq!(cells::get(2), cells::FINE + 6);
    Ok(())
}

fn dies_with_its_source(test: &mut Test) -> Verdict {
    let (signal, slot): (NotificationPort, u64) = (test.make(0)?, test.slot());
    check_eq!(pass(test, signal, slot, 1)?, 1);
    test.node().revoke(index(signal))?;
    check_eq!(test.node().look(slot)?.0, 0);
    Ok(())
}
