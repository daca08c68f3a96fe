.section .text.a9n_entry, "ax", @progbits

.globl a9n_guest
a9n_guest:
    mov     [rsp + 8 + {CURRENT}], rdx
    mov     rax, [rdx + {ROOT}]
    cmp     rax, [rsp + 8 + {LOADED_ROOT}]
    je      2f
    mov     [rsp + 8 + {LOADED_ROOT}], rax
    mov     cr3, rax
2:  mov     rsi, [rdx + {GUEST}]
    lea     rdi, [rsp + 8]
    cmp     byte ptr [rip + {TECHNIQUE}], {VMX}
    je      a9n_guest_vmx
    cmp     [rdi + {CPU_GUEST}], rsi
    jne     4f
    cmp     [rsi + {GUEST_CPU}], rdi
    jne     4f
    cmp     dword ptr [rsi + {UNUSUAL}], 0
    jne     4f
3:  push    rsi
    mov     rax, [rsi + {PHYSICAL}]
    mov     rbx, [rsi + {REGISTERS} + 8 * 1]
    mov     rcx, [rsi + {REGISTERS} + 8 * 2]
    mov     rdx, [rsi + {REGISTERS} + 8 * 3]
    mov     rdi, [rsi + {REGISTERS} + 8 * 5]
    mov     rbp, [rsi + {REGISTERS} + 8 * 6]
    mov     r8, [rsi + {REGISTERS} + 8 * 8]
    mov     r9, [rsi + {REGISTERS} + 8 * 9]
    mov     r10, [rsi + {REGISTERS} + 8 * 10]
    mov     r11, [rsi + {REGISTERS} + 8 * 11]
    mov     r12, [rsi + {REGISTERS} + 8 * 12]
    mov     r13, [rsi + {REGISTERS} + 8 * 13]
    mov     r14, [rsi + {REGISTERS} + 8 * 14]
    mov     r15, [rsi + {REGISTERS} + 8 * 15]
    mov     rsi, [rsi + {REGISTERS} + 8 * 4]
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
    mov     [rsi + {REGISTERS} + 8 * 1], rbx
    mov     [rsi + {REGISTERS} + 8 * 2], rcx
    mov     [rsi + {REGISTERS} + 8 * 3], rdx
    mov     [rsi + {REGISTERS} + 8 * 5], rdi
    mov     [rsi + {REGISTERS} + 8 * 6], rbp
    mov     [rsi + {REGISTERS} + 8 * 8], r8
    mov     [rsi + {REGISTERS} + 8 * 9], r9
    mov     [rsi + {REGISTERS} + 8 * 10], r10
    mov     [rsi + {REGISTERS} + 8 * 11], r11
    mov     [rsi + {REGISTERS} + 8 * 12], r12
    mov     [rsi + {REGISTERS} + 8 * 13], r13
    mov     [rsi + {REGISTERS} + 8 * 14], r14
    mov     [rsi + {REGISTERS} + 8 * 15], r15
    pop     qword ptr [rsi + {REGISTERS} + 8 * 4]
    mov     byte ptr [rsi + {TLB_CONTROL}], 0
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
    cmp     eax, {INTERRUPTED}
    je      7f
    cmp     eax, {MONITORED}
    jb      a9n_retreat_exit

// An exit for the monitor of the context at rdx. The stack pointer is 8 below the CPU's words.
a9n_monitored_exit:
    mov     ecx, {ALONE}
    cmp     qword ptr [rip + {OTHERS}], 0
    je      a9n_fast_exit
    lea     rcx, [rsp + 8]
    lea     rax, [rip + {CPUS}]
    sub     rcx, rax
    shr     ecx, {AREA_BITS}
    lock bts dword ptr [rip + {LOCK}], 0
    jnc     a9n_fast_exit
    push    rdx
    push    rcx
    sub     rsp, 8
    call    {ACQUIRE}
    add     rsp, 8
    pop     rcx
    pop     rdx
    jmp     a9n_fast_exit

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
.globl a9n_save_answer
a9n_save_answer:
    mov     [rdx + {R12}], r12
    mov     [rdx + {R13}], r13
    mov     [rdx + {R14}], r14
    mov     [rdx + {R15}], r15
    jmp     a9n_guest_answer

// The way in is not as usual.
4:  push    rsi
    sub     rsp, 16
    call    {BEFORE_ENTRY}
    add     rsp, 16
    pop     rsi
    jmp     3b
// Nor is the way out.
5:  push    rsi
    sub     rsp, 16
    mov     rdi, rsi
    call    {AFTER_EXIT}
    add     rsp, 16
    pop     rsi
    jmp     6b

// An interrupt is waiting. Should it be gone, the guest goes on.
7:  add     rsp, 8
    sti
    nop
    cli
    sub     rsp, 8
    mov     rdx, [rsp + 8 + {CURRENT}]
    jmp     a9n_guest

.text
