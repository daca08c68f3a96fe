//! Where the system call stubs call the kernel's fast paths: each of them twice, for the CPU that
//! runs alone and for one of several, so that neither asks which it is.
//!
//! The functions end in a jump, with nothing left on the stack (see `hal-x86_64`'s `entry`). They
//! are a crate of their own because a crate is what the compiler's optimisation is chosen for:
//! these are compiled for speed, the rest of the kernel for size.
//!
//! # Soundness
//! The kernel is one value in [`KERNEL`]. An event has it for itself: the CPU runs with interrupts
//! off from its entry to its exit, so no event comes while another is handled there, and other
//! CPUs are kept out by the kernel lock, which [`Exclusive`] or the entry stub takes.

#![no_std]

use core::num::NonZeroU64;
use core::ptr;

use a9n_core::{Kernel, Lengths, Long, Short};
use a9n_hal::KernelAddress;
use a9n_hal_x86_64::X86_64;
use a9n_hal_x86_64::context::Context;
use a9n_hal_x86_64::cpu::Cpu;
use a9n_hal_x86_64::entry::Entered;
use a9n_hal_x86_64::lock::Exclusive;
use a9n_store::{Process, Ref};

/// The kernel.
pub static KERNEL: Exclusive<Kernel<X86_64>> = Exclusive::new(Kernel::new(X86_64));

/// The process whose context the machine found current on its CPU.
#[inline(always)]
pub fn process(context: &Context) -> Ref<Process> {
    let address = ptr::from_ref(context).expose_provenance() as u64;
    // SAFETY: a reference is not null. The context was handed to the machine by an event or a fast
    // path, as the first field of a process that lives as long as it is current.
    unsafe { Ref::from_address(KernelAddress(NonZeroU64::new_unchecked(address))) }
}

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

/// `map` of one page, on the only CPU.
#[unsafe(no_mangle)]
extern "C" fn a9n_fast_map(
    descriptor: u64,
    info: u64,
    me: &Context,
    address: u64,
    memory: u64,
    word5: u64,
) {
    let (cpu, me) = (Entered::Alone, process(me));
    // SAFETY: the stub jumps here.
    let kernel = unsafe { KERNEL.entered() };
    kernel.fast_map(&cpu, me, descriptor, info, address, memory, word5);
}

/// `map` of one page, on one of several CPUs.
#[unsafe(no_mangle)]
extern "C" fn a9n_fast_map_locked(
    descriptor: u64,
    info: u64,
    me: &Context,
    address: u64,
    memory: u64,
    word5: u64,
) {
    let (cpu, me) = (Entered::Locked(Cpu::here().number()), process(me));
    // SAFETY: the stub, which took the lock, jumps here.
    let kernel = unsafe { KERNEL.entered() };
    kernel.fast_map(&cpu, me, descriptor, info, address, memory, word5);
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
