//! The portable A9N kernel: capabilities, processes, address spaces, messages, signals. Mechanism
//! only.
//!
//! # Principles
//!
//! - **Decode, check, commit.** [`Invocation::decode`](a9n_abi::Invocation::decode) turns registers
//!   into a typed request, without looking at any state. A handler then checks, reading only, and
//!   returns an error that names the argument. What is left cannot fail, or is *restartable*: it
//!   works in steps that users cannot see, and the process repeats its kernel call.
//! - **An object lives as long as its original capability.** Everything derived goes first. See
//!   `derivation` and `destroy`.
//! - **One event at a time.** There is one kernel stack per CPU and no kernel thread; a process
//!   that blocks leaves nothing behind but its state word and a place in a queue.
//! - **No globals.** [`Kernel`] owns everything, its machine included; any number of them live in
//!   one test.
//!
//! # Where things stand
//!
//! `kernel` has the entries, `fast` the fast paths. `lookup`, `derivation`, `destroy` are the
//! capability system; `generic`, `node`, `pcb` (with `vector` and `guest`), `space`, `frame`,
//! `window`, `ipc`, `reply`, `notification`, `timer`, `interrupt`, `io_port` have one object each;
//! `transfer` copies messages, `trap` calls resolvers, `scheduler` decides who runs, `halt` stops a
//! process whatever it is doing, `boot` makes the first one.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "check"))]
extern crate std;

mod batch;
mod binding;
mod boot;
#[cfg(any(test, feature = "check"))]
pub mod check;
mod cpu;
mod derivation;
mod destroy;
mod donation;
mod fast;
mod fast_device;
mod fast_guest;
mod fast_map;
mod fast_pcb;
mod fast_reply;
mod fast_signal;
mod fast_switch;
mod fast_trap;
mod frame;
mod generic;
mod guest;
mod halt;
mod interrupt;
mod io_port;
mod ipc;
mod kernel;
mod lookup;
mod node;
mod notification;
mod outcome;
mod pcb;
mod reply;
mod scheduler;
mod space;
mod timer;
mod transfer;
mod trap;
mod vector;
mod window;

pub use boot::{Boot, BootError};
pub use fast::{Admitted, Lengths, Long, Owners, Plain, Program, Short, Vectors};
pub use fast_signal::Notified;
pub use kernel::{Kernel, MAXIMUM_CPUS};
