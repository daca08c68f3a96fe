//! Into a guest, and out of it; the assembly itself stands in `stubs`.

use core::arch::asm;
use core::cell::Cell;
use core::ptr;
use core::sync::atomic::Ordering::Relaxed;

use a9n_abi::guest::{Event, Exit, ExitReason};

use super::controls::MACHINE_CHECK;
use super::exit::{self, basic};
use super::field::Field;
use super::instructions::{field, set_field};
use super::registers::{CR0_KEPT, CR4_FREE, CR4_KEPT, NMI_BLOCKED, inject, use_debug};
use super::{host, let_go, reach};
use crate::context::Context;
use crate::cpu::Cpu;
use crate::interrupts::interrupted;
use crate::speculation;
use crate::translations::RootWord;
use crate::virt::{Guest, unusual};

/// Bits of an event in the middle of which the guest left, but for its code.
const EVENT: u64 = 0x8000_0fff;
/// The guest was about to return from a non-maskable interrupt.
const NMI_UNBLOCKED: u64 = 1 << 12;
/// Exceptions of breakpoints, whose causes are shown in bits of DR6 that the guest has yet to be told;
/// that are not maskable; and for what is not allowed.
const DEBUG: u8 = 1;
const NON_MASKABLE: u8 = 2;
const DEBUG_CAUSES: u64 = 0x600f;
const PROTECTION: u8 = 13;

/// Makes `cpu`, the executing one, ready to enter `guest`.
pub(crate) fn make_ready(cpu: &Cpu, guest: &Guest) {
    reach(guest);
    let here = ptr::from_ref(cpu).addr() as u64;
    if guest.vmx.host.replace(here) != here {
        host::write_state(cpu);
    }
    let root = cpu.root.load(Relaxed);
    if guest.vmx.root.replace(root) != root {
        set_field(Field::HOST_CR3, RootWord(root).register());
    }
    // SAFETY: the kernel reads it only right after a page fault.
    unsafe { asm!("mov cr2, {}", in(reg) guest.vmx.cr2.get(), options(nomem, nostack)) }
    if guest.unusual.get() & unusual::CACHE != 0 {
        speculation::empty_cache();
    }
}

/// How to go on after an exit: whom to run, null for nobody; or that it is for the monitor.
#[repr(C)]
pub(crate) struct Next(*const Context, bool);

/// What the stub calls when `guest` left, or could not be entered, unless all that has to be done is to tell its
/// monitor.
pub(crate) extern "C" fn left(guest: &Guest) -> Next {
    let cpu = Cpu::here();
    // What sets XCR0 leaves the guest, so where nothing was unusual before, nothing is.
    if guest.unusual.get() != 0 {
        guest.store_unusual();
    }
    let reason = guest.vmx.reason.get();
    match reason {
        // It was not launched, or would not be known to be.
        basic::REFUSED.. => let_go(cpu),
        _ => keep_event(reason),
    }
    if reason == basic::EXTERNAL_INTERRUPT {
        let vector = field(Field::EXIT_EVENT) & 0xff;
        return Next(interrupted(vector, 0), false);
    }
    Next(cpu.current.load(Relaxed), !handle(guest, reason))
}

/// Deals with an exit for `reason` that is the kernel's own business. `false` if it is for the monitor.
fn handle(guest: &Guest, reason: u64) -> bool {
    match reason {
        basic::MACHINE_CHECK => return take_own(MACHINE_CHECK),
        basic::EXCEPTION => {
            let vector = Event(field(Field::EXIT_EVENT)).vector();
            if vector == DEBUG {
                let found = field(Field::QUALIFICATION) & DEBUG_CAUSES;
                let [.., status] = &guest.debug;
                status.set(status.get() | found);
            }
            return take_own(vector);
        }
        basic::INIT => {}
        basic::CONTROL_REGISTER => control_register(guest),
        basic::DEBUG_REGISTER => use_debug(guest, true),
        _ => return false,
    }
    true
}

/// Makes what was being delivered to the guest, when it left for `reason`, be delivered again. What an
/// instruction raised is raised again by that.
fn keep_event(reason: u64) {
    let event = Event(field(Field::VECTORING_EVENT));
    if event.is_valid() && event.kind() <= Event::EXCEPTION {
        set_field(Field::ENTRY_EVENT, event.0 & EVENT);
        set_field(Field::ENTRY_ERROR_CODE, field(Field::VECTORING_ERROR_CODE));
    }
    let unblocked = match reason {
        basic::EXCEPTION => field(Field::EXIT_EVENT),
        basic::MEMORY => field(Field::QUALIFICATION),
        _ => 0,
    };
    let blocking = field(Field::INTERRUPTIBILITY);
    if event.is_non_maskable() {
        set_field(Field::INTERRUPTIBILITY, blocking & !NMI_BLOCKED);
    } else if unblocked & NMI_UNBLOCKED != 0 {
        set_field(Field::INTERRUPTIBILITY, blocking | NMI_BLOCKED);
    }
}

/// Takes the machine's own non-maskable interrupt or machine check, if the exception with `vector` is that; answers
/// whether.
fn take_own(vector: u8) -> bool {
    // SAFETY: what the CPU would have done outside the guest.
    unsafe {
        match vector {
            NON_MASKABLE => asm!("int {}", const NON_MASKABLE, options(nomem, nostack)),
            MACHINE_CHECK => asm!("int {}", const MACHINE_CHECK, options(nomem, nostack)),
            _ => return false,
        }
    }
    true
}

/// Deals with a write to CR0 or CR4. What they keep is shown to the guest as it wrote it, and the instruction is done
/// again, by the CPU; other bits of CR4 that make the guest leave it cannot have.
fn control_register(guest: &Guest) {
    let qualification = field(Field::QUALIFICATION);
    let register = INTERFACE_ORDER.get((qualification >> 8 & 0xf) as usize);
    let register = register.and_then(|number| guest.registers.get(usize::from(*number)));
    let value = register.map_or_else(|| field(Field::GUEST_RSP), Cell::get);
    match qualification & 0xf {
        0 => set_field(Field::CR0_SHADOW, value & CR0_KEPT),
        _ if value & !(CR4_FREE | CR4_KEPT) == 0 => {
            set_field(Field::CR4_SHADOW, value & CR4_KEPT);
        }
        _ => inject(guest, Event::exception_with_code(PROTECTION, 0)),
    }
}

/// General registers in the order of instructions, by their places in the interface. RSP has none: it is
/// in the VMCS.
const INTERFACE_ORDER: [u8; 16] = [0, 2, 3, 1, 16, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];

/// Why `guest` was left the last time. (Once for all paths: the kernel has no room for two.)
#[inline(never)]
pub(crate) fn exit(guest: &Guest) -> (ExitReason, Exit) {
    reach(guest);
    let number = guest.vmx.reason.get();
    let (reason, detail, value) = exit::decode(field, number, &guest.registers);
    (reason, exit::describe(field, number, detail, value))
}
