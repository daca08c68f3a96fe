//! Page tables.

use nun::abi::{MAPPING_RUNS, MappingRun};
use nun::{
    Access, AddressSpace, Descriptor, Error, Frame, MemoryType, Node, PageTable, Window, buffer,
};

use crate::ground::{AREA, Ground, READ_WRITE};

/// Logarithm of the bytes of user memory.
const ALL_BITS: u64 = 47;
/// Between two runs, so that each needs tables of its own on two levels.
const FAR: u64 = 1 << 30;

/// A window of the whole own address space.
fn window_of_all(ground: &mut Ground, frame: Frame) -> Result<Window, Error> {
    let slot = ground.slot();
    frame.attach(ground.space(), 0, ALL_BITS, ground.node(), slot)?;
    Ok(Window::slot(slot))
}

/// Puts `count` tables into the pool of `space`.
fn stock(ground: &mut Ground, space: AddressSpace, count: u64) -> Result<(), Error> {
    let wide = ground.wide(9)?;
    ground.fill::<PageTable>(&wide, 0, count)?;
    (1..=count).try_for_each(|index| space.add_table(PageTable::at(wide.at(index))))
}

/// As many runs as fit, each of `pages` pages that cross from one table to the next.
fn write_runs(window: Descriptor, pages: u64, access: Access) {
    for run in 0..MAPPING_RUNS {
        let address = AREA + (run as u64 % 12) * FAR + (1 + run as u64) * (4 << 20) - 2 * 4096;
        buffer().set_run(run, MappingRun::new(address, window, 1, pages, access));
    }
}

/// Does a batch to its end.
fn whole(batch: impl Fn() -> Result<(u64, u64), Error>) -> Result<(), Error> {
    assert_eq!(batch()?, (MAPPING_RUNS as u64, 0));
    Ok(())
}

pub fn batches(ground: &mut Ground) -> Result<(), Error> {
    let frame: Frame = ground.make(16)?;
    let window = window_of_all(ground, frame)?.descriptor();
    let space = ground.space();
    stock(ground, space, 250)?;
    let runs = MAPPING_RUNS as u64;
    write_runs(window, 4, READ_WRITE);
    whole(|| space.map_many(runs))?;
    // What is mapped already is passed over.
    whole(|| space.map_many(runs))?;
    write_runs(window, 4, Access::READ);
    whole(|| space.protect_many(runs))?;
    whole(|| space.unmap_many(runs))?;
    whole(|| space.unmap_many(runs))
}

pub fn pages(ground: &mut Ground) -> Result<(), Error> {
    let frame: Frame = ground.make(22)?;
    // Not aligned to each other, so that no large pages are used.
    let window = ground.map(frame, 0x1000, 1024)?;
    let address = AREA + 0x1000;
    assert_ne!(window.protect(address, 32, Access::READ)?, 0);
    assert_ne!(window.unmap(address, 32)?, 0);
    assert_ne!(window.unmap(address, 32)?, 0);
    assert_ne!(window.map(address, 0, 32, READ_WRITE, MemoryType::Normal)?, 0);
    // Large ones, and their removal one by one.
    let large = ground.map(frame, 1 << 30, 1024)?;
    assert_eq!(large.protect(AREA + (1 << 30), 1024, Access::READ)?, 1024);
    assert_eq!(large.unmap(AREA + (1 << 30), 1024)?, 1024);
    Ok(())
}

pub fn window(ground: &mut Ground) -> Result<(), Error> {
    let frame: Frame = ground.make(16)?;
    let window = window_of_all(ground, frame)?;
    let space = ground.space();
    stock(ground, space, 250)?;
    write_runs(window.descriptor(), 4, READ_WRITE);
    whole(|| space.map_many(MAPPING_RUNS as u64))?;
    ground.node().remove(window.descriptor().index())
}

pub fn space(ground: &mut Ground) -> Result<(), Error> {
    let frame: Frame = ground.make(12)?;
    let space: AddressSpace = ground.make(0)?;
    stock(ground, space, 250)?;
    let windows = ground.wide(7)?;
    for index in 1..100 {
        let address = AREA + index * FAR;
        frame.attach(space, address, 12, windows.node, index)?;
        let run = MappingRun::new(address, windows.at(index), 0, 1, READ_WRITE);
        buffer().set_run(0, run);
        assert_eq!(space.map_many(1)?, (1, 0));
    }
    ground.node().remove(space.descriptor().index())?;
    // The windows and the tables are still there.
    assert_ne!(windows.node.look(99)?.0, 0);
    Ok(())
}

/// Each run is looked up through four nodes, and found wanting.
pub fn far(ground: &mut Ground) -> Result<(), Error> {
    const ROOT: u8 = nun::abi::init::INIT_NODE_RADIX as u8;
    let frame: Frame = ground.make(16)?;
    let nodes = [ground.make::<Node>(2)?, ground.make(2)?, ground.make(2)?];
    nodes[0].copy(1, nodes[1])?;
    nodes[1].copy(1, nodes[2])?;
    frame.attach(ground.space(), 0, ALL_BITS, nodes[2], 1)?;
    let base = nodes[0].descriptor().index();
    let window = Descriptor::path((base << 2 | 1) << 4 | 1 << 2 | 1, ROOT + 6);
    let space = ground.space();
    stock(ground, space, 250)?;
    write_runs(window, 4, READ_WRITE);
    let runs = MAPPING_RUNS as u64;
    whole(|| space.map_many(runs))?;
    whole(|| space.unmap_many(runs))?;
    // None of these is mapped, so each is over after one look.
    whole(|| space.protect_many(runs))
}
