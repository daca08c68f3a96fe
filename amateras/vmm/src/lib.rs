//! Runs guests on the kernel's virtual CPUs.
//!
//! A guest is a process that runs a virtual CPU; what it cannot do itself comes to its monitor as a
//! message. [`Vm`] makes such a process, gives it memory and a kernel, and answers its messages by a
//! [`Machine`](amateras_machine::Machine). It has no loop of its own: whoever has a port to receive at,
//! a timer and a console calls [`Vm::exit`] and [`Vm::attend`].
#![no_std]
#![forbid(unsafe_code)]

mod memory;
mod processors;
mod state;
mod vm;

pub use memory::Memory;
pub use vm::{Guest, Options, StartError, Vm};
