//! The way into the kernel and out of it; the assembly itself stands in `stubs`.
//!
//! Ways in: a system call, an interrupt or exception from user mode, an interrupt while idle. Ways out: `leave`, the fast way after a kernel call; `resume`, for
//! whoever the kernel wants to run next; `idle`, if that is nobody. All run with interrupts off,
//! on the CPU's kernel stack, whose top is the CPU's [`Cpu`](crate::cpu::Cpu).
//!
//! # System calls
//! `rax` is the operation, `rdi` the descriptor, `rsi` the message info, and `r12`–`r15`, `r8`,
//! `r9` are the message words. On return `rdi` is the identifier, `rsi` the info, the words are
//! in the same registers; `rbx`, `rbp` and `rsp` are as before; `rax` and `r10` hold the
//! process's own FS and GS base, `rdx` is 0, `rcx` the instruction pointer, `r11` the flags
//! 0x202: nothing of the kernel's or of another process's is left in any register.
//!
//! Where the process itself goes on (`stay`), nothing is switched, and `rax` and `r10` are 0 instead.
//!
//! The fast paths are Rust functions with the signature `(descriptor, info, me, number, word4,
//! word5)`, so that every argument is already where it belongs. They end in a jump to `leave`,
//! to one of its like, or to a `retreat` (a sibling call: their last action, no result),
//! so that at those the stack pointer is again where the stub set it and `r12`–`r15`, `rbx` and
//! `rbp`, which are callee-saved, are as the user had them. `rbx` and `rbp` were saved by the stub.
//!
//! The process's context tells whether its calls are foreign. Then all registers are saved at once, and
//! the message is made of them before the fast path is entered.
//!
//! # One CPU or many
//! The CPU that runs alone has a stub of its own, without a lock. If there are several, each has
//! its own stub, which passes the CPU's number in the argument that is unused otherwise; then the kernel
//! lock is taken for a fast path with one instruction; the path ends in `leave_locked`, which gives
//! the lock back with one store when it has loaded the root and read all it needs of the context,
//! or in a `retreat_locked`, which gives it back at once. So a fast path knows at compile time
//! which it is ([`Entered`]), and the general one takes the lock itself, when the registers are
//! saved. If another CPU has the lock, the stub waits out of line.
//!
//! # Soundness
//! - `current` of a CPU is not null while it runs in user mode: `leave` and `resume` set it.
//! - After the lock was given back, the general ways out still read the context: it belongs to the
//!   process that this CPU runs from then on, and the portable kernel touches that only after the
//!   CPU stopped it (see [`lock`](crate::lock)).
//! - A context fulfils the invariants stated in [`context`](crate::context), so none of
//!   `wrfsbase`, `wrgsbase`, `mov cr3`, `sysretq` and `iretq` can fault here.
//! - All constants in the assembly are operands taken from the Rust types.

use core::hint::assert_unchecked;
use core::mem::MaybeUninit;

use a9n_hal::{CpuNumber, Ticks};

use crate::context::Context;
use crate::cpu::{self, Cpu, MAX_CPUS};

/// Bytes from one CPU's system call stub to the next: whole cache lines.
pub(crate) const STUB_BYTES: usize = 64;
/// Bytes from one exception's stub to the next.
pub(crate) const EXCEPTION_BYTES: usize = 16;
/// Bytes from one interrupt's stub to the next of its group.
pub(crate) const INTERRUPT_BYTES: usize = 4;
/// Interrupts whose stubs share a jump, which has the room of one more.
pub(crate) const INTERRUPT_GROUP: usize = 7;
/// Vectors of exceptions; those of interrupts follow.
const EXCEPTIONS: u8 = 32;

/// How a fast path was entered.
#[derive(Clone, Copy, Debug)]
pub enum Entered {
    /// On the only CPU.
    Alone,
    /// On one of several, whose number this is, with the kernel lock.
    Locked(CpuNumber),
}

impl Entered {
    /// What the stub of the only CPU passes instead of its number, where that is asked for.
    pub const ALONE: u64 = MAX_CPUS as u64;

    /// As the stub says it, which passed `number`.
    ///
    /// # Safety
    /// It is the number of a CPU.
    #[inline(always)]
    pub unsafe fn locked(number: u64) -> Self {
        // SAFETY: the caller's promise.
        unsafe { assert_unchecked(number < MAX_CPUS as u64) };
        Self::Locked(number as CpuNumber)
    }

    /// The words of the CPU.
    #[inline(always)]
    pub(crate) fn cpu(self) -> &'static Cpu {
        match self {
            Self::Alone => Cpu::boot(),
            Self::Locked(_) => Cpu::here(),
        }
    }

    /// Number of the CPU.
    #[inline(always)]
    pub(crate) fn number(self) -> CpuNumber {
        match self {
            Self::Alone => 0,
            Self::Locked(number) => number,
        }
    }
}

/// An argument that nobody looks at, and that takes no instruction to pass.
pub(crate) type Unused = MaybeUninit<u64>;

