//! Paths that take the authority over memory.

use a9n_bench::measure::measure;
use nun::abi::MappingRun;
use nun::{
    Access, Descriptor, Error, Frame, Generic, MemoryType, NotificationPort, ObjectType, PageTable,
    Resources, Window, aci, buffer, range_around,
};

use crate::report::Report;

/// In the workspace, far from what `Resources` maps there by itself.
const ADDRESS: u64 = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 4;
/// What everything is mapped for.
const ACCESS: Access = Access::READ.union(Access::WRITE);

/// Measures all of them.
pub fn measure_all(resources: &mut Resources, report: &mut Report) -> Result<(), Error> {
    map(resources, report)?;
    map_many(resources, report)?;
    convert(resources, report)
}

/// A page that its Window can map at the address, where all tables are in place.
pub fn page(resources: &mut Resources) -> Result<(Window, u64), Error> {
    let frame: Frame = resources.make(12)?;
    let slot = resources.take_slot()?;
    resources.map(frame, ADDRESS, slot, ACCESS)?;
    let window = Window::slot(slot);
    window.unmap(ADDRESS, 1)?;
    Ok((window, ADDRESS))
}

/// Maps it.
pub fn map_page(window: Window, address: u64) -> Result<u64, Error> {
    window.map(address, 0, 1, ACCESS, MemoryType::Normal)
}

/// One page, by an operation of its own.
fn map(resources: &mut Resources, report: &mut Report) -> Result<(), Error> {
    let (window, address) = page(resources)?;
    let map = || map_page(window, address);
    let unmap = || window.unmap(address, 1);
    let one = Ok(1);
    report.show(&measure("map.1", map, |mapped| assert_eq!((mapped, unmap()), (one, one))));
    assert_eq!(map(), one);
    report.show(&measure("unmap.1", unmap, |unmapped| assert_eq!((unmapped, map()), (one, one))));
    resources.node().remove(window.descriptor().index())
}

/// 512 pages in one batch. Frame and address are not aligned to each other, so that they are
/// that many entries, of two tables.
fn map_many(resources: &mut Resources, report: &mut Report) -> Result<(), Error> {
    const PAGES: u64 = 512;
    let frame: Frame = resources.make(21)?;
    let slot = resources.take_slot()?;
    let address = ADDRESS + (1 << 30) + 0x1000;
    let (first, bits) = range_around(address, PAGES);
    let space = resources.address_space();
    frame.attach(space, first, bits, resources.node(), slot)?;
    for _ in 0..4 {
        let table: PageTable = resources.make(0)?;
        space.add_table(table)?;
    }
    let window = Descriptor::slot(slot);
    let ask = |access| buffer().set_run(0, MappingRun::new(address, window, 0, PAGES, access));
    let map = || space.map_many(1);
    let unmap = || space.unmap_many(1);
    let protect = || space.protect_many(1);
    let all = Ok((1, 0));
    ask(ACCESS);
    report.show(&measure("map.512", map, |mapped| assert_eq!((mapped, unmap()), (all, all))));
    assert_eq!(map(), all);
    report.show(&measure("unmap.512", unmap, |unmapped| assert_eq!((unmapped, map()), (all, all))));
    ask(Access::READ);
    report.show(&measure("protect.512", protect, |protected| {
        ask(ACCESS);
        assert_eq!((protected, protect()), (all, all));
        ask(Access::READ);
    }));
    Ok(())
}

/// Makes one object and takes it away again.
fn convert(resources: &mut Resources, report: &mut Report) -> Result<(), Error> {
    let generic: Generic = resources.make(12)?;
    let (node, slot) = (resources.node(), resources.take_slot()?);
    let index = generic.descriptor().index();
    report.show(&measure(
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
    ));
    Ok(())
}
