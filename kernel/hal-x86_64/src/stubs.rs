//! All assembly that runs after boot. [`entry`](crate::entry) says what it does, and why that is
//! sound.

use core::arch::global_asm;
use core::mem::offset_of;

use a9n_abi::ipc_port::word;
use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, Source, kernel, notification, window};

use crate::clock::set_timer_here;
use crate::context::{Context, FIXED_FLAGS, Mode};
use crate::cpu::{AREA_BYTES, CPU_OFFSET, CPUS, Cpu, MAX_CPUS};
use crate::dump::fatal_exception;
use crate::entry::{EXCEPTION_BYTES, Entered, INTERRUPT_BYTES, STUB_BYTES};
use crate::exceptions;
use crate::interrupts::interrupted;
use crate::lock::{LOCK, acquire};
use crate::paging::KERNEL_ROOT;
use crate::processors::{TICKET, a9n_processor};
use crate::segments::{USER_CODE, USER_DATA};

/// Bit `n` is set if the CPU pushes an error code for exception `n`.
const ERROR_CODES: u32 = {
    let (mut mask, mut vector) = (0, 0);
    while vector < 32 {
        mask |= (exceptions::has_error_code(vector) as u32) << vector;
        vector += 1;
    }
    mask
};

/// Bit `n` is set if the machine cannot go on after exception `n`.
const FATAL: u32 = {
    let [a, b, c] = exceptions::FATAL;
    1 << a | 1 << b | 1 << c
};

/// Message info of a foreign call, but for its number, which is the label.
const FOREIGN_INFO: u64 = MessageInfo::new(0, MESSAGE_REGISTERS).from_source(Source::Foreign).0;

