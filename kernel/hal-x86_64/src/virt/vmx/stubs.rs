//! The way into a guest and out of it.
//!
//! `a9n_guest_vmx` is where `a9n_guest` goes on with VMX: `current` and the page tables are as for user
//! mode, rdi are the CPU's words, rsi is the virtual CPU, and the stack pointer is 8 below the former.
//! There it is again when the guest leaves.
//!
//! # Soundness
//! - An exit loads what [`host`](super::host) wrote, for this CPU: its stack, its tables. Interrupts are off.
//! - `current` is who was entered, which lives as long; its context names the virtual CPU.
//! - All general registers are the guest's while it runs, and stored in the virtual CPU behind it. If the
//!   CPU refuses to enter, they are stored as they were loaded.

use core::arch::global_asm;
use core::mem::offset_of;

use super::host::STACK_OFFSET;
use super::run::{enter, left};
use crate::context::Context;
use crate::cpu::Cpu;
use crate::virt::Guest;

global_asm!(
    include_str!("guest.s"),
    CURRENT = const offset_of!(Cpu, current),
    GUEST = const offset_of!(Context, guest),
    REGISTERS = const offset_of!(Guest, registers),
    STACK_OFFSET = const STACK_OFFSET,
    ENTER = sym enter,
    LEFT = sym left,
);
