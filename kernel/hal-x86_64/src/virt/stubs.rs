//! The way into a guest and out of it.
//!
//! `a9n_guest` is where the way out of the kernel ends for a context of mode `Guest`: interrupts are off,
//! the kernel lock is given back, rdx is the context, and the stack pointer is 8 below the CPU's words. There
//! it is again when the guest leaves. From a monitor's answer on its fast path, `a9n_enter_guest` goes on with
//! the monitor's page tables: a CPU that is asked to leave them is interrupted in its guest. SVM switches them
//! itself; with VMX an exit loads what it was told to, so it is told where they are others than the last time.
//!
//! What an interrupt of the machine does to a guest is what it does to an idle CPU: the guest is left,
//! interrupts are let in for one instruction with nothing on the stack, and the interrupt's frame is
//! dropped by its stub. That the CPU's `current` is set tells whom it interrupted.
//!
//! # Soundness
//! - `current` and the loaded root are set as for user mode, so the arguments of
//!   [`entry`](crate::entry) and [`lock`](crate::lock) hold.
//! - From `clgi` to `stgi` the CPU takes no interrupt, not even one that cannot be masked; between them the
//!   guest's segments and hidden state are loaded and the machine's loaded again.
//! - All general registers are the guest's while it runs, and stored in the virtual CPU behind it; as they were
//!   loaded if the CPU refuses to enter.
//! - A virtual CPU lives as long as its process is current: the portable kernel has it stopped first.

use core::arch::global_asm;
use core::mem::offset_of;

use a9n_abi::guest::Event;

use super::svm::vmcb;
use super::vmx::{exit, field, run};
use super::{Guest, TECHNIQUE, Technique, after_exit, before_entry, left};
use crate::context::Context;
use crate::cpu::{AREA_BYTES, CPUS, Cpu, OTHERS};
use crate::entry::Entered;
use crate::lock::LOCK;

global_asm!(
    include_str!("guest.s"),
    include_str!("vmx/guest.s"),
    TECHNIQUE = sym TECHNIQUE, VMX = const Technique::Vmx as u8,
    CURRENT = const offset_of!(Cpu, current), LOADED_ROOT = const offset_of!(Cpu, root),
    CPU_GUEST = const offset_of!(Cpu, guest), OWN_PAGE = const offset_of!(Cpu, own_page),
    SEGMENTS = const offset_of!(Cpu, segments.pointer),
    ROOT = const offset_of!(Context, root), GUEST = const offset_of!(Context, guest),
    R12 = const offset_of!(Context, r12), R13 = const offset_of!(Context, r13),
    R14 = const offset_of!(Context, r14), R15 = const offset_of!(Context, r15),
    GUEST_CPU = const offset_of!(Guest, cpu), UNUSUAL = const offset_of!(Guest, unusual),
    EXTENDED = const offset_of!(Guest, extended), PHYSICAL = const offset_of!(Guest, physical),
    REGISTERS = const offset_of!(Guest, registers), REASON = const offset_of!(Guest, vmx.reason),
    LAUNCHED = const offset_of!(Guest, vmx.is_launched),
    HOST_ROOT = const offset_of!(Guest, vmx.root), CR2 = const offset_of!(Guest, vmx.cr2),
    OTHERS = sym OTHERS, CPUS = sym CPUS, AREA_BITS = const AREA_BYTES.ilog2(), LOCK = sym LOCK,
    ALONE = const Entered::ALONE,
    EXIT_EVENT = const vmcb::EXIT_EVENT, EXIT_CODE = const vmcb::EXIT_CODE,
    EVENT_IS_ONE = const Event::VALID.ilog2(),
    // The first code of those that are never the kernel's own business; that of an interrupt of the machine.
    MONITORED = const 0x64, INTERRUPTED = const 0x60,
    EXIT_REASON = const field::Field::EXIT_REASON.0, MONITORED_VMX = const exit::MONITORED,
    FAILED = const exit::FAILED as i64,
    BEFORE_ENTRY = sym before_entry, AFTER_EXIT = sym after_exit, LEFT = sym left, LEFT_VMX = sym run::left,
);
