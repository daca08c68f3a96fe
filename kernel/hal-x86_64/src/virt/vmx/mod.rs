//! Intel's VMX: guests with nested page tables, tagged translations and unrestricted modes.
//!
//! # Where a VMCS is
//! The CPU that used a VMCS last may hold part of it, and no other CPU may use it meanwhile. Here a CPU
//! holds at most one, its *current* one ([`Cpu::vmcs`]): that of the guest that it runs, or whose state it
//! looks at with the kernel lock held. A general path that runs anybody else writes it back at its end
//! ([`pass_on`]); a fast path leaves it where it is, since the monitor's answer comes next. So
//! - who has the lock and wants the state of a guest that does not run takes it back from the CPU that holds
//!   it ([`take_back`]), which is asked as for a shoot-down, and does it wherever it is;
//! - a guest that runs is held by its CPU, or by none: that was seen to before the lock was given back;
//! - a virtual CPU that a process loses is held by none, so nothing is written to memory that was a guest's.

mod controls;
pub(crate) mod ept;
pub(super) mod exit;
pub(super) mod field;
pub(super) mod host;
mod instructions;
mod processor;
mod registers;
mod reset;
pub(super) mod run;

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

use a9n_hal::PhysicalAddress;
use a9n_handshake::Request;

pub(super) use processor::{is_there, prepare, start};
pub(super) use registers::{advance, await_window, inject, rax, read, use_debug, write};
pub(super) use reset::{reset, set_memory};
pub(super) use run::{exit, make_ready};

use super::Guest;
use super::tags::FIRST;
use crate::cpu::{self, Cpu};
use crate::kernel_space::DIRECT_MAP;
use crate::shootdown;

/// Registers that the CPU switches by lists of values: STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE.
const LISTED: [u32; 5] = [0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0102];

/// What VMX wants to know of a guest beside its VMCS. Zero at first.
#[repr(C, align(16))]
pub(crate) struct State {
    /// Number and value of the [`LISTED`] registers, as the CPU stores and loads them: at a multiple of
    /// 16 bytes.
    pub(super) listed: [[Cell<u64>; 2]; LISTED.len()],
    pub(super) cr2: Cell<u64>,
    /// Why the guest was left, as the CPU says it.
    pub(super) reason: Cell<u64>,
    /// Whether the VMCS was entered since it became the current one.
    pub(super) is_launched: Cell<bool>,
    /// Address of the [`Cpu`] that the host's part of the VMCS is for.
    host: Cell<u64>,
    /// The page tables that an exit loads, as a [`RootWord`](crate::translations::RootWord).
    pub(super) root: Cell<u64>,
}

/// Makes the VMCS of `guest`, which runs nowhere else, the current one.
#[inline(always)]
pub(super) fn reach(guest: &Guest) {
    if Cpu::here().vmcs.load(Relaxed) != ptr::from_ref(guest).addr() as u64 {
        load(guest);
    }
}

/// Not inlined, nor is [`let_go`]: both hand an address on the stack to the CPU, and fast paths have to leave by jumps.
#[cold]
#[inline(never)]
fn load(guest: &Guest) {
    let address = ptr::from_ref(guest).addr() as u64;
    take_back(address);
    // SAFETY: it is a VMCS, as `reset` made it, and no CPU holds it any more.
    unsafe { instructions::vmptrld(PhysicalAddress(guest.physical.get())) };
    Cpu::here().vmcs.store(address, Relaxed);
}

/// No CPU holds the VMCS of the guest at `address` any more, which does not run; nor does the executing one hold any.
/// Where another one has to let go of it, the kernel lock is held.
#[inline(never)]
pub(crate) fn take_back(address: u64) {
    let cpu = Cpu::here();
    let_go(cpu);
    for (number, holder) in (0..).zip(cpu::running()) {
        if holder.vmcs.load(Relaxed) == address {
            holder.requests.ask(Request::Everything, &cpu.requests, number);
            shootdown::settle(cpu);
        }
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

/// `cpu`, the executing one, holds the VMCS of the guest at `next`, which it runs next, and no other; 0 for no guest.
/// The kernel lock is held.
#[inline(never)]
pub(crate) fn pass_on(cpu: &Cpu, next: u64) {
    match next {
        0 => let_go(cpu),
        _ => reach(super::guest(PhysicalAddress(next & !DIRECT_MAP))),
    }
}

/// Writes what `cpu`, the executing one, holds of a VMCS to memory.
#[inline(never)]
pub(crate) fn let_go(cpu: &Cpu) {
    let held = cpu.vmcs.load(Relaxed);
    if held != 0 {
        let guest = super::guest(PhysicalAddress(held & !DIRECT_MAP));
        // SAFETY: it is the current VMCS, whose guest lives as long as it is held.
        unsafe { instructions::vmclear(PhysicalAddress(guest.physical.get())) };
        guest.vmx.is_launched.set(false);
        cpu.vmcs.store(0, Relaxed);
    }
}
