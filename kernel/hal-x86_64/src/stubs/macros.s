// What the stubs have in common: saving, loading and switching.

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

// Saves the registers that `a9n_save` did not, but for rdx: its value at the call is among the CPU's
// words.
.macro a9n_save_rest
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
.endm

// Saves the registers of a foreign system call, and makes a message of them. Keeps rcx.
.macro a9n_save_foreign
    a9n_save_rest
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

// Lets a fast path copy the first four words of a message.
.macro a9n_save_words
    mov     [rdx + {R12}], r12
    mov     [rdx + {R13}], r13
    mov     [rdx + {R14}], r14
    mov     [rdx + {R15}], r15
.endm

// Goes elsewhere unless the operation, whose number in r10 only counts here, may be one of the rarer
// messages between these two.
.macro a9n_rare_messages elsewhere
    movzx   r10d, ax
    sub     r10d, {SEND}
    cmp     r10d, {KEEP} - {SEND}
    ja      \elsewhere
.endm

// Goes to the general path unless the operation is one of those on registers, or to `resume` if it is that.
.macro a9n_registers resume
    lea     r10, [rax - {READ_REGISTER}]
    cmp     r10, {RESUME} - {READ_REGISTER}
    ja      a9n_general
    je      \resume
    cmp     r10, {WRITE_REGISTER} - {READ_REGISTER}
    ja      a9n_general
    a9n_save_words
    mov     r8, rax
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

// The same for a caller that stays: what a fast path keeps (rbx, rbp) and what nobody else changed (the root
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

// The same for a process that made a foreign system call: every register, with the result from r12. rcx and r11
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
