//! Everything that depends on the machine. Each architecture exports the same names.

#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86_64")]
pub use x86_64::{
    CALL_BYTES, Call, INSTRUCTION_REGISTER, MACHINE, REGISTER_NAMES, RETURN_ADDRESS_BYTES,
    STACK_REGISTER, abort, breakpoint, call_before, clear, copy, kernel_call, short_ticks, start,
    thread_base, ticks,
};
