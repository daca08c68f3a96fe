//! Nun: the framework to build operating systems on A9N.
//!
//! The smallest one:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! nun::entry!(main);
//!
//! fn main() {
//!     nun::println!("Hello from A9N!");
//! }
//! ```
//!
//! What it offers, from the machine upwards:
//! - [`syscall`]: the one way into the kernel, for the architectures in `arch`;
//! - [`capability`]: a type for each kernel object with a method for each operation, made from
//!   the interface table of `a9n-abi`;
//! - [`Message`], [`Received`] and the methods of [`IpcPort`] and [`Reply`]: messages;
//! - [`entry!`], [`println!`] and the panic handler: what makes a program;
//! - [`aci`]: conventions between processes, unknown to the kernel and replaceable;
//! - [`memory`]: user-level memory management, in parts that can be used alone;
//! - [`guest`]: what a monitor of virtual machines receives and answers;
//! - [`thread`]: several threads in one address space;
//! - [`service`], [`channel`] and [`executor`]: interfaces as traits, their clients and servers;
//! - [`Resources`] and [`Process`]: memory, slots and processes for whoever starts others.
//!
//! Nothing here needs a heap. On a host, a stand-in plays the kernel (`hosted`).

#![no_std]

#[cfg(not(target_os = "none"))]
extern crate std;

// What the macros write names this crate from outside.
extern crate self as nun;

pub mod aci;
#[doc(hidden)]
pub mod arch;
mod buffer;
pub mod capability;
pub mod channel;
pub mod console;
mod crash;
pub mod entry;
pub mod executor;
pub mod guest;
#[cfg(not(target_os = "none"))]
pub mod hosted;
pub mod lock;
pub mod mapped;
pub mod memory;
mod message;
#[cfg(target_os = "none")]
mod panic;
mod port;
mod process;
mod received;
mod resources;
pub mod service;
pub mod slots;
#[cfg(test)]
mod stub_tests;
pub mod syscall;
pub mod thread;

pub use a9n_abi as abi;
pub use a9n_abi::init::{InitGeneric, InitInfo, InitModule};
pub use a9n_abi::{
    Access, Culprit, Descriptor, Error, FaultReason, MemoryType, ObjectType, Reason, Rights,
    Verdict,
};
pub use arch::{breakpoint, short_ticks, ticks};
pub use buffer::{Buffer, buffer};
pub use capability::{
    AddressSpace, Frame, Generic, InterruptPort, InterruptRegion, IoPort, IpcPort, Node,
    NotificationPort, PageTable, Pcb, Reply, Timer, VectorState, VirtualAddressSpace, VirtualCpu,
    Window, debug_exit, yield_now,
};
pub use crash::CrashReport;
pub use heapless;
pub use message::Message;
pub use nun_macros::service;
pub use process::{Process, Start, StartError, Usage};
pub use received::{Arrival, Ending, Fault, Received};
pub use resources::{EXHAUSTED, Resources, map_pages, range_around};
pub use slots::{SlotAllocator, Slots};
