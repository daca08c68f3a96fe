.section .text.a9n_entry, "ax", @progbits

// Does \each to the general registers of the virtual CPU at rsi, with their numbers: but for RAX, RSI and RSP.
.macro a9n_general_registers each
    \each 1, rbx
    \each 2, rcx
    \each 3, rdx
    \each 5, rdi
    \each 6, rbp
.irp number, 8, 9, 10, 11, 12, 13, 14, 15
    \each \number, r\number
.endr
.endm
.macro a9n_load_register number, register
    mov     \register, [rsi + {REGISTERS} + 8 * \number]
.endm
.macro a9n_store_register number, register
    mov     [rsi + {REGISTERS} + 8 * \number], \register
.endm

// Takes an exit of the context at rdx to its monitor, by the path for the only CPU or that for one of
// several. The stack pointer is 8 below the CPU's words.
.macro a9n_tell_monitor alone, locked
    cmp     qword ptr [rip + {OTHERS}], 0
    je      \alone
    lea     rcx, [rsp + 8]
    lea     rax, [rip + {CPUS}]
    sub     rcx, rax
    shr     ecx, {AREA_BITS}
    lock bts dword ptr [rip + {LOCK}], 0
    jnc     \locked
    call    a9n_acquire
    jmp     \locked
.endm

// Calls \function, and keeps the virtual CPU at rsi.
.macro a9n_look_after function
    push    rsi
    sub     rsp, 16
    call    \function
    add     rsp, 16
    pop     rsi
.endm

// From the general path, whose context names the kernel's own page tables.
.globl a9n_guest
a9n_guest:
    mov     rax, [rdx + {ROOT}]
    cmp     rax, [rsp + 8 + {LOADED_ROOT}]
    je      a9n_enter_guest
    mov     [rsp + 8 + {LOADED_ROOT}], rax
    mov     cr3, rax
    jmp     a9n_enter_guest
// From the fast path of a monitor's answer.
.globl a9n_enter_guest_locked
a9n_enter_guest_locked:
    mov     dword ptr [rip + {LOCK}], 0
.globl a9n_enter_guest
a9n_enter_guest:
    mov     [rsp + 8 + {CURRENT}], rdx
    mov     rsi, [rdx + {GUEST}]
    lea     rdi, [rsp + 8]
    cmp     [rdi + {CPU_GUEST}], rsi
    jne     4f
    cmp     [rsi + {GUEST_CPU}], rdi
    jne     4f
    cmp     dword ptr [rsi + {UNUSUAL}], 0
    jne     4f
3:  cmp     byte ptr [rip + {TECHNIQUE}], {VMX}
    je      a9n_guest_vmx
    push    rsi
    mov     rax, [rsi + {PHYSICAL}]
    a9n_general_registers a9n_load_register
    a9n_load_register 4, rsi
    clgi
    sti
    vmload  rax
    vmrun   rax
    vmsave  rax
    cli
    mov     rax, [rsp + 16 + {OWN_PAGE}]
    vmload  rax
    stgi
    xchg    rsi, [rsp]
    a9n_general_registers a9n_store_register
    pop     qword ptr [rsi + {REGISTERS} + 8 * 4]
    bt      dword ptr [rsi + {EXIT_EVENT}], {EVENT_IS_ONE}
    jc      5f
    cmp     dword ptr [rsi + {UNUSUAL}], 0
    jne     5f
    xor     ecx, ecx
    xgetbv
    cmp     eax, [rsi + {EXTENDED}]
    jne     5f
6:  mov     rdx, [rsp + 8 + {CURRENT}]
    mov     eax, [rsi + {EXIT_CODE}]
    cmp     eax, {MONITORED}
    jb      7f
    a9n_tell_monitor a9n_fast_exit, a9n_fast_exit_locked

// The kernel's own. An interrupt is waiting; should it be gone, the guest goes on.
7:  cmp     eax, {INTERRUPTED}
    jne     a9n_retreat_exit
    add     rsp, 8
    sti
    nop
    cli
    sub     rsp, 8
    mov     rdx, [rsp + 8 + {CURRENT}]
    jmp     a9n_guest

// The way in is not as usual.
4:  a9n_look_after {BEFORE_ENTRY}
    jmp     3b
// Nor is the way out.
5:  mov     rdi, rsi
    a9n_look_after {AFTER_EXIT}
    jmp     6b

// From a fast path that gave up.
.globl a9n_retreat_exit_locked
a9n_retreat_exit_locked:
    mov     dword ptr [rip + {LOCK}], 0
.globl a9n_retreat_exit
a9n_retreat_exit:
    lea     rdi, [rsp + 8]
    mov     rsi, rdx
    mov     rdx, [rdx + {GUEST}]
    sub     rsp, 8
    call    {LEFT}
    jmp     a9n_resume

// From a fast path, to that of a monitor's answer: keeps the first four words where it looks.
.macro a9n_save_answer_on suffix
.globl a9n_save_answer\suffix
a9n_save_answer\suffix:
    mov     [rdx + {R12}], r12
    mov     [rdx + {R13}], r13
    mov     [rdx + {R14}], r14
    mov     [rdx + {R15}], r15
    cmp     byte ptr [rip + {TECHNIQUE}], {VMX}
    je      a9n_guest_answer_vmx
    jmp     a9n_guest_answer\suffix
.endm
    a9n_save_answer_on
    a9n_save_answer_on _locked
