//! x86_64: how a program enters the kernel, and how it is entered.
//!
//! | register | in | out |
//! |---|---|---|
//! | rax | operation word | – |
//! | rdi | descriptor | identifier |
//! | rsi | message info | message info |
//! | r12 r13 r14 r15 r8 r9 | words 0 to 5 | words 0 to 5 |
//! | rbx rbp rsp | | preserved |
//! | all others, flags | | destroyed |

use core::arch::asm;

use a9n_abi::{Descriptor, MESSAGE_REGISTERS, MessageInfo};
use a9n_loader_core::elf::{self, Architecture};

use crate::syscall::Answer;

/// What an executable must be made for.
pub const MACHINE: &Architecture = &elf::X86_64;

/// What a call leaves on the stack, and a function expects to find there (System V ABI for x86-64,
/// section 3.2.2).
pub const RETURN_ADDRESS_BYTES: u64 = 8;

/// See [`syscall::kernel_call`](crate::syscall::kernel_call).
#[inline(always)]
pub fn kernel_call(
    operation: u64,
    descriptor: Descriptor,
    info: MessageInfo,
    words: [u64; MESSAGE_REGISTERS],
) -> Answer {
    let [mut word0, mut word1, mut word2, mut word3, mut word4, mut word5] = words;
    let (identifier, info_out);
    // SAFETY: the kernel keeps rbx, rbp and rsp and does not use the user's stack; everything
    // else that it may change is an operand, and memory counts as changed. What that means for
    // Rust's memory is written at the top of `syscall`.
    unsafe {
        asm!(
            "syscall",
            inout("rax") operation => _,
            inout("rdi") descriptor.0 => identifier,
            inout("rsi") info.0 => info_out,
            inout("r12") word0,
            inout("r13") word1,
            inout("r14") word2,
            inout("r15") word3,
            inout("r8") word4,
            inout("r9") word5,
            out("rdx") _,
            out("rcx") _,
            out("r10") _,
            out("r11") _,
            options(nostack),
        );
    }
    let words = [word0, word1, word2, word3, word4, word5];
    Answer { identifier, info: MessageInfo(info_out), words }
}

/// Reads the time-stamp counter.
#[inline(always)]
pub fn ticks() -> u64 {
    // SAFETY: the kernel lets user mode read the counter; nothing else is touched.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The lower half of [`ticks`], for short differences: one instruction.
#[inline(always)]
pub fn short_ticks() -> u32 {
    let ticks;
    // SAFETY: as for `ticks`; both registers that it writes are operands.
    unsafe {
        asm!(
            "rdtsc",
            out("eax") ticks,
            out("edx") _,
            options(nomem, nostack, preserves_flags),
        );
    }
    ticks
}

/// The thread-local base.
#[inline(always)]
pub fn thread_base() -> u64 {
    let base;
    // SAFETY: the kernel demands a machine with this instruction and lets user mode use it.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// Stops at a breakpoint: a fault, after which the process can go on.
#[inline(always)]
pub fn breakpoint() {
    // SAFETY: whoever handles the fault may look at the process, and may change it only as a
    // debugger does.
    unsafe { asm!("int3", options(nostack, preserves_flags)) }
}

/// Ends the process with a fault of kind *invalid instruction*.
#[inline(always)]
pub fn abort() -> ! {
    // SAFETY: the instruction faults, and there is nothing behind it.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}

/// Defines the first instruction of a program: it sets the stack pointer to the end of `$stack`,
/// `$bytes` long, and calls `$main` with the first argument register as it found it.
#[doc(hidden)]
#[macro_export]
macro_rules! start {
    ($stack:path, $bytes:expr, $main:path) => {
        ::core::arch::global_asm!(
            ".pushsection .text._start, \"ax\", @progbits",
            ".globl _start",
            "_start:",
            "lea rsp, [rip + {stack} + {bytes}]",
            "xor ebp, ebp",
            "call {main}",
            "ud2",
            ".popsection",
            stack = sym $stack,
            bytes = const $bytes,
            main = sym $main,
        );
    };
}

pub use start;
