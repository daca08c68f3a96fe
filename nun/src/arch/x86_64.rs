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

/// Names of the registers that the kernel numbers, in that order.
pub const REGISTER_NAMES: [&str; 20] = [
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15", "rip", "rflags", "fs base", "gs base",
];

/// Number of the stack pointer.
pub const STACK_REGISTER: usize = 7;

/// Number of the instruction pointer.
pub const INSTRUCTION_REGISTER: usize = 16;

/// Longest call instruction, in bytes.
pub const CALL_BYTES: usize = 7;

/// A call instruction, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// To this address.
    Direct(u64),
    /// To wherever a register or memory says.
    Indirect,
}

/// The call instruction that ends right before `address`, if the [`CALL_BYTES`] bytes in front of it,
/// `code`, end with one (Intel SDM, volume 2, CALL).
pub fn call_before(code: &[u8; CALL_BYTES], address: u64) -> Option<Call> {
    if let [.., 0xe8, a, b, c, d] = *code {
        let distance = i32::from_le_bytes([a, b, c, d]);
        return Some(Call::Direct(address.wrapping_add_signed(distance.into())));
    }
    // FF /2, with as many bytes behind it as the addressing mode has.
    let is_call = |modrm: u8, length: usize| {
        let (mode, register, place) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
        let scaled = usize::from(place == 4 && mode != 3);
        let displacement = match (mode, place) {
            (0, 5) | (2, _) => 4,
            (1, _) => 1,
            _ => 0,
        };
        register == 2 && length == 2 + scaled + displacement
    };
    (2..=CALL_BYTES)
        .find(|length| {
            let start = CALL_BYTES - length;
            code[start] == 0xff && is_call(code[start + 1], *length)
        })
        .map(|_| Call::Indirect)
}

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

/// Copies `bytes` bytes, from low addresses to high ones.
///
/// # Safety
/// Both stretches are mapped, `to` writable, and hold no Rust object that anybody reads or writes
/// meanwhile, but for the one that the caller borrows.
#[inline]
pub unsafe fn copy(from: usize, to: usize, bytes: usize) {
    // SAFETY: the direction flag is clear (System V ABI); the rest is the caller's promise. Other
    // processes may write there meanwhile, which is nothing to assembly.
    unsafe {
        asm!(
            "rep movsq",
            "mov ecx, {rest:e}",
            "rep movsb",
            rest = in(reg) bytes % 8,
            inout("rsi") from => _,
            inout("rdi") to => _,
            inout("rcx") bytes / 8 => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Writes zeros into `words` words.
///
/// # Safety
/// As for [`copy`].
#[inline]
pub unsafe fn clear(to: usize, words: usize) {
    // SAFETY: as for `copy`.
    unsafe {
        asm!(
            "rep stosq",
            inout("rdi") to => _,
            inout("rcx") words => _,
            in("rax") 0,
            options(nostack, preserves_flags),
        );
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_from_other_code() {
        let direct = call_before(&[0, 0, 0xe8, 0x10, 0, 0, 0], 0x1000);
        assert_eq!(direct, Some(Call::Direct(0x1010)));
        let back = call_before(&[0x90, 0x90, 0xe8, 0xf0, 0xff, 0xff, 0xff], 0x1000);
        assert_eq!(back, Some(Call::Direct(0xff0)));
        let indirect: [[u8; CALL_BYTES]; 5] = [
            // call rax, call [rax], call [rax + 8], call [rip + 0x12345678], call [rsp + 8]
            [0, 0, 0, 0, 0, 0xff, 0xd0],
            [0, 0, 0, 0, 0, 0xff, 0x10],
            [0, 0, 0, 0, 0xff, 0x50, 8],
            [0, 0xff, 0x15, 0x78, 0x56, 0x34, 0x12],
            [0, 0, 0, 0xff, 0x54, 0x24, 8],
        ];
        for code in indirect {
            assert_eq!(call_before(&code, 0x1000), Some(Call::Indirect), "{code:x?}");
        }
        // jmp rax; a call that ends earlier; nothing.
        for code in [[0, 0, 0, 0, 0, 0xff, 0xe0], [0, 0, 0, 0, 0xff, 0xd0, 0x90], [0; CALL_BYTES]] {
            assert_eq!(call_before(&code, 0x1000), None, "{code:x?}");
        }
    }
}
