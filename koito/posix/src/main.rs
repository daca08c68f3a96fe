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

/// By how much the server's own memory grows at a time: its books say of few stretches where they are.
const GROWTH: usize = 1 << 20;

#[global_allocator]
static HEAP: nun_heap::Counted = nun_heap::Counted::growing_by(GROWTH);

/// Bytes that the server has allocated for its own use.
#[inline]
fn own_memory() -> usize {
    HEAP.used()
}

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let there = Objects::new(&environment.pool);
    let (objects, heap) = there.expect("the manifest gives memory for programs");
    nun_heap::start(heap);
    serve::serve(Server::new(&environment, objects)?)
}
