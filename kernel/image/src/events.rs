//! Where the machine calls the kernel: one function for each event that `hal-x86_64` declares.
//!
//! # Soundness
//! The kernel is one value in [`KERNEL`]. One CPU runs it, with interrupts off, and no event
//! comes while another is handled; so the reference that each function takes is the only one.

use core::cell::UnsafeCell;
use core::num::NonZeroU64;
use core::ptr;

use a9n_core::{Kernel, Lengths, Long, Short};
use a9n_hal::{Fault, Interrupt, KernelAddress};
use a9n_hal_x86_64::context::Context;
use a9n_hal_x86_64::cpu::Cpu;
use a9n_hal_x86_64::{X86_64, vector};
use a9n_store::{Process, Ref};

/// The kernel, reached by whoever holds the only CPU.
struct Global(UnsafeCell<Kernel<X86_64>>);

// SAFETY: only one CPU runs; see the module's documentation.
unsafe impl Sync for Global {}

static KERNEL: Global = Global(UnsafeCell::new(Kernel::new(X86_64)));

/// The kernel.
///
/// # Safety
/// Called at most once for each event, whose handler lets go of it before it returns.
#[inline(always)]
pub unsafe fn kernel() -> &'static mut Kernel<X86_64> {
    // SAFETY: the caller's promise, and the module's documentation.
    unsafe { &mut *KERNEL.0.get() }
}

/// The process whose context `entry` found current on its CPU.
#[inline(always)]
fn process(context: &Context) -> Ref<Process> {
    let address = ptr::from_ref(context).expose_provenance() as u64;
    // SAFETY: a reference is not null. The context was handed to the machine by `resume` below,
    // as the first field of a process that lives as long as it is current.
    unsafe { Ref::from_address(KernelAddress(NonZeroU64::new_unchecked(address))) }
}

/// The context to run on `cpu`, null for none. Its vector state is loaded, if it has one.
#[inline(always)]
fn resume(cpu: &Cpu, kernel: &Kernel<X86_64>, next: Option<Ref<Process>>) -> *const Context {
    let next = next.map(|process| kernel.context(process));
    vector::give(cpu, next);
    next.map_or(ptr::null(), ptr::from_ref)
}

/// First process to run after boot.
pub fn first() -> *const Context {
    // SAFETY: boot is over, and nothing else runs yet.
    let kernel = unsafe { kernel() };
    let cpu = Cpu::boot();
    let next = kernel.timer(cpu.number(), None);
    resume(cpu, kernel, next)
}

/// `call` on its fast path. There is one CPU as yet, so its number is a constant here.
#[unsafe(no_mangle)]
extern "C" fn a9n_fast_call(
    descriptor: u64,
    info: u64,
    me: &Context,
    unused: u64,
    word4: u64,
    word5: u64,
) {
    if !Short::admit(info) {
        return long_call(descriptor, info, me, unused, word4, word5);
    }
    // SAFETY: the module's documentation. Nothing is left on the stack when this ends in a jump.
    let kernel = unsafe { &*KERNEL.0.get() };
    kernel.fast_call::<Short>(Cpu::boot(), process(me), descriptor, info, word4, word5);
}

/// `call` with a message that does not fit into registers. A function of its own, so that what it
/// keeps in registers costs the other one nothing.
#[inline(never)]
extern "C" fn long_call(
    descriptor: u64,
    info: u64,
    me: &Context,
    _unused: u64,
    word4: u64,
    word5: u64,
) {
    // SAFETY: as for `a9n_fast_call`.
    let kernel = unsafe { &*KERNEL.0.get() };
    kernel.fast_call::<Long>(Cpu::boot(), process(me), descriptor, info, word4, word5);
}

/// `reply_receive` on its fast path.
#[unsafe(no_mangle)]
extern "C" fn a9n_fast_reply_receive(
    descriptor: u64,
    info: u64,
    me: &Context,
    unused: u64,
    word4: u64,
    word5: u64,
) {
    if !Short::admit(info) {
        return long_reply_receive(descriptor, info, me, unused, word4, word5);
    }
    // SAFETY: as for `a9n_fast_call`.
    let kernel = unsafe { &*KERNEL.0.get() };
    kernel.fast_reply_receive::<Short>(Cpu::boot(), process(me), descriptor, info, word4, word5);
}

/// `reply_receive` with a message that does not fit into registers.
#[inline(never)]
extern "C" fn long_reply_receive(
    descriptor: u64,
    info: u64,
    me: &Context,
    _unused: u64,
    word4: u64,
    word5: u64,
) {
    // SAFETY: as for `a9n_fast_call`.
    let kernel = unsafe { &*KERNEL.0.get() };
    kernel.fast_reply_receive::<Long>(Cpu::boot(), process(me), descriptor, info, word4, word5);
}

/// A kernel call on a Notification Port.
#[unsafe(no_mangle)]
extern "C" fn a9n_fast_signal(
    descriptor: u64,
    info: u64,
    me: &Context,
    operation: u64,
    word4: u64,
    word5: u64,
) {
    let (cpu, me) = (Cpu::boot(), process(me));
    // SAFETY: as for `a9n_fast_call`.
    let kernel = unsafe { &*KERNEL.0.get() };
    kernel.fast_signal(cpu, me, operation, descriptor, info, word4, word5);
}

/// Any other kernel call.
#[unsafe(no_mangle)]
extern "C" fn a9n_call(cpu: &Cpu, me: &Context) -> *const Context {
    // SAFETY: the module's documentation.
    let kernel = unsafe { kernel() };
    let next = kernel.call(cpu.number(), process(me));
    resume(cpu, kernel, next)
}

/// A fault in user mode.
#[unsafe(no_mangle)]
fn a9n_fault(cpu: &Cpu, me: &Context, fault: Fault) -> *const Context {
    // SAFETY: the module's documentation.
    let kernel = unsafe { kernel() };
    let next = kernel.fault(cpu.number(), process(me), fault);
    resume(cpu, kernel, next)
}

/// The timer interrupt that the kernel asked for.
#[unsafe(no_mangle)]
fn a9n_timer(cpu: &Cpu, me: Option<&Context>) -> *const Context {
    // SAFETY: the module's documentation.
    let kernel = unsafe { kernel() };
    let next = kernel.timer(cpu.number(), me.map(process));
    resume(cpu, kernel, next)
}

/// An interrupt of a device.
#[unsafe(no_mangle)]
fn a9n_interrupt(cpu: &Cpu, me: Option<&Context>, interrupt: Interrupt) -> *const Context {
    // SAFETY: the module's documentation.
    let kernel = unsafe { kernel() };
    let next = kernel.interrupt(cpu.number(), me.map(process), interrupt);
    resume(cpu, kernel, next)
}
