//! Runs guests on the kernel's virtual CPUs.
//!
//! A guest is a process that runs a virtual CPU; what it cannot do itself comes to its monitor as a
//! message. [`Vm`] makes such processes, gives them memory and a kernel, and answers their messages by a
//! [`Machine`](amateras_machine::Machine). It has no loop of its own for the machine's first CPU: whoever has
//! a port to receive at, a timer and a console calls [`Vm::exit`] and [`Vm::attend`]. Each other CPU that
//! processors of the guest run on has a thread of the monitor's, so that an exit is answered where it
//! happens.
#![no_std]
#![forbid(unsafe_code)]

mod make;
mod memory;
mod options;
mod order;
mod processors;
mod server;
mod shared;
mod state;
mod threads;
mod vm;

pub use amateras_boot::{COMMAND_LINE_BYTES, File, Unreadable};
pub use amateras_machine::End;
pub use memory::Memory;
pub use options::{Guest, Options, StartError};
pub use vm::Vm;
