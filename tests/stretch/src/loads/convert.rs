//! Objects made, and all of them taken away.

use nun::{
    AddressSpace, Error, Frame, IpcPort, NotificationPort, ObjectType, PageTable, Pcb, VectorState,
};

use crate::ground::Ground;

/// The largest frame that there is memory for.
pub fn frame(ground: &mut Ground) -> Result<(), Error> {
    let frame: Frame = ground.make(24)?;
    assert_eq!(frame.information()?.0, 24);
    Ok(())
}

/// 64 of each at once, or as many as the kernel makes.
pub fn objects(ground: &mut Ground) -> Result<(), Error> {
    let wide = ground.wide(8)?;
    let all = [
        (ObjectType::Generic, 12),
        (ObjectType::Node, 2),
        (ObjectType::Pcb, 0),
        (ObjectType::VectorState, 0),
        (ObjectType::AddressSpace, 0),
        (ObjectType::PageTable, 0),
        (ObjectType::Frame, 12),
        (ObjectType::IpcPort, 0),
        (ObjectType::NotificationPort, 0),
    ];
    for (object, size_bits) in all {
        // Once with memory that was used before, once with such as was cleared already.
        for _ in 0..2 {
            let made = ground.quota().convert(object, size_bits, 64, wide.node, 1)?;
            assert!(made > 0, "no {object:?} was made");
            (1..=made).try_for_each(|index| wide.node.remove(index))?;
        }
    }
    Ok(())
}

/// All kinds of objects die at once, each thousands of times.
pub fn everything(ground: &mut Ground) -> Result<(), Error> {
    let wide = ground.wide(11)?;
    ground.fill::<IpcPort>(&wide, 0, 2000)?;
    let wide = ground.wide(11)?;
    ground.fill::<NotificationPort>(&wide, 0, 2000)?;
    let wide = ground.wide(11)?;
    ground.fill::<Pcb>(&wide, 0, 2000)?;
    let wide = ground.wide(11)?;
    ground.fill::<PageTable>(&wide, 0, 2000)?;
    let wide = ground.wide(8)?;
    ground.fill::<AddressSpace>(&wide, 0, 200)?;
    let wide = ground.wide(8)?;
    ground.fill::<VectorState>(&wide, 0, 200)
}