// SAFETY: `stubs` defines these symbols, with these signatures.
unsafe extern "C" {
    /// Returns from a kernel call into `to`; see [`Hal::leave`](a9n_hal::Hal::leave). Does not
    /// come back. It is declared as if it did, since only then is the call a jump.
    pub(crate) fn a9n_leave(
        identifier: u64,
        info: u64,
        to: &Context,
        unused: Unused,
        word4: u64,
        word5: u64,
    );

    /// [`a9n_leave`] with the kernel lock.
    pub(crate) fn a9n_leave_locked(
        identifier: u64,
        info: u64,
        to: &Context,
        unused: Unused,
        word4: u64,
        word5: u64,
    );

    /// Takes kernel call `operation` from its fast path to the general one. Does not come back either.
    pub(crate) fn a9n_retreat(
        descriptor: u64,
        info: u64,
        me: &Context,
        operation: u64,
        word4: u64,
        word5: u64,
    );

    /// [`a9n_retreat`] with the kernel lock.
    pub(crate) fn a9n_retreat_locked(
        descriptor: u64,
        info: u64,
        me: &Context,
        operation: u64,
        word4: u64,
        word5: u64,
    );

    /// Returns from a kernel call to its caller; see [`Hal::stay`](a9n_hal::Hal::stay).
    pub(crate) fn a9n_stay(
        identifier: u64,
        info: u64,
        me: &Context,
        unused: Unused,
        word4: u64,
        word5: u64,
    );

    /// [`a9n_stay`] with the kernel lock.
    pub(crate) fn a9n_stay_locked(
        identifier: u64,
        info: u64,
        me: &Context,
        unused: Unused,
        word4: u64,
        word5: u64,
    );

    /// Runs `to` as its context says; see [`Hal::resume`](a9n_hal::Hal::resume).
    pub(crate) fn a9n_resume_fast(unused: Unused, unused: Unused, to: &Context);

    /// [`a9n_resume_fast`] with the kernel lock.
    pub(crate) fn a9n_resume_locked(unused: Unused, unused: Unused, to: &Context);

    /// Sets the timer to `deadline`, and runs `to` as its context says.
    pub(crate) fn a9n_resume_until(unused: Unused, deadline: Ticks, to: &Context);

    /// [`a9n_resume_until`] with the kernel lock.
    pub(crate) fn a9n_resume_until_locked(unused: Unused, deadline: Ticks, to: &Context);

    /// Runs `to` with the result of its foreign call in `r12`; see
    /// [`Hal::leave_foreign`](a9n_hal::Hal::leave_foreign).
    pub(crate) fn a9n_leave_foreign(unused: Unused, unused: Unused, to: &Context);

    /// [`a9n_leave_foreign`] with the kernel lock.
    pub(crate) fn a9n_leave_foreign_locked(unused: Unused, unused: Unused, to: &Context);

    /// Takes a foreign system call from its fast path to the general one.
    pub(crate) fn a9n_retreat_foreign(unused: Unused, unused: Unused, me: &Context);

    /// [`a9n_retreat_foreign`] with the kernel lock.
    pub(crate) fn a9n_retreat_foreign_locked(unused: Unused, unused: Unused, me: &Context);

    /// Takes a reply to a guest's exit from the usual fast path to that of its technique, with the first
    /// four words in the context. Does not come back either.
    pub fn a9n_save_answer(
        descriptor: u64,
        info: u64,
        me: &Context,
        number: u64,
        word4: u64,
        word5: u64,
    );

    /// [`a9n_save_answer`] with the kernel lock.
    pub fn a9n_save_answer_locked(
        descriptor: u64,
        info: u64,
        me: &Context,
        number: u64,
        word4: u64,
        word5: u64,
    );

    /// Runs the guest of `to`; see [`Hal::resume_guest`](a9n_hal::Hal::resume_guest).
    pub(crate) fn a9n_enter_guest(unused: Unused, unused: Unused, to: &Context);

    /// [`a9n_enter_guest`] with the kernel lock.
    pub(crate) fn a9n_enter_guest_locked(unused: Unused, unused: Unused, to: &Context);

    /// Takes an exit from its fast path to the general one. Does not come back either.
    pub fn a9n_retreat_exit(unused: u64, unused: u64, me: &Context);

    /// [`a9n_retreat_exit`] with the kernel lock.
    pub fn a9n_retreat_exit_locked(unused: u64, unused: u64, me: &Context);

    fn a9n_enter(context: *const Context) -> !;

    static a9n_processor_stub: u8;
    static a9n_system_call_alone: u8;
    static a9n_system_calls: [[u8; STUB_BYTES]; MAX_CPUS];
    static a9n_exceptions: [[u8; EXCEPTION_BYTES]; EXCEPTIONS as usize];
    static a9n_interrupts: u8;
}

/// Address of the system call stub of CPU `number`, which runs alone or not.
pub(crate) fn system_call_stub(number: CpuNumber) -> u64 {
    if cpu::are_several() || number != 0 {
        (&raw const a9n_system_calls) as u64 + u64::from(number) * STUB_BYTES as u64
    } else {
        &raw const a9n_system_call_alone as u64
    }
}

/// Where a CPU that is being started enters the kernel, in 64-bit mode.
pub(crate) fn processor_stub() -> u64 {
    &raw const a9n_processor_stub as u64
}

/// Address of the stub of interrupt `vector`.
pub fn vector_stub(vector: u8) -> u64 {
    match vector.checked_sub(EXCEPTIONS) {
        None => (&raw const a9n_exceptions) as u64 + u64::from(vector) * EXCEPTION_BYTES as u64,
        Some(number) => {
            let number = usize::from(number);
            let place = number + number / INTERRUPT_GROUP;
            (&raw const a9n_interrupts) as u64 + (place * INTERRUPT_BYTES) as u64
        }
    }
}

/// Ends boot on this CPU: runs `context`, or idles if it is null.
///
/// # Safety
/// The CPU is set up completely, nothing on its stack is needed any more, and `context` is null
/// or one that lives as long as it is current.
pub unsafe fn enter(context: *const Context) -> ! {
    // SAFETY: the caller's promise is all that `resume` needs.
    unsafe { a9n_enter(context) }
}
