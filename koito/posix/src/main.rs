//! The POSIX server: runs unmodified Linux programs as foreign processes.
//!
//! It is their resolver: system calls and faults reach it as messages, and it controls their registers,
//! memory and threads through capabilities alone. A call that has to wait is kept as data, and its thread
//! stopped; so one thread serves all of them.
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
mod process;
mod server;
mod service;
mod shortage;
mod shown;
mod signal;
mod space;
mod terminals;
mod timers;
mod wake;

use koito::{Environment, Missing};
use server::Server;

nun::entry!(main, stack = 256 * 1024);

/// All memory that it allocates.
const HEAP_BYTES: usize = 10 << 20;
/// What programs may not use of it: a call that goes on has to find enough for itself.
const RESERVE: usize = 2 << 20;

#[global_allocator]
static HEAP: nun_heap::Inside<HEAP_BYTES> = nun_heap::Inside::new();

/// Bytes that the server has allocated for its own use.
#[inline]
fn own_memory() -> usize {
    HEAP.used()
}

/// Whether the server's own memory is nearly used up.
#[inline]
fn is_short_of_memory() -> bool {
    own_memory() > HEAP_BYTES - RESERVE
}

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let mut server = Server::new(&environment)?;
    server.start_first();
    let error = server.serve();
    panic!("the port is gone: {error}");
}
