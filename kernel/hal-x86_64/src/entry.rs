//! The way into the kernel and out of it: all assembly that runs after boot.
//!
//! Ways in: a system call (one stub for each CPU), an interrupt or exception from user mode,
//! an interrupt while idle. Ways out: [`leave`], the fast way after a kernel call; `resume`, for
//! whoever the kernel wants to run next; `idle`, if that is nobody. All run with interrupts off,
//! on the CPU's kernel stack, whose top is the CPU's [`Cpu`].
//!
//! # System calls
//! `rax` is the operation, `rdi` the descriptor, `rsi` the message info, and `r12`–`r15`, `r8`,
//! `r9` are the message words. On return `rdi` is the identifier, `rsi` the info, the words are
//! in the same registers; `rbx`, `rbp` and `rsp` are as before; `rax` and `r10` hold the
//! process's own FS and GS base, `rdx` is 0, `rcx` the instruction pointer, `r11` the flags
//! 0x202: nothing of the kernel's or of another process's is left in any register.
//!
//! The fast paths are Rust functions with the signature `(descriptor, info, me, _, word4,
//! word5)`, so that every argument is already where it belongs. They end in a jump to `leave`
//! or to one of the `retreat`s (a sibling call: their last action, same signature, no result),
//! so that at those the stack pointer is again where the stub set it and `r12`–`r15`, which
//! are callee-saved, are as the user had them. `rbx` and `rbp` were saved by the stub.
//!
//! # Soundness
//! - `current` of a CPU is not null while it runs in user mode: `leave` and `resume` set it.
//! - A context fulfils the invariants stated in [`context`](crate::context), so none of
//!   `wrfsbase`, `wrgsbase`, `mov cr3`, `sysretq` and `iretq` can fault here.
//! - All constants in the text are operands taken from the Rust types.

use core::arch::global_asm;
use core::mem::offset_of;

use a9n_abi::{IPC_CALL, IPC_REPLY_RECEIVE};

use crate::context::{Context, FIXED_FLAGS, Mode};
use crate::cpu::{AREA_BYTES, CPU_OFFSET, CPUS, Cpu, MAX_CPUS};
use crate::exceptions;
use crate::interrupts::interrupted;
use crate::paging::kernel_root_word;
use crate::segments::{USER_CODE, USER_DATA};
