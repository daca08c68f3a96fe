//! Instructions that the compiler of a server does not make. For x86_64; all unsafe code of this
//! program is here.

use core::arch::asm;

/// Uses a vector register, so that the process has vector state to be kept.
pub fn use_vectors() {
    // SAFETY: the compiler uses no vector registers for this target, so none of its values is in
    // the one that changes.
    unsafe { asm!("xorps xmm0, xmm0", options(nomem, nostack, preserves_flags)) }
}

/// Makes a system call in the manner of Linux.
#[inline(always)]
pub fn foreign_call(number: u64, argument: u64) -> u64 {
    let result;
    // SAFETY: the resolver answers with a number and changes nothing else; registers that a
    // system call may destroy are operands.
    unsafe {
        asm!(
            "syscall",
            inout("rax") number => result,
            in("rdi") argument,
            in("rsi") 0, in("rdx") 0, in("r10") 0, in("r8") 0, in("r9") 0,
            out("rcx") _, out("r11") _,
            options(nostack),
        );
    }
    result
}
