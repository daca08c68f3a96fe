.section .text.a9n_entry, "ax", @progbits

.globl a9n_guest_vmx
a9n_guest_vmx:
    push    rsi
    mov     rdi, rsi
    call    {ENTER}
    pop     rdi
    test    al, al
    mov     rax, [rdi + {REGISTERS} + 8 * 0]
    mov     rbx, [rdi + {REGISTERS} + 8 * 1]
    mov     rcx, [rdi + {REGISTERS} + 8 * 2]
    mov     rdx, [rdi + {REGISTERS} + 8 * 3]
    mov     rsi, [rdi + {REGISTERS} + 8 * 4]
    mov     rbp, [rdi + {REGISTERS} + 8 * 6]
    mov     r8, [rdi + {REGISTERS} + 8 * 8]
    mov     r9, [rdi + {REGISTERS} + 8 * 9]
    mov     r10, [rdi + {REGISTERS} + 8 * 10]
    mov     r11, [rdi + {REGISTERS} + 8 * 11]
    mov     r12, [rdi + {REGISTERS} + 8 * 12]
    mov     r13, [rdi + {REGISTERS} + 8 * 13]
    mov     r14, [rdi + {REGISTERS} + 8 * 14]
    mov     r15, [rdi + {REGISTERS} + 8 * 15]
    mov     rdi, [rdi + {REGISTERS} + 8 * 5]
    jnz     2f
    vmlaunch
    jmp     3f
2:  vmresume
3:  push    1
    jmp     4f
.globl a9n_vmx_exit
a9n_vmx_exit:
    push    0
4:  push    rdi
    mov     rdi, [rsp + 16 + {STACK_OFFSET} + {CURRENT}]
    mov     rdi, [rdi + {GUEST}]
    mov     [rdi + {REGISTERS} + 8 * 0], rax
    mov     [rdi + {REGISTERS} + 8 * 1], rbx
    mov     [rdi + {REGISTERS} + 8 * 2], rcx
    mov     [rdi + {REGISTERS} + 8 * 3], rdx
    mov     [rdi + {REGISTERS} + 8 * 4], rsi
    mov     [rdi + {REGISTERS} + 8 * 6], rbp
    mov     [rdi + {REGISTERS} + 8 * 8], r8
    mov     [rdi + {REGISTERS} + 8 * 9], r9
    mov     [rdi + {REGISTERS} + 8 * 10], r10
    mov     [rdi + {REGISTERS} + 8 * 11], r11
    mov     [rdi + {REGISTERS} + 8 * 12], r12
    mov     [rdi + {REGISTERS} + 8 * 13], r13
    mov     [rdi + {REGISTERS} + 8 * 14], r14
    mov     [rdi + {REGISTERS} + 8 * 15], r15
    pop     qword ptr [rdi + {REGISTERS} + 8 * 5]
    pop     rsi
    sub     rsp, 8
    call    {LEFT}
    test    rdx, rdx
    jz      a9n_resume
    add     rsp, 8
    jmp     a9n_monitored_exit

.text
