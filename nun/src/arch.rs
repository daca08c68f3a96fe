//! Everything that depends on the machine. An architecture exports [`kernel_call`], [`ticks`],
//! [`abort`], [`MACHINE`] and the macro `start!`.

#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86_64")]
pub use x86_64::{MACHINE, abort, kernel_call, start, ticks};
