//! Where the machine calls the kernel: one function for each event that `hal-x86_64` declares. The
//! kernel itself and its fast paths stand in `a9n-fast`.

use a9n_core::Kernel;
use a9n_fast::{KERNEL, process};
use a9n_hal::{Fault, Interrupt};
use a9n_hal_x86_64::context::Context;
use a9n_hal_x86_64::cpu::Cpu;
use a9n_hal_x86_64::{X86_64, devices};
use a9n_store::{Process, Ref};

/// Lets the kernel handle an event of `cpu`; answers the context to run, null for none.
#[inline(always)]
fn handle(
    cpu: &Cpu,
    event: impl FnOnce(&mut Kernel<X86_64>) -> Option<Ref<Process>>,
) -> *const Context {
    // SAFETY: the machine calls the functions below on the CPU that they name, one at a time.
    unsafe { KERNEL.with(cpu, |kernel| event(kernel).map(|process| kernel.context(process))) }
}

/// What runs first on a CPU.
#[unsafe(no_mangle)]
pub fn a9n_first(cpu: &Cpu) -> *const Context {
    handle(cpu, |kernel| kernel.timer(cpu.number(), None))
}

/// Any other kernel call.
#[unsafe(no_mangle)]
extern "C" fn a9n_call(cpu: &Cpu, me: &Context) -> *const Context {
    handle(cpu, |kernel| kernel.call(cpu.number(), process(me)))
}

/// A fault in user mode.
#[unsafe(no_mangle)]
fn a9n_fault(cpu: &Cpu, me: &Context, fault: Fault) -> *const Context {
    handle(cpu, |kernel| kernel.fault(cpu.number(), process(me), fault))
}

/// A guest was left for its monitor.
#[unsafe(no_mangle)]
fn a9n_guest_exit(cpu: &Cpu, me: &Context) -> *const Context {
    handle(cpu, |kernel| kernel.guest_exit(cpu.number(), process(me)))
}

/// The timer interrupt that the kernel asked for.
#[unsafe(no_mangle)]
fn a9n_timer(cpu: &Cpu, me: Option<&Context>) -> *const Context {
    handle(cpu, |kernel| kernel.timer(cpu.number(), me.map(process)))
}

/// An interrupt of a device.
#[unsafe(no_mangle)]
fn a9n_interrupt(cpu: &Cpu, me: Option<&Context>, interrupt: Interrupt) -> *const Context {
    let me = me.map(process);
    handle(cpu, |kernel| match devices::accept(interrupt) {
        true => kernel.interrupt(cpu.number(), me, interrupt),
        false => me,
    })
}

/// Another CPU wants the kernel to look after this one.
#[unsafe(no_mangle)]
fn a9n_nudged(cpu: &Cpu, me: Option<&Context>) -> *const Context {
    handle(cpu, |kernel| kernel.nudged(cpu.number(), me.map(process)))
}
