//! Paths that take the authority over memory.

use nun::{
    Access, Error, Frame, Generic, MemoryType, NotificationPort, ObjectType, Resources, Window, aci,
};

use crate::measure::measure;

/// In the workspace, far from what `Resources` maps there by itself.
const ADDRESS: u64 = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 4;

/// Measures all of them.
pub fn measure_all(resources: &mut Resources) -> Result<(), Error> {
    map(resources)?;
    convert(resources)
}

/// Maps one page, where all tables are in place.
fn map(resources: &mut Resources) -> Result<(), Error> {
    let frame: Frame = resources.make(12)?;
    let slot = resources.take_slot()?;
    let access = Access::READ | Access::WRITE;
    resources.map(frame, ADDRESS, slot, access)?;
    let window = Window::slot(slot);
    window.unmap(ADDRESS, 1)?;
    measure(
        "map.1",
        || window.map(ADDRESS, 0, 1, access, MemoryType::Normal),
        |mapped| {
            assert_eq!(mapped, Ok(1));
            assert_eq!(window.unmap(ADDRESS, 1), Ok(1));
        },
    );
    Ok(())
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
