//! How CPUs take turns in the kernel and ask each other to forget translations.
//!
//! One CPU at a time is in the kernel ([`Lock`]). What another CPU has to forget is asked for with
//! the lock held and waited for after it was given back ([`Requests`]); whoever waits, for the lock
//! or for an answer, serves meanwhile.
//!
//! It is a crate of its own because the same code runs under a model checker: with `--cfg loom` its
//! atomics are loom's, and `tests/` tries every order in which CPUs can see each other's stores.
//! What a machine does beside, sending interrupts and flushing, is its caller's.

#![no_std]
#![forbid(unsafe_code)]

mod lock;
mod requests;

pub use lock::Lock;
pub use requests::{Request, Requests};

/// The machine's atomics.
#[cfg(not(loom))]
mod atomic {
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};
}

/// Those of the model checker.
#[cfg(loom)]
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64};
}

/// A function that makes a constant, where the atomics allow it.
macro_rules! constructor {
    ($(#[$attribute:meta])* $name:ident $body:block) => {
        $(#[$attribute])*
        #[cfg(not(loom))]
        pub const fn $name() -> Self $body

        $(#[$attribute])*
        #[cfg(loom)]
        pub fn $name() -> Self $body
    };
}
use constructor;
