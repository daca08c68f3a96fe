//! Model-specific registers that the monitor answers for. What is not here is not there: a general
//! protection fault, which kernels expect.

/// The time-stamp counter's adjustment, the microcode's version, and AMD's register of hardware
/// configuration and its neighbours, which kernels read without asking.
const MICROCODE: u32 = 0x8b;
const PLATFORM: u32 = 0x17;
const MISC_ENABLE: u32 = 0x1a0;
const AMD_SYSTEM: u32 = 0xc001_0010;
const AMD_HARDWARE: u32 = 0xc001_0015;
const AMD_NORTHBRIDGE: u32 = 0xc001_001f;
const AMD_INTERRUPT_PENDING: u32 = 0xc001_0055;
const AMD_DECODE: u32 = 0xc001_1029;

/// AMD's hardware configuration: the counter counts at one rate.
const STEADY_COUNTER: u64 = 1 << 24;
/// Fast string instructions are on.
const FAST_STRINGS: u64 = 1;

/// What a register holds; `None` if there is none.
pub const fn read(number: u32) -> Option<u64> {
    match number {
        MICROCODE
        | PLATFORM
        | AMD_SYSTEM
        | AMD_NORTHBRIDGE
        | AMD_INTERRUPT_PENDING
        | AMD_DECODE => Some(0),
        MISC_ENABLE => Some(FAST_STRINGS),
        AMD_HARDWARE => Some(STEADY_COUNTER),
        _ => None,
    }
}

/// Whether a register can be written, which changes nothing.
pub const fn ignores(number: u32) -> bool {
    read(number).is_some()
}
