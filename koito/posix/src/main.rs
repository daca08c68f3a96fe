//! The POSIX server: runs unmodified Linux programs as foreign processes.
//!
//! It is their resolver: system calls and faults reach it as messages, and it controls their registers,
//! memory and threads through capabilities alone. A call that has to wait is kept as data, and its thread
//! stopped; so one thread of the server on each processor serves all of them.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod account;
mod buffer;
mod call;
mod calls;
mod clock;
mod disk;
mod exec;
mod files;
mod machine;
mod mapped;
mod mounts;
mod names;
mod owner;
mod process;
mod registry;
mod serve;
mod server;
mod service;
mod sharing;
mod shortage;
mod shown;
mod signal;
mod space;
mod system_text;
mod terminals;
mod timers;
mod wake;

use koito::{Environment, Missing};
use machine::Objects;
use server::Server;

nun::entry!(main, stack = 256 * 1024);

/// What programs may not use of the server's own memory: a call that goes on has to find enough for itself.
const RESERVE: usize = 3 << 20;

#[global_allocator]
static HEAP: nun_heap::Counted = nun_heap::Counted::new();

/// Bytes that the server has allocated for its own use.
#[inline]
fn own_memory() -> usize {
    HEAP.used()
}

/// Whether the server's own memory is nearly used up.
#[inline]
fn is_short_of_memory() -> bool {
    own_memory() > machine::HEAP_BYTES - RESERVE
}

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let (objects, memory, heap) = Objects::new().expect("the manifest gives memory for programs");
    nun_heap::start(heap);
    serve::serve(Server::new(&environment, objects, memory)?)
}
