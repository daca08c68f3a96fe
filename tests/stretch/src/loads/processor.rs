//! What other CPUs run. With one CPU these loads are the same without others.

use nun::abi::{ObjectType, address_space, generic, kernel, node, window};
use nun::{Access, Descriptor, Error, Frame, Generic, MemoryType, Pcb, ticks};

use crate::ground::{AREA, Ground, READ_WRITE, USUAL, request};
use crate::machine::{keep, repeat, spin};

/// Rounds of each load, of all CPUs together.
const ROUNDS: u64 = 160;

/// A thread on each CPU but the first; answers how many.
fn others(
    ground: &mut Ground,
    mut start: impl FnMut(&mut Ground, Pcb, u64) -> Result<(), Error>,
) -> Result<u64, Error> {
    let wide = ground.wide(5)?;
    let count = ground.cpus() - 1;
    ground.fill::<Pcb>(&wide, 0, count)?;
    (1..=count).try_for_each(|cpu| start(ground, Pcb::at(wide.at(cpu)), cpu))?;
    Ok(count)
}

/// Lets the others go on for a moment.
fn pause() {
    let end = ticks() + 300_000;
    while ticks() < end {}
}

/// All CPUs use this address space while its mappings change.
pub fn shoot(ground: &mut Ground) -> Result<(), Error> {
    let frame: Frame = ground.make(18)?;
    let window = ground.map(frame, 0x1000, 64)?;
    others(ground, |ground, pcb, cpu| ground.start(pcb, spin, 0, cpu))?;
    pause();
    let address = AREA + 0x1000;
    for _ in 0..ROUNDS / ground.cpus() {
        assert_ne!(window.protect(address, 32, Access::READ)?, 0);
        let gone = window.unmap(address, 32)?;
        assert_eq!(window.map(address, 0, gone, READ_WRITE, MemoryType::Normal)?, gone);
    }
    Ok(())
}

pub fn stop(ground: &mut Ground) -> Result<(), Error> {
    let wide = ground.wide(5)?;
    let count = ground.cpus();
    ground.fill::<Pcb>(&wide, 0, count)?;
    for cpu in 0..count {
        ground.start(Pcb::at(wide.at(1 + cpu)), spin, 0, cpu)?;
    }
    for round in 0..1 + ROUNDS / count / count {
        for cpu in 0..count {
            let pcb = Pcb::at(wide.at(1 + cpu));
            pcb.configure_schedule(USUAL, (cpu + round) % count, 0)?;
            pause();
            pcb.suspend()?;
            pcb.resume()?;
        }
    }
    Ok(())
}

/// Processes, and what they were made from, go while they run.
pub fn destroy(ground: &mut Ground) -> Result<(), Error> {
    for _ in 0..ROUNDS / ground.cpus() {
        let quota: Generic = ground.make(16)?;
        let wide = ground.wide(5)?;
        let count = ground.cpus();
        let made = quota.convert(ObjectType::Pcb, 0, count, wide.node, 1)?;
        for cpu in 0..made {
            ground.start(Pcb::at(wide.at(1 + cpu)), spin, 0, cpu)?;
        }
        pause();
        ground.node().revoke(quota.descriptor().index())?;
        ground.node().remove(wide.node.descriptor().index())?;
    }
    Ok(())
}

/// Every CPU wants something that takes long, all at once.
pub fn crowd(ground: &mut Ground) -> Result<(), Error> {
    let frame: Frame = ground.make(18)?;
    let mapped = ground.map(frame, 0x1000, 64)?;
    let own: Generic = ground.make(20)?;
    let node = ground.node();
    let (made, copied) = (ground.slot(), ground.slot());
    let object = ObjectType::Frame as u64;
    let calls = [
        request(window::word::Unmap, mapped, [AREA + 0x1000, 32, 0, 0, 0, 0]),
        request(window::word::Map, mapped, [AREA + 0x1000, 0, 32, 3, 0, 0]),
        request(generic::word::Convert, own, [object, 16, 1, node.descriptor().0, made, 0]),
        request(node::word::Remove, node, [made, 0, 0, 0, 0, 0]),
        request(node::word::Copy, node, [copied, mapped.descriptor().0, 0, 0, 0, 0]),
        request(address_space::word::Translate, ground.space(), [AREA, 0, 0, 0, 0, 0]),
        request(kernel::word::Yield, Descriptor::NULL, [0; 6]),
    ];
    others(ground, |ground, pcb, cpu| {
        let number = cpu as usize % calls.len();
        ground.start(pcb, repeat, keep(number, calls[number]), cpu)
    })?;
    for _ in 0..ROUNDS / ground.cpus() {
        pause();
        mapped.protect(AREA + 0x1000, 32, Access::READ)?;
        let _ = own.convert(ObjectType::PageTable, 0, 8, node, made);
    }
    Ok(())
}
