//! The local APIC of the executing CPU: end of interrupt, its timer, and interrupts to other CPUs
//! (Intel SDM, volume 3, chapter 12). Reached by model-specific registers (x2APIC) or by memory
//! (xAPIC).

use core::arch::asm;
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
    Command = 0x300,
    CommandReceiver = 0x310,
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
/// Command: what kind of interrupt, if not one by vector.
const COMMAND_NON_MASKABLE: u32 = 0b100 << 8;
const COMMAND_RESET: u32 = 0b101 << 8;
const COMMAND_START_UP: u32 = 0b110 << 8;
/// Command: not yet accepted by the bus (xAPIC).
const COMMAND_PENDING: u32 = 1 << 12;
/// Command: assert, the only level in use.
const COMMAND_ASSERT: u32 = 1 << 14;
/// Command: to all but the sender.
const COMMAND_TO_OTHERS: u32 = 0b11 << 18;
/// Looks at the command before the next one is written; far more than one takes.
const PATIENCE: u32 = 1_000_000;
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

/// Where an xAPIC's registers are seen, as [`start`] was told on the first CPU.
pub fn registers() -> Option<u64> {
    Some(REGISTERS.load(Relaxed)).filter(|registers| *registers != 0)
}

/// Whether the local APIC with `identifier` can be sent interrupts.
pub fn reaches(identifier: u32) -> bool {
    const ALL: u32 = 0xff;
    registers().is_none() || identifier < ALL
}

/// Interrupts the CPU whose local APIC has identifier `to`.
pub fn send(to: u32, vector: Vector) {
    command(to, u32::from(vector.0) | COMMAND_ASSERT);
}

/// Sends all other CPUs a non-maskable interrupt.
pub fn stop_others() {
    command(0, COMMAND_NON_MASKABLE | COMMAND_ASSERT | COMMAND_TO_OTHERS);
}

/// Makes a CPU wait for [`start_up`].
pub fn reset(to: u32) {
    command(to, COMMAND_RESET | COMMAND_ASSERT);
}

/// Makes a CPU that waits for it start at the page at `page`, which lies below 1 MiB.
pub fn start_up(to: u32, page: u32) {
    command(to, COMMAND_START_UP | COMMAND_ASSERT | page >> 12);
}

/// Writes a command, after everything that was written to memory before.
fn command(to: u32, command: u32) {
    if registers().is_none() {
        let value = u64::from(to) << 32 | u64::from(command);
        // SAFETY: `start` switched to x2APIC mode. A write to a model-specific register may
        // overtake those to memory, but for the fences. What is sent is interrupts that
        // `interrupts` handles; who resets or starts a CPU knows that it is not in use.
        unsafe {
            asm!("mfence", "lfence", options(nostack, preserves_flags));
            Msr::new(X2APIC_REGISTERS + Register::Command as u32 / 16).write(value);
        }
    } else {
        let _ = (0..PATIENCE).find(|_| read(Register::Command) & COMMAND_PENDING == 0);
        write(Register::CommandReceiver, to << 24);
        write(Register::Command, command);
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
