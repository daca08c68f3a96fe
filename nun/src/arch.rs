//! Everything that depends on the machine. Each architecture exports the same names.

#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86_64")]
pub use x86_64::{
    MACHINE, RETURN_ADDRESS_BYTES, abort, breakpoint, kernel_call, short_ticks, start, thread_base,
    ticks,
};
