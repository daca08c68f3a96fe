//! Paths that take the authority over memory.

use nun::abi::MappingRun;
use nun::abi::init::slot;
use nun::{
    Access, Descriptor, Error, Frame, Generic, MemoryType, NotificationPort, ObjectType, PageTable,
    Resources, Timer, Window, aci, buffer, range_around, ticks,
};

use crate::measure::measure;

/// In the workspace, far from what `Resources` maps there by itself.
const ADDRESS: u64 = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 4;

/// Measures all of them.
pub fn measure_all(resources: &mut Resources) -> Result<(), Error> {
    map(resources)?;
    map_many(resources)?;
    convert(resources)?;
    arm(resources)
}

/// Maps one page, where all tables are in place, and takes it away.
fn map(resources: &mut Resources) -> Result<(), Error> {
    let frame: Frame = resources.make(12)?;
    let slot = resources.take_slot()?;
    let access = Access::READ | Access::WRITE;
    resources.map(frame, ADDRESS, slot, access)?;
    let window = Window::slot(slot);
    window.unmap(ADDRESS, 1)?;
    let map = || window.map(ADDRESS, 0, 1, access, MemoryType::Normal);
    let unmap = || window.unmap(ADDRESS, 1);
    measure("map.1", map, |mapped| assert_eq!((mapped, unmap()), (Ok(1), Ok(1))));
    assert_eq!(map(), Ok(1));
    measure("unmap.1", unmap, |unmapped| assert_eq!((unmapped, map()), (Ok(1), Ok(1))));
    window.unmap(ADDRESS, 1)?;
    Ok(())
}

/// Maps 512 pages in one batch, and takes them away in another. Frame and address are not aligned
/// to each other, so that they are that many entries, of two tables.
fn map_many(resources: &mut Resources) -> Result<(), Error> {
    const PAGES: u64 = 512;
    let frame: Frame = resources.make(21)?;
    let slot = resources.take_slot()?;
    let access = Access::READ | Access::WRITE;
    let address = ADDRESS + (1 << 30) + 0x1000;
    let (first, bits) = range_around(address, PAGES);
    let space = resources.address_space();
    frame.attach(space, first, bits, resources.node(), slot)?;
    for _ in 0..4 {
        let table: PageTable = resources.make(0)?;
        space.add_table(table)?;
    }
    buffer().set_run(0, MappingRun::new(address, Descriptor::slot(slot), 0, PAGES, access));
    let map = || space.map_many(1);
    let unmap = || space.unmap_many(1);
    let all = Ok((1, 0));
    measure("map.512", map, |mapped| assert_eq!((mapped, unmap()), (all, all)));
    assert_eq!(map(), all);
    measure("unmap.512", unmap, |unmapped| assert_eq!((unmapped, map()), (all, all)));
    assert_eq!(unmap(), all);
    Ok(())
}

/// Sets the alarm of the own CPU, far away.
fn arm(resources: &mut Resources) -> Result<(), Error> {
    let signal: NotificationPort = resources.make(0)?;
    let timer = Timer::slot(slot::TIMERS);
    let far = ticks() + (1 << 40);
    measure("timer.arm", || timer.arm(far, signal), |answer| assert_eq!(answer, Ok(())));
    timer.cancel()
}

/// Makes one object and takes it away again.
fn convert(resources: &mut Resources) -> Result<(), Error> {
    let generic: Generic = resources.make(12)?;
    let (node, slot) = (resources.node(), resources.take_slot()?);
    let index = generic.descriptor().index();
    measure(
        "convert_revoke",
        || {
            let made = generic.convert(ObjectType::NotificationPort, 0, 1, node, slot);
            (made, node.revoke(index))
        },
        |(made, revoked)| {
            assert_eq!((made, revoked), (Ok(1), Ok(())));
            // Nothing of it is left.
            assert!(NotificationPort::slot(slot).poll().is_err());
        },
    );
    Ok(())
}
