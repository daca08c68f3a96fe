// The general path: in with every register, out to whoever runs next, or to nobody.

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
    a9n_save_rest
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
