//! What a guest's machine does when the guest is left.
//!
//! An exit says why, and how the processor stood; [`Machine::exit`] answers what changes. That is all
//! policy of the monitor: which processor the guest sees ([`Identity`]), which of its registers there
//! are, how devices are reached, when an interrupt goes in. Nothing here makes a kernel call, so the
//! host's tests play a guest.
#![no_std]
#![forbid(unsafe_code)]

mod answer;
mod arithmetic;
mod emulate;
mod extended;
mod identity;
mod lengths;
mod machine;
mod moves;
mod operation;
mod processor;
mod registers;
mod stop;
mod string;
mod walk;

pub use answer::{Answer, Next};
pub use identity::{Identity, LEAVES};
pub use machine::{Machine, Notes};
pub use processor::{Processor, XCR0};
pub use stop::{End, Stand, Stop};
