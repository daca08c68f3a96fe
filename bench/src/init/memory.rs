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
    report.show(&measure(
        "map.1",
        || map_page(window, address),
        |mapped| {
            assert_eq!(mapped, Ok(1));
            assert_eq!(window.unmap(address, 1), Ok(1));
        },
    ));
    map_page(window, address)?;
    report.show(&measure(
        "unmap.1",
        || window.unmap(address, 1),
        |unmapped| {
            assert_eq!(unmapped, Ok(1));
            assert_eq!(map_page(window, address), Ok(1));
        },
    ));
    resources.node().remove(window.descriptor().index())
}

/// 512 pages in one batch. Frame and address are not aligned to each other, so that they are
/// that many entries.
fn map_many(resources: &mut Resources, report: &mut Report) -> Result<(), Error> {
    const PAGES: u64 = 512;
    const ALL: Result<(u64, u64), Error> = Ok((1, 0));
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
    let run = |access| buffer().set_run(0, MappingRun::new(address, window, 0, PAGES, access));
    run(ACCESS);
    report.show(&measure(
        "map.512",
        || space.map_many(1),
        |mapped| {
            assert_eq!(mapped, ALL);
            assert_eq!(space.unmap_many(1), ALL);
        },
    ));
    assert_eq!(space.map_many(1), ALL);
    report.show(&measure(
        "unmap.512",
        || space.unmap_many(1),
        |unmapped| {
            assert_eq!(unmapped, ALL);
            assert_eq!(space.map_many(1), ALL);
        },
    ));
    run(Access::READ);
    report.show(&measure(
        "protect.512",
        || space.protect_many(1),
        |protected| {
            assert_eq!(protected, ALL);
            run(ACCESS);
            assert_eq!(space.protect_many(1), ALL);
            run(Access::READ);
        },
    ));
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
