//! What no compiler would write: kernel calls with every register under control, and instructions
//! that user mode may not execute. For x86_64; all unsafe code of this program is here.

use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;

use crate::test::park;

/// Registers around a kernel call, in the order of [`NAMES`].
pub type Registers = [u64; 16];

/// Names of the registers.
pub const NAMES: [&str; 16] = [
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

/// Makes a kernel call with all registers but rsp as given; answers all registers after it, and
/// rsp as it was before it.
#[inline(never)]
pub fn call_with(before: &Registers) -> (Registers, u64) {
    let mut after = [0; 16];
    let stack;
    // SAFETY: the block saves what the compiler needs and the kernel destroys; it reads `before`
    // and writes `after` in full, and what the kernel call means is the caller's affair.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "push rcx",
            "push rsp",
            "mov rax, [rdx]",
            "mov rbx, [rdx + 8]",
            "mov rcx, [rdx + 16]",
            "mov rsi, [rdx + 32]",
            "mov rdi, [rdx + 40]",
            "mov rbp, [rdx + 48]",
            "mov r8, [rdx + 64]",
            "mov r9, [rdx + 72]",
            "mov r10, [rdx + 80]",
            "mov r11, [rdx + 88]",
            "mov r12, [rdx + 96]",
            "mov r13, [rdx + 104]",
            "mov r14, [rdx + 112]",
            "mov r15, [rdx + 120]",
            "mov rdx, [rdx + 24]",
            "syscall",
            // Two words on the stack: where `after` is, and rsp as it was.
            "push rax",
            "mov rax, [rsp + 16]",
            "mov [rax + 8], rbx",
            "mov [rax + 16], rcx",
            "mov [rax + 24], rdx",
            "mov [rax + 32], rsi",
            "mov [rax + 40], rdi",
            "mov [rax + 48], rbp",
            "mov [rax + 64], r8",
            "mov [rax + 72], r9",
            "mov [rax + 80], r10",
            "mov [rax + 88], r11",
            "mov [rax + 96], r12",
            "mov [rax + 104], r13",
            "mov [rax + 112], r14",
            "mov [rax + 120], r15",
            "pop qword ptr [rax]",
            "mov [rax + 56], rsp",
            // `push rsp` stored the value before it, which is 8 above where it lies.
            "pop rdx",
            "sub rdx, 8",
            "pop rcx",
            "pop rbp",
            "pop rbx",
            in("rcx") after.as_mut_ptr(),
            inout("rdx") before.as_ptr() => stack,
            out("rax") _, out("rsi") _, out("rdi") _, out("r8") _, out("r9") _, out("r10") _,
            out("r11") _, out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
    (after, stack)
}

/// Selector of the code segment in use.
pub fn code_segment() -> u64 {
    let selector;
    // SAFETY: it only reads.
    unsafe { asm!("mov {}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) }
    selector
}

/// Memory that assembly writes to.
#[repr(C, align(64))]
struct Dump(UnsafeCell<Registers>);

// SAFETY: `dump_registers` writes it in one thread, which is done before another reads it.
unsafe impl Sync for Dump {}

static DUMP: Dump = Dump(UnsafeCell::new([0; 16]));

/// What [`dump_registers`] saw.
pub fn dumped() -> Registers {
    // SAFETY: aligned and initialised; volatile, since assembly wrote it.
    unsafe { DUMP.0.get().read_volatile() }
}

/// First instructions of a thread: stores all its registers.
#[unsafe(naked)]
pub extern "C" fn dump_registers(_: u64) -> ! {
    naked_asm!(
        "mov [rip + {dump}], rax",
        "mov [rip + {dump} + 8], rbx",
        "mov [rip + {dump} + 16], rcx",
        "mov [rip + {dump} + 24], rdx",
        "mov [rip + {dump} + 32], rsi",
        "mov [rip + {dump} + 40], rdi",
        "mov [rip + {dump} + 48], rbp",
        "mov [rip + {dump} + 56], rsp",
        "mov [rip + {dump} + 64], r8",
        "mov [rip + {dump} + 72], r9",
        "mov [rip + {dump} + 80], r10",
        "mov [rip + {dump} + 88], r11",
        "mov [rip + {dump} + 96], r12",
        "mov [rip + {dump} + 104], r13",
        "mov [rip + {dump} + 112], r14",
        "mov [rip + {dump} + 120], r15",
        "jmp {park}",
        dump = sym DUMP,
        park = sym park,
    )
}

/// A thread that fills its registers with multiples of its argument and watches them for ever; it
/// dies of an invalid instruction if one changes.
#[unsafe(naked)]
pub extern "C" fn watch_registers(_: u64) -> ! {
    naked_asm!(
        "mov rax, rdi",
        "lea rbx, [rax + rdi]",
        "lea rcx, [rbx + rdi]",
        "lea rdx, [rcx + rdi]",
        "lea rsi, [rdx + rdi]",
        "lea rbp, [rsi + rdi]",
        "lea r8, [rbp + rdi]",
        "lea r9, [r8 + rdi]",
        "lea r10, [r9 + rdi]",
        "lea r11, [r10 + rdi]",
        "lea r12, [r11 + rdi]",
        "lea r13, [r12 + rdi]",
        "lea r14, [r13 + rdi]",
        "lea r15, [r14 + rdi]",
        "2:",
        "cmp rax, rdi",
        "jne 3f",
        "sub r15, r14",
        "cmp r15, rdi",
        "jne 3f",
        "lea r15, [r14 + rdi]",
        "sub r14, r13",
        "cmp r14, rdi",
        "jne 3f",
        "lea r14, [r13 + rdi]",
        "sub r13, r12",
        "cmp r13, rdi",
        "jne 3f",
        "lea r13, [r12 + rdi]",
        "sub r12, r11",
        "cmp r12, rdi",
        "jne 3f",
        "lea r12, [r11 + rdi]",
        "sub r11, r10",
        "cmp r11, rdi",
        "jne 3f",
        "lea r11, [r10 + rdi]",
        "sub r10, r9",
        "cmp r10, rdi",
        "jne 3f",
        "lea r10, [r9 + rdi]",
        "sub r9, r8",
        "cmp r9, rdi",
        "jne 3f",
        "lea r9, [r8 + rdi]",
        "sub r8, rbp",
        "cmp r8, rdi",
        "jne 3f",
        "lea r8, [rbp + rdi]",
        "sub rbp, rsi",
        "cmp rbp, rdi",
        "jne 3f",
        "lea rbp, [rsi + rdi]",
        "sub rsi, rdx",
        "cmp rsi, rdi",
        "jne 3f",
        "lea rsi, [rdx + rdi]",
        "sub rdx, rcx",
        "cmp rdx, rdi",
        "jne 3f",
        "lea rdx, [rcx + rdi]",
        "sub rcx, rbx",
        "cmp rcx, rdi",
        "jne 3f",
        "lea rcx, [rbx + rdi]",
        "sub rbx, rax",
        "cmp rbx, rdi",
        "jne 3f",
        "lea rbx, [rax + rdi]",
        "jmp 2b",
        "3: ud2",
    )
}

/// Threads of a few instructions each; the first is the one that matters.
macro_rules! snippets {
    ($($(#[doc = $doc:literal])* $name:ident: $($line:literal),+;)*) => {
        $(
            $(#[doc = $doc])*
            #[unsafe(naked)]
            pub extern "C" fn $name(_: u64) -> ! {
                naked_asm!($($line,)+ "jmp {park}", park = sym park)
            }
        )*
    };
}

snippets! {
    /// Loads from its argument.
    load: "mov rax, [rdi]";
    /// Stores to its argument.
    store: "mov [rdi], rdi";
    /// Jumps to its argument.
    jump: "jmp rdi";
    /// No instruction.
    undefined: "ud2";
    /// A breakpoint.
    breakpoint: "int3";
    /// Divides by zero.
    divide: "div rdi";
    /// Turns interrupts off.
    disable_interrupts: "cli";
    /// Turns them on.
    enable_interrupts: "sti";
    /// Stops the CPU.
    halt: "hlt";
    /// Reads a control register.
    read_control: "mov rax, cr3";
    /// Writes one.
    write_control: "mov cr3, rdi";
    /// Reads a debug register.
    read_debug: "mov rax, dr7";
    /// Reads a model-specific register.
    read_machine: "rdmsr";
    /// Writes one.
    write_machine: "wrmsr";
    /// Reads an I/O port.
    read_port: "in al, 0x60";
    /// Writes an I/O port.
    write_port: "out 0xf4, al";
    /// Loads an interrupt table.
    load_interrupts: "lidt [rsp]";
    /// Stores one.
    store_interrupts: "sidt [rsp - 32]";
    /// Flushes a translation.
    flush: "invlpg [rdi]";
    /// Exchanges the GS base.
    exchange_base: "swapgs";
    /// Returns as the kernel does.
    system_return: "sysretq";
    /// The other system call.
    system_enter: "sysenter";
    /// The system call of Linux for i386.
    interrupt_128: "int 0x80";
    /// An interrupt that a device may have.
    interrupt_device: "int 0x22";
    /// A double fault by hand.
    interrupt_8: "int 8";
    /// A page fault by hand.
    interrupt_14: "int 14";
    /// A floating-point instruction.
    float: "fld1";
    /// A vector instruction.
    vector: "xorps xmm0, xmm0";
    /// A wide vector instruction.
    wide_vector: "vxorps ymm0, ymm0, ymm0";
    /// Stores its thread bases at its argument: FS, then GS.
    tell_bases: "rdfsbase rax", "mov [rdi], rax", "rdgsbase rax", "mov [rdi + 8], rax";
    /// Sets its GS base to its argument, waits for the signal whose descriptor stands at 16, and
    /// stores at its argument what its GS base is then.
    keep_base: "wrgsbase rdi", "mov rbx, rdi", "mov eax, 0xc02", "mov rdi, [rbx + 16]",
        "xor esi, esi", "syscall", "rdgsbase rax", "mov [rbx], rax";
    /// Sets single-step: the next instruction is the last.
    single_step: "pushfq", "or dword ptr [rsp], 0x100", "popfq", "nop";
    /// Sets the direction and alignment flags, makes a kernel call, and stores its flags.
    keep_flags: "mov rbx, rdi", "pushfq", "or dword ptr [rsp], 0x40400", "popfq",
        "mov eax, 0x101", "xor edi, edi", "xor esi, esi", "syscall",
        "pushfq", "pop qword ptr [rbx]", "cld";
    /// Goes on in the code segment that is its argument. (A far return would do, but QEMU's reads
    /// the stack with the kernel's eyes and trips over SMAP.)
    change_segment: "lea rax, [rip + 2f]", "mov [rsp - 16], eax", "mov [rsp - 12], di",
        "jmp fword ptr [rsp - 16]", "2:";
    /// Makes a system call in the manner of Linux and stores the result at its argument.
    foreign_call: "mov rbx, rdi", "mov eax, 39", "mov edi, 1", "mov esi, 2", "mov edx, 3",
        "mov r10d, 4", "mov r8d, 5", "mov r9d, 6", "syscall", "mov [rbx], rax";
    /// Loads a vector register from its argument, yields ten times, and stores it behind that.
    keep_vector: "movq xmm7, qword ptr [rdi]", "mov rbx, rdi", "mov ebp, 10",
        "2: mov eax, 0x101", "xor edi, edi", "xor esi, esi", "syscall",
        "dec ebp", "jnz 2b", "movq qword ptr [rbx + 8], xmm7";
    /// Loads a vector register from its argument, calls the port whose descriptor stands at 16 ten
    /// times, and stores the register at 8.
    call_with_vector: "movq xmm7, qword ptr [rdi]", "mov rbx, rdi", "mov ebp, 10",
        "2: mov eax, 0xa01", "mov rdi, [rbx + 16]", "xor esi, esi", "syscall",
        "dec ebp", "jnz 2b", "movq qword ptr [rbx + 8], xmm7";
    /// Loads a vector register from its argument, serves the port whose descriptor stands at 16,
    /// and counts at 8 how often the register was as it should after that; dies of an invalid
    /// instruction if it is not.
    serve_with_vector: "movq xmm7, qword ptr [rdi]", "mov rbx, rdi", "mov eax, 0xa04",
        "2: mov rdi, [rbx + 16]", "xor esi, esi", "syscall",
        "movq rax, xmm7", "cmp rax, [rbx]", "jne 3f", "inc qword ptr [rbx + 8]",
        "mov eax, 0xa02", "jmp 2b", "3: ud2";
    /// Receives from the port that is its argument, and uses a vector register while it serves.
    receive_then_vector: "mov eax, 0xa04", "xor esi, esi", "syscall", "movq rax, xmm7";
    /// Stores a vector register behind its argument.
    read_vector: "movq qword ptr [rdi + 8], xmm7";
    /// Stores a wide vector register at its argument.
    read_wide_vector: "vmovdqu ymmword ptr [rdi], ymm7";
    /// Loads a vector register from its argument and compares it with that for ever, counting
    /// behind it; dies of an invalid instruction if it changes.
    watch_vector: "movq xmm7, qword ptr [rdi]",
        "2: movq rax, xmm7", "cmp rax, [rdi]", "jne 3f", "inc qword ptr [rdi + 16]", "jmp 2b",
        "3: ud2";
}
