// Where `a9n_enter_guest` goes on with VMX: rdi are the CPU's words, rsi is the virtual CPU, rdx the context.
a9n_guest_vmx:
    a9n_load_kernel_root
    push    rsi
    mov     rdi, rsi
    call    {ENTER}
    pop     rsi
    test    al, al
    a9n_load_register 0, rax
    a9n_general_registers a9n_load_register
    a9n_load_register 4, rsi
    jnz     2f
    vmlaunch
    jmp     3f
2:  vmresume
3:  push    1
    jmp     4f
.globl a9n_vmx_exit
a9n_vmx_exit:
    push    0
4:  push    rsi
    mov     rsi, [rsp + 16 + {STACK_OFFSET} + {CURRENT}]
    mov     rsi, [rsi + {GUEST}]
    a9n_store_register 0, rax
    a9n_general_registers a9n_store_register
    pop     qword ptr [rsi + {REGISTERS} + 8 * 4]
    mov     rdi, rsi
    pop     rsi
    sub     rsp, 8
    call    {LEFT_VMX}
    test    rdx, rdx
    jz      a9n_resume
    add     rsp, 8
    mov     ecx, {ALONE}
    a9n_tell_monitor a9n_fast_exit_vmx, a9n_fast_exit_vmx

.text
