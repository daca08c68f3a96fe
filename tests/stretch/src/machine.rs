//! What has no stack: threads of a few instructions, of which there can be thousands, and the marks
//! that the meter looks for. For x86_64; all unsafe code of this program is here.

use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU64, Ordering};

/// First instruction of a thread.
pub type Body = extern "C" fn(u64) -> !;

/// Tells the meter that load `NUMBER` begins, by an instruction that no compiler writes.
pub fn mark<const NUMBER: u16>() {
    // SAFETY: it does nothing.
    unsafe { asm!("nop dword ptr [rax + 0xa90000 + {}]", const NUMBER, options(nomem, nostack)) }
}

/// Registers of a kernel call: rax, rdi, rsi, r12, r13, r14, r15, r8, r9.
pub type Request = [u64; 9];

static REQUESTS: [[AtomicU64; 9]; 128] = [const { [const { AtomicU64::new(0) }; 9] }; 128];

/// Keeps `request` under `number`; answers the argument with which [`repeat`] makes it.
pub fn keep(number: usize, request: Request) -> u64 {
    for (to, word) in REQUESTS[number].iter().zip(request) {
        to.store(word, Ordering::Relaxed);
    }
    REQUESTS[number].as_ptr() as u64
}

/// Makes the kernel call that its argument points to, for ever.
#[unsafe(naked)]
pub extern "C" fn repeat(_: u64) -> ! {
    naked_asm!(
        "mov rbx, rdi",
        "2:",
        "mov rax, [rbx]",
        "mov rdi, [rbx + 8]",
        "mov rsi, [rbx + 16]",
        "mov r12, [rbx + 24]",
        "mov r13, [rbx + 32]",
        "mov r14, [rbx + 40]",
        "mov r15, [rbx + 48]",
        "mov r8, [rbx + 56]",
        "mov r9, [rbx + 64]",
        "syscall",
        "jmp 2b",
    )
}

/// Computes for ever.
#[unsafe(naked)]
pub extern "C" fn spin(_: u64) -> ! {
    naked_asm!("2: jmp 2b")
}

/// Faults for ever: whoever resumes it where it was gets the next fault.
#[unsafe(naked)]
pub extern "C" fn fault(_: u64) -> ! {
    naked_asm!("2: ud2", "jmp 2b")
}
