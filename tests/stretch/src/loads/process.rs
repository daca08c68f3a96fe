//! Processes: stopped, copied, destroyed, whatever they are doing.

use nun::abi::{ObjectType, ipc_port, kernel, node, notification};
use nun::{
    AddressSpace, Descriptor, Error, Frame, Generic, IpcPort, Message, NotificationPort, Pcb,
    Received, Reply, Rights, VectorState, Verdict,
};

use crate::ground::{Ground, Wide, request};
use crate::machine::{fault, keep, repeat, spin};

/// PCBs in a node of their own.
fn many(ground: &mut Ground, count: u64) -> Result<Wide, Error> {
    let wide = ground.wide(10)?;
    ground.fill::<Pcb>(&wide, 0, count)?;
    Ok(wide)
}

/// Some of each kind are destroyed one by one, others with their address space.
pub fn states(ground: &mut Ground) -> Result<(), Error> {
    let port: IpcPort = ground.make(0)?;
    let served: IpcPort = ground.make(0)?;
    let silent: NotificationPort = ground.make(0)?;
    let slot = ground.slot();
    let calls = [
        request(ipc_port::word::Send, port, [0; 6]),
        request(ipc_port::word::Call, port, [0; 6]),
        request(ipc_port::word::Call, served, [0; 6]),
        request(notification::word::Wait, silent, [0; 6]),
        request(kernel::word::Yield, Descriptor::NULL, [0; 6]),
    ];
    let wide = many(ground, 40)?;
    for round in 0..2 {
        for (number, call) in calls.iter().enumerate() {
            for index in 0..4 {
                let pcb = Pcb::at(wide.at(1 + round * 20 + number as u64 * 4 + index));
                ground.start(pcb, repeat, keep(number, *call), 0)?;
            }
        }
    }
    // Those who only yield stay ready.
    for _ in 0..3 {
        let own = Pcb::slot(nun::aci::slot::PROCESS);
        own.configure_schedule(crate::ground::USUAL, 0, 0)?;
        (0..100).try_for_each(|_| nun::yield_now())?;
        own.configure_schedule(255, 0, 0)?;
    }
    served.receive()?;
    served.receive_into(slot)?;
    (1..=20).try_for_each(|index| wide.node.remove(index))?;
    ground.node().remove(wide.node.descriptor().index())
}

/// Everything that a process can have hangs on each of these.
pub fn equipped(ground: &mut Ground) -> Result<(), Error> {
    const COUNT: u64 = 30;
    let wide = many(ground, COUNT)?;
    let states = ground.wide(6)?;
    ground.fill::<VectorState>(&states, 0, COUNT)?;
    let signals = ground.wide(6)?;
    ground.fill::<NotificationPort>(&signals, 0, COUNT)?;
    let space: AddressSpace = ground.make(0)?;
    let port: IpcPort = ground.make(0)?;
    let frame: Frame = ground.make(12)?;
    for index in 1..=COUNT {
        let pcb = Pcb::at(wide.at(index));
        ground.prepare(pcb, spin, 0, 0)?;
        pcb.configure_spaces(space, ground.node(), frame)?;
        pcb.configure_ports(port, signals.at(index))?;
        pcb.configure_vector(VectorState::at(states.at(index)))?;
    }
    (1..10).try_for_each(|index| wide.node.remove(index))?;
    ground.node().remove(space.descriptor().index())?;
    ground.node().remove(states.node.descriptor().index())
}

/// Their resolver is told of each.
pub fn interrupts(ground: &mut Ground) -> Result<(), Error> {
    const COUNT: u64 = 500;
    let wide = many(ground, COUNT)?;
    let port: IpcPort = ground.make(0)?;
    for index in 1..=COUNT {
        let pcb = Pcb::at(wide.at(index));
        pcb.configure_ports(port, Descriptor::NULL)?;
        ground.start(pcb, spin, 0, 0)?;
    }
    for index in 1..=COUNT {
        Pcb::at(wide.at(index)).interrupt()?;
    }
    // Others are interrupted before they have begun to run at all.
    for _ in 0..COUNT {
        let Ok(Received::Stopped { .. }) = port.receive() else { panic!("a stop is missing") };
        Reply::OWED.reply(&Message::verdict(Verdict::Stop))?;
    }
    for index in 1..=COUNT {
        let pcb = Pcb::at(wide.at(index));
        pcb.interrupt()?;
        pcb.resume()?;
    }
    ground.settle()?;
    ground.node().remove(port.descriptor().index())
}

pub fn registers(ground: &mut Ground) -> Result<(), Error> {
    let (one, other): (Pcb, Pcb) = (ground.make(0)?, ground.make(0)?);
    ground.prepare(one, spin, 5, 0)?;
    other.clone_state(one)?;
    for register in 0..20 {
        let value = other.read_register(register)?;
        other.write_register(register, value)?;
    }
    Ok(())
}

/// A resolver that waits, and one that does not.
pub fn traps(ground: &mut Ground) -> Result<(), Error> {
    let port: IpcPort = ground.make(0)?;
    let resolver_slot = ground.slot();
    ground.node().mint(resolver_slot, port, Rights::all(), 9)?;
    let (faulting, foreign): (Pcb, Pcb) = (ground.make(0)?, ground.make(0)?);
    let call = keep(0, request(kernel::word::Yield, Descriptor::NULL, [1, 2, 3, 4, 5, 6]));
    for (pcb, is_foreign) in [(faulting, 0), (foreign, 1)] {
        pcb.configure_ports(Descriptor::slot(resolver_slot), Descriptor::NULL)?;
        let (body, argument) = if is_foreign == 1 { (repeat as _, call) } else { (fault as _, 0) };
        ground.prepare(pcb, body, argument, 0)?;
        pcb.configure_schedule(crate::ground::USUAL, 0, is_foreign)?;
        pcb.resume()?;
    }
    for verdict in [Verdict::Resume, Verdict::ResumeWhole, Verdict::Resume, Verdict::Stop] {
        for _ in 0..2 {
            port.receive()?;
            Reply::OWED.reply(&Message::verdict(verdict))?;
        }
    }
    Ok(())
}

/// Who takes much away is itself taken away before it is done: others have to finish it.
pub fn orphans(ground: &mut Ground) -> Result<(), Error> {
    let quota: Generic = ground.make(21)?;
    let wide = ground.wide(12)?;
    let mut made = 0;
    while made < 4000 {
        let object = ObjectType::IpcPort;
        made += quota.convert(object, 0, 64.min(4000 - made), wide.node, 1 + made)?;
    }
    let pcb: Pcb = ground.make(0)?;
    let words = [quota.descriptor().index(), 0, 0, 0, 0, 0];
    let call = keep(0, request(node::word::Revoke, ground.node(), words));
    ground.start(pcb, repeat, call, 0)?;
    let own = Pcb::slot(nun::aci::slot::PROCESS);
    own.configure_schedule(crate::ground::USUAL, 0, 0)?;
    nun::yield_now()?;
    own.configure_schedule(255, 0, 0)?;
    ground.node().remove(pcb.descriptor().index())?;
    ground.node().remove(wide.node.descriptor().index())
}
