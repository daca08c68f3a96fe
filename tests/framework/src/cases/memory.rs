//! Memory management.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nun::memory::{Maker, SlabCache};
use nun::{Access, Error, Frame, Generic, IpcPort, Node, Pcb, Reason, VectorState};

use crate::{Case, World};

const PAGE: u64 = 4096;

/// The cases of this file.
pub const ALL: &[(&str, Case)] = &[
    ("memory.objects_come_and_go", objects_come_and_go),
    ("memory.all_of_it_can_be_one_block", all_of_it_can_be_one_block),
    ("memory.slabs_hold_every_object", slabs_hold_every_object),
    ("memory.fresh_pages_are_zero_again", fresh_pages_are_zero_again),
    ("memory.large_pages_work", large_pages_work),
    ("memory.heap_grows_and_shrinks", heap_grows_and_shrinks),
    ("memory.heap_says_when_it_is_full", heap_says_when_it_is_full),
];

fn objects_come_and_go(world: &mut World) -> Result<(), Error> {
    let resources = &mut world.resources;
    for _ in 0..20 {
        let port: IpcPort = resources.make(0)?;
        let node: Node = resources.make(5)?;
        let frame: Frame = resources.make(16)?;
        let pcb: Pcb = resources.make(0)?;
        let state: VectorState = resources.make(0)?;
        resources.discard(node)?;
        resources.discard(port)?;
        resources.discard(state)?;
        resources.discard(frame)?;
        resources.discard(pcb)?;
        assert!(resources.discard(port).is_err(), "discarded twice");
    }
    Ok(())
}

fn all_of_it_can_be_one_block(world: &mut World) -> Result<(), Error> {
    let (pool, _) = world.resources.parts();
    let largest = pool.buddy().largest().expect("there is memory");
    // Cut it small, then have it whole again.
    let pieces: Result<Vec<Generic>, Error> =
        (0..40).map(|bits| pool.make(6 + bits % 14)).collect();
    for piece in pieces? {
        pool.discard(piece)?;
    }
    let whole: Generic = pool.make(largest)?;
    pool.discard(whole)
}

fn slabs_hold_every_object(world: &mut World) -> Result<(), Error> {
    fn go_round<T: nun::capability::Capability>(world: &mut World, bits: u8) -> Result<(), Error> {
        let mut cache = SlabCache::<T, 4>::new(0, bits);
        let objects: Result<Vec<T>, Error> =
            (0..20).map(|_| cache.take(&mut world.resources)).collect();
        for object in objects? {
            cache.put(object, &mut world.resources)?;
        }
        Ok(())
    }
    go_round::<Pcb>(world, 16)?;
    go_round::<VectorState>(world, 16)?;
    go_round::<IpcPort>(world, 12)
}

fn fresh_pages_are_zero_again(world: &mut World) -> Result<(), Error> {
    for round in 1..4 {
        let pages = world.resources.map_fresh(37)?;
        for offset in (0..pages.bytes()).step_by(8) {
            assert_eq!(pages.read(offset), 0);
            pages.write(offset, round);
        }
        world.resources.unmap_fresh(pages)?;
    }
    Ok(())
}

fn large_pages_work(world: &mut World) -> Result<(), Error> {
    let (pool, space) = world.resources.parts();
    let tables = space.table_count();
    let pages = 3 << 9;
    let address = space.allocate(pool, pages, Access::READ | Access::WRITE)?;
    assert!(space.table_count() <= tables + 1, "no tables for small pages");
    let mapped = nun::mapped::Mapped::in_workspace(address, pages * PAGE);
    for offset in (0..mapped.bytes()).step_by(PAGE as usize) {
        assert_eq!(mapped.read(offset), 0);
        mapped.write(offset, offset as u64);
    }
    // All of a large page has the same access.
    space.protect(pool, address, 512, Access::READ)?;
    assert_eq!(space.address_space().translate(address)?, (1, Access::READ));
    let refused = space.allocate(pool, 1 << 30, Access::READ).unwrap_err();
    assert_eq!(refused.reason, Reason::NotEnoughMemory);
    space.release(pool, address)?;
    assert_eq!(space.address_space().translate(address)?.0, 0);
    Ok(())
}

fn heap_grows_and_shrinks(_world: &mut World) -> Result<(), Error> {
    let before = nun_heap::reserve();
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    for number in 0..2000 {
        names.insert(number * 7919 % 2003, number.to_string());
    }
    let large: Vec<u64> = (0..1 << 19).collect();
    assert!(nun_heap::reserve() + (4 << 20) <= before, "four MiB more are in use");
    assert_eq!(names.get(&(7919 % 2003)).map(String::as_str), Some("1"));
    assert_eq!(large.iter().sum::<u64>(), (1 << 19) * ((1 << 19) - 1) / 2);
    drop((names, large));
    assert_eq!(nun_heap::reserve(), before, "all blocks were given back");
    Ok(())
}

fn heap_says_when_it_is_full(_world: &mut World) -> Result<(), Error> {
    let mut much: Vec<u8> = Vec::new();
    much.try_reserve(64 << 20).expect_err("more than the quota");
    much.try_reserve(4 << 20).expect("less than the quota");
    Ok(())
}
