// System calls: from user mode to a fast path, or on to the general one.

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
    cmp     rax, {ACKNOWLEDGE}
    je      a9n_fast_acknowledge
    cmp     rax, {ARM}
    je      6f
    a9n_rare_messages 7f
    cmp     r10d, {RECEIVE} - {SEND}
    je      4f
    cmp     rax, {KEEP}
    je      a9n_fast_keep
    cmp     rax, {REPLY}
    je      5f
    cmp     rax, {SEND}
    jne     a9n_general
    a9n_save_words
    jmp     a9n_fast_send
5:  a9n_save_words
    jmp     a9n_fast_reply
6:  a9n_save_words
    jmp     a9n_fast_arm
7:  a9n_registers a9n_fast_resume
    jmp     a9n_fast_register
4:  mov     r8, rax
    jmp     a9n_fast_receive
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
    cmp     rax, {ACKNOWLEDGE}
    je      a9n_lock_acknowledge
    cmp     rax, {ARM}
    je      6f
    a9n_rare_messages 7f
    cmp     r10d, {RECEIVE} - {SEND}
    je      4f
    cmp     rax, {KEEP}
    je      a9n_lock_keep
    cmp     rax, {REPLY}
    je      5f
    cmp     rax, {SEND}
    jne     a9n_general
    a9n_save_words
    a9n_lock send, send
5:  a9n_save_words
    a9n_lock reply, reply
6:  a9n_save_words
    a9n_lock arm, arm
7:  a9n_registers a9n_lock_resume
    a9n_lock register, register
4:  mov     r8, rax
    a9n_lock receive, receive
2:  a9n_save_foreign
    a9n_lock foreign, foreign_locked
3:  a9n_save_map
    a9n_lock map, map_locked
.irp path, call, reply_receive, notify, wait
    a9n_lock \path, \path\()_locked
.endr
.irp path, yield, poll, keep, acknowledge, resume
    a9n_lock \path, \path
.endr
// Waits for the lock, and takes it, with everything kept that a fast path looks at.
.globl a9n_acquire
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
