// From boot, from exceptions and interrupts, and the end.

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
// The last of each group runs into the jump that the others take.
.balign {INTERRUPT_GROUP} * {INTERRUPT_BYTES} + {INTERRUPT_BYTES}
.globl a9n_interrupts
a9n_interrupts:
.rept (256 - 32) / {INTERRUPT_GROUP}
.balign {INTERRUPT_GROUP} * {INTERRUPT_BYTES} + {INTERRUPT_BYTES}
.rept {INTERRUPT_GROUP} - 1
    push    (a9n_vector ^ 0x80) - 0x80
    jmp     3f
.set a9n_vector, a9n_vector + 1
.endr
    push    (a9n_vector ^ 0x80) - 0x80
.set a9n_vector, a9n_vector + 1
3:  jmp     2f
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