global_asm!(
    r#"
// Makes the context at rdx current. The CPU's words lie \cpu bytes above the stack pointer.
// Leaves the context's own bases in rax and r10, and destroys r11.
.macro a9n_switch cpu
    mov     [rsp + \cpu + {CURRENT}], rdx
    mov     r11, [rdx + {ROOT}]
    cmp     r11, [rsp + \cpu + {LOADED_ROOT}]
    je      2f
    mov     [rsp + \cpu + {LOADED_ROOT}], r11
    mov     cr3, r11
2:  mov     rax, [rdx + {FS_BASE}]
    wrfsbase rax
    mov     r10, [rdx + {GS_BASE}]
    wrgsbase r10
.endm

// Saves what a fast path needs, and goes to the stack of CPU \number. From user mode by `syscall`:
// rcx is the return address, r11 the flags.
.macro a9n_save number
    mov     [rip + {CPUS} + {AREA} * \number + {CPU} + {USER_RDX}], rdx
    mov     rdx, [rip + {CPUS} + {AREA} * \number + {CPU} + {CURRENT}]
    mov     [rdx + {RIP}], rcx
    mov     [rdx + {RSP}], rsp
    mov     [rdx + {RBX}], rbx
    mov     [rdx + {RBP}], rbp
    lea     rsp, [rip + {CPUS} + {AREA} * \number + {CPU} - 8]
.endm

// Saves the registers of a foreign system call, and makes a message of them. Keeps rcx.
.macro a9n_save_foreign
    mov     [rdx + {RAX}], rax
    mov     [rdx + {RSI}], rsi
    mov     [rdx + {RDI}], rdi
    mov     [rdx + {R8}], r8
    mov     [rdx + {R9}], r9
    mov     [rdx + {R10}], r10
    mov     [rdx + {RFLAGS}], r11
    mov     [rdx + {R12}], r12
    mov     [rdx + {R13}], r13
    mov     [rdx + {R14}], r14
    mov     [rdx + {R15}], r15
    mov     dword ptr [rdx + {MODE}], {WHOLE}
    mov     r14, [rsp + 8 + {USER_RDX}]
    mov     [rdx + {RDX}], r14
    mov     r12, rdi
    mov     r13, rsi
    mov     r15, r10
    shl     rax, {LABEL_SHIFT}
    lea     rsi, [rax + {FOREIGN_INFO}]
.endm

// Lets the fast path of mapping one page see its arguments: the address becomes one of the
// function's, which may take the flags' place but not the others'.
.macro a9n_save_map
    cmp     r14, 1
    jne     a9n_general
    mov     rcx, r12
    mov     [rdx + {R13}], r13
    mov     [rdx + {R15}], r15
.endm

// Takes the kernel lock for a path.
.macro a9n_lock path, function
a9n_lock_\path:
    lock bts dword ptr [rip + {LOCK}], 0
    jnc     a9n_fast_\function
    call    a9n_acquire
    jmp     a9n_fast_\function
.endm

// Traps unless the stack pointer is as the system call stub left it, 8 below the CPU's words.
.macro a9n_check
.if {CHECKED}
    lea     eax, [rsp + 8]
    and     eax, {AREA} - 1
    cmp     eax, {CPU}
    je      3f
    ud2
3:
.endif
.endm

// Loads what a fast path leaves to the way out; message registers are set, rdx is the context.
.macro a9n_load
    a9n_check
    a9n_switch 8
    mov     rcx, [rdx + {RIP}]
    mov     rsp, [rdx + {RSP}]
    mov     rbx, [rdx + {RBX}]
    mov     rbp, [rdx + {RBP}]
    mov     r11d, {FIXED_FLAGS}
    xor     edx, edx
.endm

// The same for who stays: what a fast path keeps (rbx, rbp) and what nobody else changed (the root
// and the bases) is as it was.
.macro a9n_load_stay
    a9n_check
    mov     rcx, [rdx + {RIP}]
    mov     rsp, [rdx + {RSP}]
    mov     r11d, {FIXED_FLAGS}
    xor     eax, eax
    xor     r10d, r10d
    xor     edx, edx
.endm

// The same for who made a foreign system call: every register, with the result from r12. rcx and r11
// are as `syscall` leaves them.
.macro a9n_load_foreign
    a9n_check
    a9n_switch 8
    mov     rax, r12
    mov     rsi, [rdx + {RSI}]
    mov     rdi, [rdx + {RDI}]
    mov     r8, [rdx + {R8}]
    mov     r9, [rdx + {R9}]
    mov     r10, [rdx + {R10}]
    mov     r12, [rdx + {R12}]
    mov     r13, [rdx + {R13}]
    mov     r14, [rdx + {R14}]
    mov     r15, [rdx + {R15}]
    mov     rbx, [rdx + {RBX}]
    mov     rbp, [rdx + {RBP}]
    mov     rcx, [rdx + {RIP}]
    mov     r11, [rdx + {RFLAGS}]
    mov     rsp, [rdx + {RSP}]
    mov     rdx, [rdx + {RDX}]
.endm

.section .text.a9n_entry, "ax", @progbits

// A system call while there is one CPU.
.balign 64
.globl a9n_system_call_alone
a9n_system_call_alone:
    a9n_save 0
    cmp     rax, {IPC_CALL}
    je      a9n_fast_call
    cmp     rax, {IPC_REPLY_RECEIVE}
    je      a9n_fast_reply_receive
    cmp     rax, {NOTIFY}
    je      a9n_fast_notify
    cmp     rax, {WAIT}
    je      a9n_fast_wait
    cmp     dword ptr [rdx + {FOREIGN}], 0
    jne     2f
    cmp     rax, {WINDOW_MAP}
    je      3f
    mov     ecx, {ALONE}
    cmp     rax, {YIELD}
    je      a9n_fast_yield
    cmp     rax, {POLL}
    je      a9n_fast_poll
    jmp     a9n_general
2:  a9n_save_foreign
    jmp     a9n_fast_foreign
3:  a9n_save_map
    jmp     a9n_fast_map

// System calls while there are several CPUs, each with its own stub. One that is too long does not
// assemble.
.balign 64
.globl a9n_system_calls
a9n_system_calls:
.set a9n_number, 0
.rept {MAX_CPUS}
.org a9n_system_calls + {STUB_BYTES} * a9n_number
    a9n_save a9n_number
    mov     ecx, a9n_number
    jmp     a9n_system_call_locked
.set a9n_number, a9n_number + 1
.endr
.org a9n_system_calls + {STUB_BYTES} * {MAX_CPUS}

// How all of them go on.
a9n_system_call_locked:
    cmp     rax, {IPC_CALL}
    je      a9n_lock_call
    cmp     rax, {IPC_REPLY_RECEIVE}
    je      a9n_lock_reply_receive
    cmp     rax, {NOTIFY}
    je      a9n_lock_notify
    cmp     rax, {WAIT}
    je      a9n_lock_wait
    cmp     dword ptr [rdx + {FOREIGN}], 0
    jne     2f
    cmp     rax, {WINDOW_MAP}
    je      3f
    cmp     rax, {YIELD}
    je      a9n_lock_yield
    cmp     rax, {POLL}
    je      a9n_lock_poll
    jmp     a9n_general
2:  a9n_save_foreign
    a9n_lock foreign, foreign_locked
3:  a9n_save_map
    a9n_lock map, map_locked
.irp path, call, reply_receive, notify, wait
    a9n_lock \path, \path\()_locked
.endr
.irp path, yield, poll
    a9n_lock \path, \path
.endr
// Waits for the lock, and takes it, with everything kept that a fast path looks at.
a9n_acquire:
    push    rdi
    push    rsi
    push    rdx
    push    rcx
    push    r8
    push    r9
    call    {ACQUIRE}
    pop     r9
    pop     r8
    pop     rcx
    pop     rdx
    pop     rsi
    pop     rdi
    ret

// The same as below, when the timer is set to rsi.
.globl a9n_resume_until
a9n_resume_until:
    mov     rdi, rsi
    push    rdx
    call    {SET_TIMER}
    pop     rdx
    jmp     a9n_resume_fast
.globl a9n_resume_until_locked
a9n_resume_until_locked:
    mov     rdi, rsi
    push    rdx
    call    {SET_TIMER}
    pop     rdx
    jmp     a9n_resume_locked

// From a fast path to the context at rdx, as that says. With the kernel lock, the new root is loaded
// before that is given back.
.globl a9n_resume_locked
a9n_resume_locked:
    mov     rax, [rdx + {ROOT}]
    cmp     rax, [rsp + 8 + {LOADED_ROOT}]
    je      2f
    mov     [rsp + 8 + {LOADED_ROOT}], rax
    mov     cr3, rax
2:  mov     dword ptr [rip + {LOCK}], 0
.globl a9n_resume_fast
a9n_resume_fast:
    cmp     dword ptr [rdx + {MODE}], {ANSWER}
    jne     a9n_resume_whole
    mov     rsi, [rdx + {RSI}]
    mov     rdi, [rdx + {RDI}]
    mov     r8, [rdx + {R8}]
    mov     r9, [rdx + {R9}]
    mov     r12, [rdx + {R12}]
    mov     r13, [rdx + {R13}]
    mov     r14, [rdx + {R14}]
    mov     r15, [rdx + {R15}]

// The fast way out.
.globl a9n_leave
a9n_leave:
    a9n_load
    sysretq

// The same with the kernel lock: it is given back when the new root is loaded and nothing more is
// read of the context.
.globl a9n_leave_locked
a9n_leave_locked:
    a9n_load
    mov     dword ptr [rip + {LOCK}], 0
    sysretq

// Back to who called, without and with the kernel lock.
.balign 64
.globl a9n_stay
a9n_stay:
    a9n_load_stay
    sysretq
.globl a9n_stay_locked
a9n_stay_locked:
    a9n_load_stay
    mov     dword ptr [rip + {LOCK}], 0
    sysretq

// On after a foreign system call, without and with the kernel lock. `sysretq` takes every flag that
// a context can have from r11, but for RF, which no system call has set.
.globl a9n_leave_foreign
a9n_leave_foreign:
    a9n_load_foreign
    sysretq
.globl a9n_leave_foreign_locked
a9n_leave_foreign_locked:
    a9n_load_foreign
    mov     dword ptr [rip + {LOCK}], 0
    sysretq

// From a fast path that gave up with the kernel lock.
.globl a9n_retreat_foreign_locked
a9n_retreat_foreign_locked:
    mov     dword ptr [rip + {LOCK}], 0
    jmp     a9n_retreat_foreign
.globl a9n_retreat_locked
a9n_retreat_locked:
    mov     dword ptr [rip + {LOCK}], 0

// From a fast path that gave up, with the operation in rcx, and r10 and r11 destroyed.
.globl a9n_retreat
a9n_retreat:
    mov     rax, rcx
    xor     r10d, r10d
    mov     r11d, {FIXED_FLAGS}

// The general path of a system call: rdx is the caller's context, the stack pointer as above.
a9n_general:
    mov     [rdx + {RAX}], rax
    mov     [rdx + {RSI}], rsi
    mov     [rdx + {RDI}], rdi
    mov     [rdx + {R8}], r8
    mov     [rdx + {R9}], r9
    mov     [rdx + {R10}], r10
    mov     [rdx + {RFLAGS}], r11
    mov     [rdx + {R12}], r12
    mov     [rdx + {R13}], r13
    mov     [rdx + {R14}], r14
    mov     [rdx + {R15}], r15
    mov     rax, [rsp + 8 + {USER_RDX}]
    mov     [rdx + {RDX}], rax

// The same when all of them are saved.
.globl a9n_retreat_foreign
a9n_retreat_foreign:
    sub     rsp, 8
    lea     rdi, [rsp + 16]
    mov     rsi, rdx
    call    a9n_call

// Runs the context at rax, or nobody if that is null. The stack pointer is 16 below the CPU's
// words.
a9n_resume:
    mov     rdx, rax
    add     rsp, 8
    test    rax, rax
    jnz     a9n_resume_fast
    jmp     a9n_idle
a9n_resume_whole:
    js      a9n_guest
    a9n_switch 8
    push    {USER_DATA}
    push    qword ptr [rdx + {RSP}]
    push    qword ptr [rdx + {RFLAGS}]
    push    {USER_CODE}
    push    qword ptr [rdx + {RIP}]
    mov     rax, [rdx + {RAX}]
    mov     rbx, [rdx + {RBX}]
    mov     rcx, [rdx + {RCX}]
    mov     rsi, [rdx + {RSI}]
    mov     rdi, [rdx + {RDI}]
    mov     rbp, [rdx + {RBP}]
    mov     r8, [rdx + {R8}]
    mov     r9, [rdx + {R9}]
    mov     r10, [rdx + {R10}]
    mov     r11, [rdx + {R11}]
    mov     r12, [rdx + {R12}]
    mov     r13, [rdx + {R13}]
    mov     r14, [rdx + {R14}]
    mov     r15, [rdx + {R15}]
    mov     rdx, [rdx + {RDX}]
    iretq

// Waits for an interrupt, in no user's address space. The interrupt's frame goes to the top of
// the stack, where one from user mode goes.
a9n_idle:
    mov     qword ptr [rsp + 8 + {CURRENT}], 0
    mov     rax, [rip + {KERNEL_ROOT}]
    cmp     rax, [rsp + 8 + {LOADED_ROOT}]
    je      2f
    mov     [rsp + 8 + {LOADED_ROOT}], rax
    mov     cr3, rax
2:  add     rsp, 8
3:  sti
    hlt
    jmp     3b

// From boot: rdi is the first context to run, or null.
.globl a9n_enter
a9n_enter:
    mov     rax, rdi
    and     rsp, -{AREA}
    add     rsp, {CPU} - 16
    jmp     a9n_resume

// From the CPU, by exception. The stack gets: vector, error code (or 0), and the CPU's frame of
// instruction pointer, code segment, flags, stack pointer, stack segment.
.balign {EXCEPTION_BYTES}
.globl a9n_exceptions
a9n_exceptions:
.set a9n_vector, 0
.rept 32
.balign {EXCEPTION_BYTES}
.if (({ERROR_CODES} >> a9n_vector) & 1) == 0
    push    0
.endif
    push    a9n_vector
.if (({FATAL} >> a9n_vector) & 1) != 0
    jmp     a9n_fatal
.else
    jmp     a9n_interrupted
.endif
.set a9n_vector, a9n_vector + 1
.endr

// By interrupt. The vector, of which only the lowest byte counts, stands for an error code as well.
.balign {INTERRUPT_BYTES}
.globl a9n_interrupts
a9n_interrupts:
.rept 256 - 32
.balign {INTERRUPT_BYTES}
    push    (a9n_vector ^ 0x80) - 0x80
    jmp     2f
.set a9n_vector, a9n_vector + 1
.endr
2:  push    qword ptr [rsp]

// The frame begins at the CPU's words, be it from user mode or from idle; one from anywhere
// else in the kernel is an exception, and the end. The call's flags are the kernel's: no
// direction, no alignment check, interrupts off.
a9n_interrupted:
    test    byte ptr [rsp + 24], 3
    jz      3f
    push    rdx
    mov     rdx, [rsp + 64 + {CURRENT}]
    mov     [rdx + {RAX}], rax
    mov     [rdx + {RBX}], rbx
    mov     [rdx + {RCX}], rcx
    mov     [rdx + {RSI}], rsi
    mov     [rdx + {RDI}], rdi
    mov     [rdx + {RBP}], rbp
    mov     [rdx + {R8}], r8
    mov     [rdx + {R9}], r9
    mov     [rdx + {R10}], r10
    mov     [rdx + {R11}], r11
    mov     [rdx + {R12}], r12
    mov     [rdx + {R13}], r13
    mov     [rdx + {R14}], r14
    mov     [rdx + {R15}], r15
    rdfsbase rax
    mov     [rdx + {FS_BASE}], rax
    rdgsbase rax
    mov     [rdx + {GS_BASE}], rax
    mov     dword ptr [rdx + {MODE}], {WHOLE}
    pop     qword ptr [rdx + {RDX}]
    pop     rdi
    pop     rsi
    pop     qword ptr [rdx + {RIP}]
    pop     rax
    pop     qword ptr [rdx + {RFLAGS}]
    pop     qword ptr [rdx + {RSP}]
    pop     rax
2:  push    2
    popfq
    sub     rsp, 16
    call    {INTERRUPTED}
    jmp     a9n_resume
3:  cmp     qword ptr [rsp], 32
    jb      a9n_fatal
    pop     rdi
    pop     rsi
    add     rsp, 40
    jmp     2b

// The end: an exception in the kernel, or one after which nothing can go on.
a9n_fatal:
    push    rax
    push    rcx
    push    rdx
    push    rbx
    push    rbp
    push    rsi
    push    rdi
    push    r8
    push    r9
    push    r10
    push    r11
    push    r12
    push    r13
    push    r14
    push    r15
    mov     rdi, rsp
    and     rsp, -16
    push    2
    popfq
    call    {FATAL_EXCEPTION}
    ud2

// From the loader: rdi is the boot information's physical address.
.globl _start
_start:
    cli
    cld
    lea     rsp, [rip + {CPUS} + {CPU} - 8]
    xor     ebp, ebp
    jmp     a9n_start

// From the trampoline, without a stack: a CPU that was started takes its ticket.
.globl a9n_processor_stub
a9n_processor_stub:
    xor     edi, edi
    xchg    edi, [rip + {TICKET}]
    test    edi, edi
    jz      2f
    imul    rax, rdi, {AREA}
    lea     rsp, [rip + {CPUS} + {CPU} - 8]
    add     rsp, rax
    xor     ebp, ebp
    jmp     {PROCESSOR}
2:  cli
    hlt
    jmp     2b

// Where the stack begins before there is anything else on it.
.globl a9n_boot_stack
.set a9n_boot_stack, {CPUS} + {CPU} - 8

.text
"#,
    CPUS = sym CPUS,
    AREA = const AREA_BYTES,
    CPU = const CPU_OFFSET,
    MAX_CPUS = const MAX_CPUS,
    STUB_BYTES = const STUB_BYTES,
    EXCEPTION_BYTES = const EXCEPTION_BYTES,
    INTERRUPT_BYTES = const INTERRUPT_BYTES,
    CURRENT = const offset_of!(Cpu, current),
    LOADED_ROOT = const offset_of!(Cpu, root),
    USER_RDX = const offset_of!(Cpu, user_rdx),
    ROOT = const offset_of!(Context, root),
    RIP = const offset_of!(Context, rip),
    RSP = const offset_of!(Context, rsp),
    RBX = const offset_of!(Context, rbx),
    RBP = const offset_of!(Context, rbp),
    FS_BASE = const offset_of!(Context, fs_base),
    GS_BASE = const offset_of!(Context, gs_base),
    MODE = const offset_of!(Context, mode),
    ALONE = const Entered::ALONE,
    FOREIGN = const offset_of!(Context, foreign),
    FOREIGN_INFO = const FOREIGN_INFO,
    LABEL_SHIFT = const MessageInfo::LABEL_SHIFT,
    RAX = const offset_of!(Context, rax),
    RCX = const offset_of!(Context, rcx),
    RDX = const offset_of!(Context, rdx),
    RSI = const offset_of!(Context, rsi),
    RDI = const offset_of!(Context, rdi),
    R8 = const offset_of!(Context, r8),
    R9 = const offset_of!(Context, r9),
    R10 = const offset_of!(Context, r10),
    R11 = const offset_of!(Context, r11),
    R12 = const offset_of!(Context, r12),
    R13 = const offset_of!(Context, r13),
    R14 = const offset_of!(Context, r14),
    R15 = const offset_of!(Context, r15),
    RFLAGS = const offset_of!(Context, rflags),
    ANSWER = const Mode::Answer as u32,
    WHOLE = const Mode::Whole as u32,
    FIXED_FLAGS = const FIXED_FLAGS,
    USER_CODE = const USER_CODE,
    USER_DATA = const USER_DATA,
    IPC_CALL = const word::Call,
    IPC_REPLY_RECEIVE = const word::ReplyReceive,
    NOTIFY = const notification::word::Notify,
    WAIT = const notification::word::Wait,
    POLL = const notification::word::Poll,
    WINDOW_MAP = const window::word::Map,
    YIELD = const kernel::word::Yield,
    ERROR_CODES = const ERROR_CODES,
    FATAL = const FATAL,
    CHECKED = const cfg!(debug_assertions) as u8,
    INTERRUPTED = sym interrupted,
    FATAL_EXCEPTION = sym fatal_exception,
    KERNEL_ROOT = sym KERNEL_ROOT,
    LOCK = sym LOCK,
    SET_TIMER = sym set_timer_here,
    ACQUIRE = sym acquire,
    TICKET = sym TICKET,
    PROCESSOR = sym a9n_processor,
);
