//! Messages, and those who wait for them.

use core::mem::offset_of;

use nun::abi::{
    IpcBuffer, MESSAGE_CAPABILITIES, MESSAGE_WORDS, MessageInfo, ipc_port, notification,
};
use nun::mapped::Mapped;
use nun::{
    Descriptor, Error, Frame, IpcPort, Message, Node, NotificationPort, Pcb, Received, Reply,
    buffer,
};

use crate::ground::{AREA, Ground, request};
use crate::machine::{keep, repeat};

/// Threads that wait.
const CROWD: u64 = 2000;

/// Starts `count` threads that all make the same kernel call.
fn crowd(ground: &mut Ground, count: u64, argument: u64) -> Result<(), Error> {
    let wide = ground.wide(11)?;
    ground.fill::<Pcb>(&wide, 0, count)?;
    (1..=count).try_for_each(|index| ground.start(Pcb::at(wide.at(index)), repeat, argument, 0))?;
    ground.settle()
}

/// The longest messages there are, to a thread that waits and from one that waited.
pub fn large(ground: &mut Ground) -> Result<(), Error> {
    const COUNT: u64 = MESSAGE_CAPABILITIES as u64;
    let port: IpcPort = ground.make(0)?;
    let pcb: Pcb = ground.make(0)?;
    let frame: Frame = ground.make(12)?;
    ground.map(frame, 0, 1)?;
    let own = Mapped::in_workspace(AREA, 4096);
    // The way to what is passed, and to where it goes, leads through four nodes.
    let nodes = [ground.make::<Node>(2)?, ground.make(2)?, ground.make::<Node>(5)?];
    nodes[0].copy(1, nodes[1])?;
    nodes[1].copy(1, nodes[2])?;
    nodes[1].copy(2, nodes[2])?;
    let base = nodes[0].descriptor().index();
    let way = (base << 2 | 1) << 2;
    let deep = |index: u64| Descriptor::path((way | 1) << 5 | index, 12 + 2 + 2 + 5);
    let received = Descriptor::path(way | 2, 12 + 2 + 2);
    (1..=COUNT).try_for_each(|index| nodes[2].copy(index, port))?;
    own.write(offset_of!(IpcBuffer, receive_node), received.0);
    own.write(offset_of!(IpcBuffer, receive_index), 16);
    own.write(offset_of!(IpcBuffer, receive_slots), COUNT);
    let info = MessageInfo::new(0, MESSAGE_WORDS);
    let mut echo = request(ipc_port::word::ReplyReceive, port, [0; 6]);
    echo[2] = info.0;
    pcb.configure_spaces(Descriptor::NULL, Descriptor::NULL, frame)?;
    ground.start(pcb, repeat, keep(0, echo), 0)?;
    ground.settle()?;
    let offered: [Descriptor; MESSAGE_CAPABILITIES] =
        core::array::from_fn(|index| deep(1 + index as u64));
    let message = Message::long(1, &[7; MESSAGE_WORDS]).with_capabilities(&offered);
    for _ in 0..3 {
        assert_eq!(port.call(&message)?.length(), MESSAGE_WORDS);
        assert_ne!(nodes[2].look(15 + COUNT)?.0, 0, "the capabilities did not arrive");
        (16..16 + COUNT).try_for_each(|index| nodes[2].remove(index))?;
    }
    // The same the other way round: the thread has called, and init receives and replies.
    let back: IpcPort = ground.make(0)?;
    let mut call = request(ipc_port::word::Call, back, [0; 6]);
    call[2] = info.with_capabilities(MESSAGE_CAPABILITIES).0;
    for (index, from) in offered.iter().enumerate() {
        own.write(offset_of!(IpcBuffer, capabilities) + 8 * index, from.0);
    }
    pcb.suspend()?;
    ground.start(pcb, repeat, keep(1, call), 0)?;
    buffer().accept(received, 16, COUNT);
    for _ in 0..3 {
        ground.settle()?;
        let Received::Message { message: came, .. } = back.receive()? else { unreachable!() };
        assert_eq!((came.length(), came.capabilities()), (MESSAGE_WORDS, MESSAGE_CAPABILITIES));
        Reply::OWED.reply(&Message::long(0, &[1; MESSAGE_WORDS]).with_capabilities(&offered))?;
        (16..16 + COUNT).try_for_each(|index| nodes[2].remove(index))?;
    }
    buffer().accept(Descriptor::NULL, 0, 0);
    Ok(())
}

pub fn senders(ground: &mut Ground) -> Result<(), Error> {
    let port: IpcPort = ground.make(0)?;
    crowd(ground, CROWD, keep(0, request(ipc_port::word::Send, port, [0; 6])))?;
    assert!(port.try_receive().is_ok());
    ground.node().remove(port.descriptor().index())
}

pub fn receivers(ground: &mut Ground) -> Result<(), Error> {
    let port: IpcPort = ground.make(0)?;
    crowd(ground, CROWD, keep(0, request(ipc_port::word::Receive, port, [0; 6])))?;
    port.try_send(&Message::EMPTY)?;
    ground.node().remove(port.descriptor().index())
}

pub fn waiters(ground: &mut Ground) -> Result<(), Error> {
    let port: NotificationPort = ground.make(0)?;
    crowd(ground, CROWD, keep(0, request(notification::word::Wait, port, [0; 6])))?;
    ground.node().remove(port.descriptor().index())
}

/// Callers of whom nobody wants to know any more.
pub fn replies(ground: &mut Ground) -> Result<(), Error> {
    const CALLERS: u64 = 1000;
    let port: IpcPort = ground.make(0)?;
    crowd(ground, CALLERS, keep(0, request(ipc_port::word::Call, port, [0; 6])))?;
    let wide = ground.wide(10)?;
    let slot = ground.slot();
    for index in 1..=CALLERS {
        port.receive_into(slot)?;
        wide.node.move_from(index, Descriptor::slot(slot))?;
    }
    ground.node().remove(wide.node.descriptor().index())
}
