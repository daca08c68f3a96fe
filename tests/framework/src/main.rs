//! Nun's memory management, threads and processes, all of them on the real kernel: one line for each
//! case, and after every case the memory must be what it was.
#![no_std]
#![no_main]

extern crate alloc;

mod cases;
mod protocol;

use nun::memory::HeapMemory;
use nun::{Error, InitInfo, Resources, println};

nun::entry!(main, stack = 128 * 1024);

#[global_allocator]
static HEAP: nun_heap::Heap = nun_heap::empty();

/// Logarithm of the bytes of the heap's quota.
const HEAP_BITS: u8 = 24;

/// The surroundings of a case.
pub struct World {
    /// What init has.
    pub resources: Resources,
    /// The program `child`.
    pub child: &'static [u8],
    /// Ticks in a second.
    pub second: u64,
}

/// What a case finds wrong stops the program with a panic that says so.
type Case = fn(&mut World) -> Result<(), Error>;

fn main(init: &'static InitInfo) -> Result<(), Error> {
    let mut resources = Resources::new(init);
    nun_heap::start(HeapMemory::new(&mut resources, HEAP_BITS)?);
    // The heap's first block holds its books, and stays.
    drop(alloc::boxed::Box::new(HEAP_BITS));
    let child = resources.module("child").expect("the boot configuration has a child")?;
    let mut world = World { resources, child, second: init.ticks_per_second };
    let all: [&[(&str, Case)]; 3] =
        [cases::memory::ALL, cases::threads::ALL, cases::processes::ALL];
    let mut passed = 0;
    for (name, case) in all.into_iter().flatten() {
        let before = (world.resources.free_bytes(), nun_heap::reserve());
        case(&mut world)?;
        let after = (world.resources.free_bytes(), nun_heap::reserve());
        assert_eq!(after, before, "{name}: memory is missing");
        println!("case {name} ... ok");
        passed += 1;
    }
    println!("framework: {passed} passed, 0 failed");
    Ok(())
}
