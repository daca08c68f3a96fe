//! What a CPU is like again when a guest leaves (Intel SDM, volume 3, section 25.5).

use core::sync::atomic::Ordering::Relaxed;

use x86_64::registers::control::{Cr0Flags, Cr4, Efer};
use x86_64::registers::model_specific::Msr;

use super::field::Field;
use super::instructions::set_field;
use super::processor;
use crate::cpu::Cpu;
use crate::features::{CR0, IA32_PAT};
use crate::interrupts;
use crate::segments::{KERNEL_CODE, KERNEL_DATA, TASK_STATE};
use crate::virt::PAGES;

/// Where the stack pointer stands after an exit, below the CPU's words: at the virtual CPU.
const STACK_OFFSET: u64 = 16;

// SAFETY: `stubs` defines it.
unsafe extern "C" {
    /// Where an exit leads to.
    static a9n_vmx_exit: u8;
}

/// Writes the host's part of the current VMCS, for `cpu`, the executing one, which is up, but for its page
/// tables. The vector unit stays on, as who has a guest has a vector state. What is not named here stays 0.
pub fn write_state(cpu: &Cpu) {
    // SAFETY: every 64-bit CPU has the register.
    let pat = unsafe { Msr::new(IA32_PAT).read() };
    set_field(Field::HOST_CS, KERNEL_CODE.into());
    set_field(Field::HOST_SS, KERNEL_DATA.into());
    set_field(Field::HOST_TR, TASK_STATE.into());
    set_field(Field::HOST_CR0, (CR0 - Cr0Flags::TASK_SWITCHED).bits());
    set_field(Field::HOST_CR4, Cr4::read_raw());
    set_field(Field::HOST_EFER, Efer::read_raw());
    set_field(Field::HOST_PAT, pat);
    set_field(Field::HOST_TR_BASE, cpu.segments.task_address());
    set_field(Field::HOST_GDTR_BASE, cpu.segments.table_address());
    set_field(Field::HOST_IDTR_BASE, interrupts::table_address());
    set_field(Field::HOST_RSP, core::ptr::from_ref(cpu).addr() as u64 - STACK_OFFSET);
    set_field(Field::HOST_RIP, (&raw const a9n_vmx_exit).addr() as u64);
    set_field(Field::EXIT_MSR_LOAD, processor::machine_values(cpu, PAGES.load(Relaxed)));
}
