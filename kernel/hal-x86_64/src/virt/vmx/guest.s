// Where `a9n_enter_guest` goes on with VMX: rsi is the virtual CPU, the stack pointer is 8 below the CPU's words.
// An exit loads the page tables that are loaded now.
a9n_guest_vmx:
    cmp     byte ptr [rsi + {LAUNCHED}], 1
    jne     3f
    mov     rax, [rsp + 8 + {LOADED_ROOT}]
    cmp     rax, [rsi + {HOST_ROOT}]
    jne     3f
    mov     rax, cr2
    cmp     rax, [rsi + {CR2}]
    jne     3f
// The carry flag says that it is not launched.
1:  push    rsi
    a9n_load_register 0, rax
    a9n_general_registers a9n_load_register
    a9n_load_register 4, rsi
    jc      2f
    vmresume
    jmp     4f
2:  vmlaunch
// The CPU did not enter it; the registers are as they were.
4:  pop     rsi
    mov     qword ptr [rsi + {REASON}], {FAILED}
    jmp     6f

// The way in is not as usual.
3:  lea     rdi, [rsp + 8]
    a9n_look_after {BEFORE_ENTRY}
    cmp     byte ptr [rsi + {LAUNCHED}], 1
    mov     byte ptr [rsi + {LAUNCHED}], 1
    jmp     1b

.globl a9n_vmx_exit
a9n_vmx_exit:
    xchg    rsi, [rsp]
    a9n_store_register 0, rax
    a9n_general_registers a9n_store_register
    pop     qword ptr [rsi + {REGISTERS} + 8 * 4]
    lgdt    [rsp + 8 + {SEGMENTS}]
    mov     rax, cr2
    mov     [rsi + {CR2}], rax
    mov     eax, {EXIT_REASON}
    vmread  rax, rax
    mov     [rsi + {REASON}], rax
    cmp     dword ptr [rsi + {UNUSUAL}], 0
    jne     6f
    cmp     rax, 63
    ja      6f
    mov     rcx, {MONITORED_VMX}
    bt      rcx, rax
    jnc     6f
5:  mov     rdx, [rsp + 8 + {CURRENT}]
    mov     ecx, {ALONE}
    a9n_tell_monitor a9n_fast_exit_vmx, a9n_fast_exit_vmx

// Nor is the way out.
6:  mov     rdi, rsi
    sub     rsp, 8
    call    {LEFT_VMX}
    test    dl, dl
    jz      a9n_resume
    add     rsp, 8
    jmp     5b

.text
