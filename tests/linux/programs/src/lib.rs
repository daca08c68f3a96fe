//! What programs for Linux need when there is no library below them: its calls, an entry point, and a
//! way to print. They run unmodified under every kernel that has Linux's interface, so that what they
//! measure and see is that kernel's, and nothing else's.

#![no_std]

pub mod entry;
pub mod print;
pub mod system;
pub mod vdso;

pub use entry::Arguments;
