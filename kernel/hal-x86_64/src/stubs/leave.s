// From a fast path back to user mode.

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

// Back to the caller, without and with the kernel lock.
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
