//! What no compiler would write: accesses to any address, and every way to fault. For x86_64; all
//! unsafe code of the attacker is here.

use core::arch::asm;

/// Ways to get a fault.
pub const FAULTS: u64 = 20;

/// Reads, writes or jumps to `address`, as `how` says. Whatever is there, this process has only
/// itself to harm.
pub fn touch(address: u64, how: u64) {
    // SAFETY: the attacker holds nothing that it relies on; whether the address is mapped or not,
    // other processes must not notice.
    unsafe {
        match how % 8 {
            0 => asm!("jmp {}", in(reg) address, options(noreturn)),
            1..=3 => asm!("mov [{}], {}", in(reg) address, in(reg) how),
            4 => asm!("lock xadd [{}], {}", in(reg) address, inout(reg) how => _),
            _ => asm!("mov {}, [{}]", out(reg) _, in(reg) address),
        }
    }
}

/// Does what user mode may not, or what stops; most never come back.
pub fn fault(which: u64) {
    // SAFETY: as for `touch`; those that come back change nothing but the registers named.
    unsafe {
        match which % FAULTS {
            0 => asm!("ud2"),
            1 => asm!("int3"),
            2 => asm!("div {0}", in(reg) 0u64, inout("rax") 1u64 => _, inout("rdx") 0u64 => _),
            3 => asm!("cli"),
            4 => asm!("hlt"),
            5 => asm!("mov {}, cr3", out(reg) _),
            6 => asm!("mov cr4, {}", in(reg) which),
            7 => asm!("rdmsr", inout("ecx") 0xc000_0082u32 => _, out("eax") _, out("edx") _),
            8 => asm!("wrmsr", in("ecx") 0xc000_0082u32, in("eax") 0, in("edx") 0),
            9 => asm!("out 0xf4, al", in("al") 0u8),
            10 => asm!("int 0x80"),
            11 => asm!("int 14"),
            12 => asm!("int 0x22"),
            13 => asm!("fld1", "fstp st(0)"),
            14 => asm!("movq xmm0, {}", in(reg) which),
            15 => asm!("pushfq", "or dword ptr [rsp], 0x100", "popfq", "nop"),
            16 => asm!("mov ds, {0:e}", in(reg) which),
            17 => asm!("swapgs"),
            18 => asm!("sysretq", options(noreturn)),
            _ => asm!("wrfsbase {0}", "mov {0}, fs:[0]", inout(reg) which => _),
        }
    }
}

/// Makes a kernel call with a stack pointer that leads nowhere, and comes back with the own one.
pub fn call_without_stack(operation: u64, stack: u64) {
    // SAFETY: the kernel keeps rsp and rbx; the block restores rsp before anything uses it. What
    // else the kernel destroys is named.
    unsafe {
        asm!(
            "push rbx",
            "mov rbx, rsp",
            "mov rsp, r10",
            "syscall",
            "mov rsp, rbx",
            "pop rbx",
            inout("r10") stack => _,
            inout("rax") operation => _, inout("rdi") 0u64 => _, inout("rsi") 0u64 => _,
            out("rdx") _, out("rcx") _, out("r8") _, out("r9") _, out("r11") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
}
