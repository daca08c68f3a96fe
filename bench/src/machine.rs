//! Instructions that the compiler of a server does not make. For x86_64; all unsafe code of these
//! programs is here.

use core::arch::asm;

/// The lower half of the time-stamp counter, once all instructions before have been executed.
#[inline(always)]
pub fn stamp() -> u32 {
    let ticks;
    // SAFETY: the kernel lets user mode read the counter; the registers that this writes are
    // operands.
    unsafe {
        asm!(
            "rdtscp",
            out("eax") ticks,
            out("edx") _,
            out("ecx") _,
            options(nomem, nostack, preserves_flags),
        );
    }
    ticks
}

/// Uses a vector register, so that the process has vector state to be kept.
pub fn use_vectors() {
    // SAFETY: the compiler uses no vector registers for this target, so none of its values is in
    // the one that changes.
    unsafe { asm!("xorps xmm0, xmm0", options(nomem, nostack, preserves_flags)) }
}

/// Makes a system call in the manner of Linux.
#[inline(always)]
pub fn foreign_call(number: u64, arguments: [u64; 6]) -> u64 {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let result;
    // SAFETY: the resolver answers with a number and changes nothing else; registers that a
    // system call may destroy are operands.
    unsafe {
        asm!(
            "syscall",
            inout("rax") number => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            in("r10") fourth,
            in("r8") fifth,
            in("r9") sixth,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}
