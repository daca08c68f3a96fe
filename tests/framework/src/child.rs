//! A process that init starts, and that does what its argument says.
#![no_std]
#![no_main]

extern crate alloc;

mod locals;
mod protocol;

use alloc::vec::Vec;

use nun::mapped::Mapped;
use nun::memory::HeapMemory;
use nun::{IpcPort, Message, aci};
use protocol::{SHARED, label, role};

nun::entry!(main, stack = 64 * 1024);

#[global_allocator]
static HEAP: nun_heap::Heap = nun_heap::empty();

fn main(argument: u64) -> Result<(), &'static str> {
    match argument & 0xffff_ffff {
        role::EXIT => nun::entry::exit(argument >> 32),
        role::FAIL => Err("as I was told"),
        role::PANIC => panic!("as I was told"),
        role::BREAK => {
            dig(3);
            nun::entry::exit(7)
        }
        role::LOCALS => {
            nun::thread::expect_several();
            tell_locals();
            let entry = thread as *const () as u64;
            let wish = Message::new(label::THREAD, [entry]);
            parent().call(&wish).map_err(|_| "nobody makes threads")?;
            Ok(())
        }
        role::SHARE => {
            let page = Mapped::in_workspace(SHARED, 4096);
            for offset in (0..page.bytes()).step_by(8) {
                page.write(offset, page.read(offset) + 1);
            }
            Ok(())
        }
        role::HEAP => use_heap(),
        _ => Err("I do not know this role"),
    }
}

/// Allocates most of what was granted, twice, and more than that.
fn use_heap() -> Result<(), &'static str> {
    nun_heap::start(HeapMemory::granted().map_err(|_| "no heap was granted")?);
    for _ in 0..2 {
        let words: Vec<u64> = (0..1 << 16).collect();
        if words.iter().sum::<u64>() != ((1 << 16) - 1) << 15 {
            return Err("the words are not what they were");
        }
    }
    let mut much: Vec<u8> = Vec::new();
    much.try_reserve(4 << 20).err().map(|_| ()).ok_or("more came than was granted")
}

/// Stops at a breakpoint, `depth` calls further down.
#[inline(never)]
fn dig(depth: u64) -> u64 {
    if depth == 0 {
        nun::breakpoint();
        return 0;
    }
    core::hint::black_box(dig(core::hint::black_box(depth - 1))) + 1
}

/// The first function of the other thread.
extern "C" fn thread(argument: u64) -> ! {
    locals::add(argument);
    tell_locals();
    nun::thread::finish(0)
}

/// Tells the own thread's words and changes one of them. What is told is too long for registers.
fn tell_locals() {
    let [initialised, zeroed] = locals::read();
    let words = Message::long(label::LOCALS, &[0, 0, 0, 0, 0, 0, initialised, zeroed]);
    locals::add(100);
    // Without a parent there is nobody to be told.
    let _ = parent().send(&words);
}

const fn parent() -> IpcPort {
    IpcPort::slot(aci::slot::PARENT)
}
