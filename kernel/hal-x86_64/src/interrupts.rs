//! The interrupt descriptor table, and what happens after `entry` saved the registers.

use core::cell::UnsafeCell;
use core::sync::atomic::Ordering::Relaxed;

use a9n_hal::{Fault, Interrupt, UserAddress};
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::DescriptorTablePointer;

use crate::context::Context;
use crate::cpu::{Cpu, FatalStack};
use crate::entry;
use crate::exceptions::{self, Details};
use crate::segments::KERNEL_CODE;
use crate::vectors::{Source, Vector};
use crate::{apic, clock, shootdown, translations, vector};

// SAFETY: the kernel image defines these functions, with these signatures.
unsafe extern "Rust" {
    /// The kernel's answer to a fault of `me` on `cpu`: whom to run next, null for nobody.
    safe fn a9n_fault(cpu: &Cpu, me: &Context, fault: Fault) -> *const Context;
    /// The kernel's answer to the timer interrupt that it asked for.
    safe fn a9n_timer(cpu: &Cpu, me: Option<&Context>) -> *const Context;
    /// The kernel's answer to a device's interrupt, which [`accept`](crate::devices::accept) has yet to be told of.
    safe fn a9n_interrupt(cpu: &Cpu, me: Option<&Context>, interrupt: Interrupt) -> *const Context;
    /// The kernel's answer to a nudge by another CPU.
    safe fn a9n_nudged(cpu: &Cpu, me: Option<&Context>) -> *const Context;
}

/// The table. All CPUs share it: what differs between them stands in their task states.
#[repr(C, align(16))]
struct Table(UnsafeCell<[u128; 256]>);

// SAFETY: written once, by `prepare`, while only one CPU runs; afterwards only the hardware
// reads it.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([0; 256]));

/// An interrupt gate, which enters the kernel at `handler` with interrupts off (AMD64 APM,
/// volume 2, section 4.8.4). `stack` 0 means the kernel stack.
fn gate(handler: u64, stack: u128, user_may_raise: bool) -> u128 {
    const PRESENT: u128 = 1 << 47;
    const INTERRUPT: u128 = 0xe << 40;
    const USER: u128 = 3 << 45;
    let handler = u128::from(handler);
    (handler & 0xffff)
        | u128::from(KERNEL_CODE) << 16
        | stack << 32
        | INTERRUPT
        | if user_may_raise { USER } else { 0 }
        | PRESENT
        | (handler >> 16) << 48
}

/// The gate of `vector`. User mode may raise none but the breakpoint exception; any other
/// software interrupt is a protection fault.
fn gate_of(vector: u8) -> u128 {
    let stack = match vector {
        2 => FatalStack::NonMaskable as u128,
        8 => FatalStack::DoubleFault as u128,
        18 => FatalStack::MachineCheck as u128,
        _ => 0,
    };
    let handler = entry::vector_stub(vector);
    gate(handler, stack, vector == exceptions::BREAKPOINT)
}

/// Fills in the table.
///
/// # Safety
/// Runs once, before any CPU loads the table.
pub unsafe fn prepare() {
    // SAFETY: the caller promises that nobody else uses it yet.
    let table = unsafe { &mut *TABLE.0.get() };
    for (vector, gate) in (0..=u8::MAX).zip(table) {
        *gate = gate_of(vector);
    }
}

/// Address of the table.
pub(crate) fn table_address() -> u64 {
    TABLE.0.get() as u64
}

/// Loads the table on this CPU.
///
/// # Safety
/// It is prepared, and the CPU's segments are loaded.
pub unsafe fn load() {
    let pointer = DescriptorTablePointer {
        limit: (size_of::<Table>() - 1) as u16,
        base: VirtAddr::new_truncate(table_address()),
    };
    // SAFETY: the table is static and its gates lead to `entry`.
    unsafe { lidt(&pointer) }
}

/// Registers of this CPU as an exception left them.
struct Registers;

impl Details for Registers {
    fn accessed(&self) -> UserAddress {
        UserAddress(Cr2::read_raw())
    }

    fn x87_status(&self) -> u64 {
        vector::x87_status()
    }

    fn sse_status(&self) -> u64 {
        vector::sse_status()
    }
}

/// What `entry` calls after it saved the interrupted context, or for an interrupt while idle,
/// which has none. Answers whom to run, null for nobody.
pub(crate) extern "C" fn interrupted(vector: u64, error: u64) -> *const Context {
    let cpu = Cpu::here();
    let current = cpu.current.load(Relaxed);
    // SAFETY: `current` is null or the context that a return to user mode was given, which the
    // portable kernel keeps as long as it is current.
    let me = unsafe { current.as_ref() };
    if let Some(me) = me {
        me.confine();
    }
    let vector = vector as u8;
    match (Vector(vector).source(), me) {
        (Source::Exception, Some(me)) => {
            let instruction = UserAddress(me.rip.get());
            let fault = exceptions::fault(vector, error, instruction, &Registers);
            a9n_fault(cpu, me, fault)
        }
        (Source::Timer, _) => {
            apic::end_interrupt();
            if clock::is_due(cpu) { a9n_timer(cpu, me) } else { current }
        }
        (Source::Device(interrupt), _) => a9n_interrupt(cpu, me, interrupt),
        (Source::Forget, _) => {
            apic::end_interrupt();
            shootdown::serve(cpu);
            current
        }
        (Source::Nudge, _) => {
            apic::end_interrupt();
            translations::leave_user_space(cpu);
            a9n_nudged(cpu, me)
        }
        (Source::Spurious, _) | (Source::Exception, None) => current,
    }
}
