//! Intel's VMX: guests with nested page tables, tagged translations and unrestricted modes.
//!
//! # Where a VMCS is
//! The CPU that used a VMCS last may hold part of it, and no other CPU may use it meanwhile. Here a CPU
//! holds at most one, its *current* one ([`Cpu::vmcs`]): that of the guest
//! that it runs, or whose state it looks at with the kernel lock held. Before anything else runs and
//! the lock is given back, it is written to memory ([`give`]). So whoever has the lock finds the
//! state of every guest that does not run in memory, and nothing is written to memory that was a
//! guest's.
//!
//! The only CPU of a machine is alone with its guests, so fast paths leave it the state for the monitor's
//! answer. A general path that runs anybody else writes it back at its end: also the one that destroys the guest,
//! before another call can make something of its memory.

mod controls;
pub(crate) mod ept;
mod exit;
mod field;
pub(super) mod host;
mod instructions;
mod processor;
mod registers;
mod reset;
pub(super) mod run;

use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;

use a9n_hal::PhysicalAddress;

pub(super) use processor::{is_there, prepare, start};
pub(super) use registers::{advance, await_window, inject, rax, read, use_debug, write};
pub(super) use reset::{reset, set_memory};
pub(super) use run::exit;

use super::Guest;
use super::tags::FIRST;
use crate::cpu::Cpu;
use crate::kernel_space::DIRECT_MAP;

/// Registers that the CPU switches by lists of values: STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE.
const LISTED: [u32; 5] = [0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0102];

/// What VMX wants to know of a guest beside its VMCS. Zero at first.
#[repr(C, align(16))]
pub(crate) struct State {
    /// Number and value of the [`LISTED`] registers, as the CPU stores and loads them: at a multiple of
    /// 16 bytes.
    pub(super) listed: [[Cell<u64>; 2]; LISTED.len()],
    pub(super) cr2: Cell<u64>,
    /// Whether the VMCS was entered since it became the current one.
    is_launched: Cell<bool>,
    /// Whether the CPU refused to enter it at all, the last time.
    refused: Cell<bool>,
    /// Address of the [`Cpu`] that the host's part of the VMCS is for.
    host: Cell<u64>,
}

/// Makes the VMCS of `guest`, which runs nowhere else, the current one. Not inlined, nor is [`let_go`]:
/// both hand an address on the stack to the CPU, and fast paths have to leave by jumps.
#[inline(never)]
pub(super) fn reach(guest: &Guest) {
    let (cpu, vmcs) = (Cpu::here(), guest.physical.get());
    if cpu.vmcs.load(Relaxed) != vmcs {
        let_go(cpu);
        // SAFETY: it is a VMCS, as `reset` made it, and no CPU holds it, since none runs it.
        unsafe { instructions::vmptrld(PhysicalAddress(vmcs)) };
        guest.vmx.is_launched.set(false);
        cpu.vmcs.store(vmcs, Relaxed);
    }
}

/// `guest`, whose VMCS is the current one, has `tag` from now on; with the first, the CPU forgets everything.
pub(super) fn set_tag(_guest: &Guest, tag: u64) {
    instructions::set_field(field::Field::VPID, tag);
    if tag == FIRST {
        // SAFETY: VMX is on.
        unsafe { instructions::invept_all() };
    }
}

/// Writes what `cpu`, the executing one, holds of a VMCS to memory, unless it is that of `next`,
/// as contexts name it, which runs next. The kernel lock is held.
#[inline(always)]
pub(crate) fn give(cpu: &Cpu, next: u64) {
    let held = cpu.vmcs.load(Relaxed);
    if held != 0 && held | DIRECT_MAP != next {
        let_go(cpu);
    }
}

#[cold]
#[inline(never)]
fn let_go(cpu: &Cpu) {
    let held = cpu.vmcs.load(Relaxed);
    if held != 0 {
        // SAFETY: it is the current VMCS, which lives as long as it is held.
        unsafe { instructions::vmclear(PhysicalAddress(held)) };
        cpu.vmcs.store(0, Relaxed);
    }
}
