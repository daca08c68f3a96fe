//! The local APIC of the executing CPU: end of interrupt, and its timer (Intel SDM, volume 3,
//! chapter 12). Reached by model-specific registers (x2APIC) or by memory (xAPIC).

use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use a9n_hal::PhysicalAddress;
use x86_64::registers::model_specific::Msr;

use crate::vectors::Vector;

const IA32_APIC_BASE: u32 = 0x1b;
const IA32_TSC_DEADLINE: u32 = 0x6e0;
const X2APIC_REGISTERS: u32 = 0x800;

/// IA32_APIC_BASE: on.
const ENABLE: u64 = 1 << 11;
/// IA32_APIC_BASE: reached by registers.
const ENABLE_X2APIC: u64 = 1 << 10;
const BASE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Bytes of the xAPIC's registers.
pub const REGISTER_BYTES: u64 = 4096;

/// Offsets of registers; in x2APIC mode a sixteenth of it counts from the first register.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Register {
    Identifier = 0x20,
    TaskPriority = 0x80,
    EndOfInterrupt = 0xb0,
    Spurious = 0xf0,
    LocalTimer = 0x320,
    LocalThermal = 0x330,
    LocalPerformance = 0x340,
    LocalPin0 = 0x350,
    LocalPin1 = 0x360,
    LocalError = 0x370,
    TimerInitial = 0x380,
    TimerCurrent = 0x390,
    TimerDivide = 0x3e0,
}

/// Local vector table: not delivered.
const MASKED: u32 = 1 << 16;
/// Local vector table: delivered as a non-maskable interrupt.
const NON_MASKABLE: u32 = 0b100 << 8;
/// Local vector table, timer: interrupts when the TSC reaches a deadline.
const TSC_DEADLINE: u32 = 0b10 << 17;
/// Spurious vector register: the APIC is on.
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// Divide configuration: the timer counts every 16th tick of its clock.
const DIVIDE_BY_16: u32 = 0b0011;

/// Where an xAPIC's registers are seen; 0 in x2APIC mode.
static REGISTERS: AtomicU64 = AtomicU64::new(0);

fn read(register: Register) -> u32 {
    match REGISTERS.load(Relaxed) {
        // SAFETY: `start` switched this CPU to x2APIC mode; the registers that are read here
        // have no effect on memory.
        0 => unsafe { Msr::new(X2APIC_REGISTERS + register as u32 / 16).read() as u32 },
        base => {
            let address = base as usize + register as usize;
            // SAFETY: `start` was promised that the registers are mapped there.
            unsafe { ptr::with_exposed_provenance::<u32>(address).read_volatile() }
        }
    }
}

fn write(register: Register, value: u32) {
    match REGISTERS.load(Relaxed) {
        // SAFETY: as for `read`. What is written only decides which of the vectors that
        // `interrupts` handles arrive, and when.
        0 => unsafe { Msr::new(X2APIC_REGISTERS + register as u32 / 16).write(value.into()) },
        base => {
            let address = base as usize + register as usize;
            // SAFETY: as for `read` and for the other arm.
            unsafe { ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(value) }
        }
    }
}

/// Physical address of this CPU's registers.
pub fn base() -> PhysicalAddress {
    // SAFETY: `features` found a local APIC, so the register exists; reading changes nothing.
    PhysicalAddress(unsafe { Msr::new(IA32_APIC_BASE).read() } & BASE_ADDRESS)
}

/// Switches this CPU's local APIC on; in x2APIC mode if there are no `registers`. Of its own
/// sources only pin 1 is not masked, where PCs signal errors of the hardware.
///
/// # Safety
/// The CPU has the mode asked for. `registers` is where the page at [`base`] is mapped
/// uncached, for good.
pub unsafe fn start(registers: Option<u64>) {
    let mut control = Msr::new(IA32_APIC_BASE);
    // SAFETY: promised by the caller. x2APIC mode is entered from xAPIC mode only.
    unsafe {
        let base = control.read() | ENABLE;
        control.write(base);
        if registers.is_none() {
            control.write(base | ENABLE_X2APIC);
        }
    }
    REGISTERS.store(registers.unwrap_or(0), Relaxed);
    for source in [
        Register::LocalTimer,
        Register::LocalThermal,
        Register::LocalPerformance,
        Register::LocalPin0,
        Register::LocalError,
    ] {
        write(source, MASKED);
    }
    write(Register::LocalPin1, NON_MASKABLE);
    write(Register::TaskPriority, 0);
    let spurious = u32::from(Vector::SPURIOUS.0);
    write(Register::Spurious, SOFTWARE_ENABLE | spurious);
}

/// Its identifier, as I/O APICs and other CPUs address it.
pub fn identifier() -> u32 {
    let value = read(Register::Identifier);
    match REGISTERS.load(Relaxed) {
        0 => value,
        _ => value >> 24,
    }
}

/// Says that the interrupt being served is done with.
#[inline]
pub fn end_interrupt() {
    write(Register::EndOfInterrupt, 0);
}

/// Makes the timer one that counts down from [`set_count`], one interrupt each time; masked
/// until [`deliver_timer`].
pub fn count_down() {
    write(Register::TimerDivide, DIVIDE_BY_16);
    write(Register::LocalTimer, MASKED);
}

/// Lets the timer, which counts down, interrupt.
pub fn deliver_timer() {
    write(Register::LocalTimer, Vector::TIMER.0.into());
}

/// Makes the timer one that interrupts at [`set_deadline`].
pub fn use_deadlines() {
    write(Register::LocalTimer, TSC_DEADLINE | u32::from(Vector::TIMER.0));
    // The mode must be set before the first deadline, and a write to the xAPIC's memory may
    // overtake one to a model-specific register.
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}

/// Starts counting down; 0 stops.
pub fn set_count(count: u32) {
    write(Register::TimerInitial, count);
}

/// What is left of the count.
pub fn count() -> u32 {
    read(Register::TimerCurrent)
}

/// Sets the deadline in TSC ticks; 0 for none.
pub fn set_deadline(deadline: u64) {
    // SAFETY: called only after `use_deadlines`, so the register exists; all it does is
    // interrupt.
    unsafe { Msr::new(IA32_TSC_DEADLINE).write(deadline) }
}
