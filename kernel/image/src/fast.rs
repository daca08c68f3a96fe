//! Where the system call stubs call the kernel's fast paths: each of them twice, for the CPU that
//! runs alone and for one of several, so that neither asks which it is.
//!
//! The functions end in a jump, with nothing left on the stack (see `hal-x86_64`'s `entry`).

use a9n_core::{Lengths, Long, Short};
use a9n_hal_x86_64::context::Context;
use a9n_hal_x86_64::cpu::Cpu;
use a9n_hal_x86_64::entry::Entered;

use crate::events::{KERNEL, process};

/// The fast path of a message: `$name`, with `$long` for one that does not fit into registers. That
/// is a function of its own, so that what it keeps in registers costs the other one nothing; and it
/// has a name for the linker, so that its arguments stay where they are.
/// `$entered` says how it was entered, from the argument that carries the CPU's number.
macro_rules! message {
    ($(#[$documentation:meta])* $name:ident, $long:ident: $path:ident, $entered:expr) => {
        $(#[$documentation])*
        #[unsafe(no_mangle)]
        extern "C" fn $name(
            descriptor: u64,
            info: u64,
            me: &Context,
            number: u64,
            word4: u64,
            word5: u64,
        ) {
            if !Short::admit(info) {
                return $long(descriptor, info, me, number, word4, word5);
            }
            // SAFETY: the stub, which took the lock if there is one, jumps here.
            let kernel = unsafe { KERNEL.entered() };
            kernel.$path::<Short>(&$entered(number), process(me), descriptor, info, word4, word5);
        }

        #[unsafe(no_mangle)]
        extern "C" fn $long(
            descriptor: u64,
            info: u64,
            me: &Context,
            number: u64,
            word4: u64,
            word5: u64,
        ) {
            // SAFETY: as above.
            let kernel = unsafe { KERNEL.entered() };
            kernel.$path::<Long>(&$entered(number), process(me), descriptor, info, word4, word5);
        }
    };
}

message!(
    /// `call` on the only CPU.
    a9n_fast_call, a9n_long_call: fast_call, alone
);
message!(
    /// `reply_receive` on the only CPU.
    a9n_fast_reply_receive, a9n_long_reply_receive: fast_reply_receive, alone
);
message!(
    /// `call` on one of several CPUs.
    a9n_fast_call_locked, a9n_long_call_locked: fast_call, locked
);
message!(
    /// `reply_receive` on one of several CPUs.
    a9n_fast_reply_receive_locked, a9n_long_reply_receive_locked: fast_reply_receive, locked
);

/// A kernel call on a Notification Port, on the only CPU.
#[unsafe(no_mangle)]
extern "C" fn a9n_fast_signal(
    descriptor: u64,
    info: u64,
    me: &Context,
    operation: u64,
    word4: u64,
    word5: u64,
) {
    let (cpu, me) = (Entered::Alone, process(me));
    // SAFETY: the stub jumps here.
    let kernel = unsafe { KERNEL.entered() };
    kernel.fast_signal(&cpu, me, operation, descriptor, info, word4, word5);
}

/// A kernel call on a Notification Port, on one of several CPUs.
#[unsafe(no_mangle)]
extern "C" fn a9n_fast_signal_locked(
    descriptor: u64,
    info: u64,
    me: &Context,
    operation: u64,
    word4: u64,
    word5: u64,
) {
    let (cpu, me) = (Entered::Locked(Cpu::here().number()), process(me));
    // SAFETY: the stub, which took the lock, jumps here.
    let kernel = unsafe { KERNEL.entered() };
    kernel.fast_signal(&cpu, me, operation, descriptor, info, word4, word5);
}

/// There is one CPU, and the stub passed no number.
#[inline(always)]
fn alone(_number: u64) -> Entered {
    Entered::Alone
}

/// There are several CPUs.
#[inline(always)]
fn locked(number: u64) -> Entered {
    // SAFETY: used above only, with what the stub of a CPU passes as that CPU's number.
    unsafe { Entered::locked(number) }
}
