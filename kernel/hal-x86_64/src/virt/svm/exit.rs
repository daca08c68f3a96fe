//! What an exit means, and what is done with the monitor's answer. Exits have the codes of the AMD64 APM,
//! volume 2, appendix C.

use core::cell::Cell;

use a9n_abi::guest::{Event, GuestInstruction, PortAccess, Situation};
use a9n_hal::{Access, Exit, ExitReason};

use super::Guest;
use super::state::use_debug;
use super::vmcb::{self, word};
use crate::cpu::Cpu;
use crate::exceptions;
use crate::virt::{state, unusual};

/// Code of the first exception, and of a machine check.
const EXCEPTION: u32 = 0x40;
const MACHINE_CHECK: u32 = EXCEPTION + 18;
/// Code of `iret`, and of the last interrupt of the machine's, which are nobody else's business.
const RETURN: u64 = 0x74;
const NOTHING: u32 = 0x63;
/// The low half of the code with which the CPU refuses to enter.
pub(crate) const INVALID: u32 = u32::MAX;

/// Bits of the first word about a nested fault: a store, a fetch, during a walk.
const STORE: u64 = 1 << 1;
const FETCH: u64 = 1 << 4;
const WALK: u64 = 1 << 33;
/// Kinds of events that the guest repeats by itself, since RIP stands before them: software
/// interrupts; and the exceptions that are instructions.
const SOFTWARE: u64 = 4;
const BREAKPOINT_OR_OVERFLOW: [u8; 2] = [3, 4];

/// Low half of a register.
const LOW: u64 = 0xffff_ffff;
/// Longest instruction.
const LONGEST: u64 = 15;

/// Deals with an exit that is the kernel's own business. `false` if it is for the monitor.
pub(crate) fn handle(guest: &Guest) -> bool {
    match word(guest, vmcb::EXIT_CODE).get() as u32 {
        // It repeats its access, with debug registers of its own.
        0x20..=0x3f => use_debug(guest, true),
        // SAFETY: the machine has failed; the gate of the exception leads to its end, with a dump.
        MACHINE_CHECK => unsafe { core::arch::asm!("int 18") },
        // Interrupts, taken by the machine when it was left; or none for guests; or `iret`, which it repeats.
        0x60..=NOTHING => {}
        _ => return false,
    }
    true
}

/// Before `guest` is entered: what is injected as a non-maskable interrupt holds off others until it returns, which
/// the guest leaves for. Another interrupt waits in the processor instead, which takes it before anything else: as an
/// event, an emulator (QEMU) delivers it a second time now and then. It stays an event where a window has that place.
pub(crate) fn make_ready(_cpu: &Cpu, guest: &Guest) {
    let (unusual, event) = (guest.unusual.get(), Event(word(guest, vmcb::EVENT).get()));
    if unusual & unusual::INJECTED != 0 {
        let is_held = unusual & unusual::HELD_OFF != 0 || event.is_non_maskable();
        guest.set_unusual(unusual::INJECTED, false);
        guest.set_unusual(unusual::HELD_OFF, is_held);
        guest.set_unusual(unusual::INTERRUPT, event.is_interrupt());
        let leaves = if is_held { !0 } else { 0 };
        vmcb::change(guest, vmcb::INTERCEPT_FIRST, vmcb::INTERCEPT_RETURN, leaves);
    }
    if guest.unusual.get() & unusual::INTERRUPT != 0 && guest.window.get() == 0 {
        let vector = word(guest, vmcb::EVENT).replace(0) << vmcb::VECTOR.trailing_zeros();
        let mask = vmcb::WAITING | vmcb::VECTOR;
        vmcb::change(guest, vmcb::VIRTUAL_INTERRUPT, mask, vmcb::WAITING | vector);
    }
}

/// What an exit interrupted is injected again; and a guest that is left as it returns from a non-maskable interrupt
/// goes on, and takes others.
pub(crate) fn keep_event(guest: &Guest) {
    if word(guest, vmcb::EXIT_CODE).get() == RETURN {
        word(guest, vmcb::EXIT_CODE).set(NOTHING.into());
        hold_off(guest, false);
    }
    let control = word(guest, vmcb::VIRTUAL_INTERRUPT).get();
    let is_refused = word(guest, vmcb::EXIT_CODE).get() as u32 == INVALID;
    let is_offered = guest.unusual.get() & unusual::INTERRUPT != 0 && guest.window.get() == 0;
    if is_offered && (is_refused || control & vmcb::IS_WAITING != 0) {
        // It was not taken, or only begun with.
        let event = Event::interrupt((control >> vmcb::VECTOR.trailing_zeros()) as u8);
        word(guest, vmcb::EXIT_EVENT).set(event.0);
        vmcb::change(guest, vmcb::VIRTUAL_INTERRUPT, vmcb::WAITING, 0);
    }
    let interrupted = Event(word(guest, vmcb::EXIT_EVENT).replace(0));
    let repeats = interrupted.kind() == SOFTWARE
        || interrupted.kind() == Event::EXCEPTION
            && BREAKPOINT_OR_OVERFLOW.contains(&interrupted.vector());
    let is_due = interrupted.is_valid() && !repeats;
    if interrupted.is_non_maskable() {
        guest.set_unusual(unusual::HELD_OFF, false);
    }
    inject(guest, if is_due { interrupted } else { Event::NONE });
}

/// Why `guest` was left, for its monitor.
#[inline(always)]
pub(crate) fn exit(guest: &Guest) -> (ExitReason, Exit) {
    let get = |offset| word(guest, offset).get();
    let (first, second) = (get(vmcb::EXIT_INFO_1), get(vmcb::EXIT_INFO_2));
    let (rax, rip, mut next) = (get(vmcb::RAX), get(vmcb::RIP), get(vmcb::NEXT_RIP));
    let [_, _, rcx, rdx, ..] = &guest.registers;
    let (reason, detail, value) = match get(vmcb::EXIT_CODE) as u32 {
        0x72 => (ExitReason::Identify, rax & LOW, rcx.get() & LOW),
        0x78 => (ExitReason::Halt, 0, 0),
        0x7b => {
            next = second;
            (ExitReason::Port, port_access(first), rax)
        }
        0x7c if first & 1 == 0 => (ExitReason::ReadRegister, rcx.get() & LOW, 0),
        0x7c => (ExitReason::WriteRegister, rcx.get() & LOW, rdx.get() << 32 | rax & LOW),
        0x400 => (ExitReason::Memory, attempted(first), second),
        code => rare(guest, code, [first, second, rax]),
    };
    let length = Some(next.wrapping_sub(rip)).filter(|length| *length <= LONGEST).unwrap_or(0);
    let control = [vmcb::RFLAGS, vmcb::CR0, vmcb::EFER].map(get);
    let situation = state::situation([get(vmcb::CS), get(vmcb::SS)], control, get(vmcb::SHADOW));
    let exit = Exit {
        instruction: rip,
        detail,
        value,
        situation: Situation(situation | length),
        interrupted: Event(get(vmcb::EVENT)),
        page_table: get(vmcb::CR3),
    };
    (reason, exit)
}

/// An access to a port from the first word about it: bit 0 IN, 2 a string, 3 repeated, 4 to 7 a bit for
/// 1, 2 and 4 bytes, 7 to 10 one for addresses of 2, 4 and 8 bytes, from 16 on the port.
const fn port_access(info: u64) -> u64 {
    info >> 16 & 0xffff
        | info << 12 & 7 << PortAccess::BYTES_SHIFT
        | info << 20 & PortAccess::IN
        | info << 19 & (PortAccess::STRING | PortAccess::REPEATED)
        | info << 18 & 14 << PortAccess::ADDRESS_SHIFT
}

/// The same of exits for less frequent reasons: reason, detail and value.
#[inline(never)]
fn rare(guest: &Guest, code: u32, [first, second, rax]: [u64; 3]) -> (ExitReason, u64, u64) {
    let [_, rbx, rcx, rdx, ..] = &guest.registers;
    let [rbx, rcx, rdx] = [rbx.get(), rcx.get(), rdx.get()];
    let instruction = |which: GuestInstruction| (ExitReason::Instruction, which as u64, 0);
    match code {
        EXCEPTION..=0x5f => (ExitReason::Exception, exception(code as u8 & 31, first), second),
        0x64 => (ExitReason::InterruptWindow, 0, 0),
        0x6f | 0x8e => instruction(GuestInstruction::ReadCounter),
        0x73 => instruction(GuestInstruction::Resume),
        0x76 => instruction(GuestInstruction::Invalidate),
        0x7d => instruction(GuestInstruction::TaskSwitch),
        0x7f => (ExitReason::Shutdown, 0, 0),
        0x81 => (ExitReason::Hypercall, rax, rbx),
        0x7a | 0x80 | 0x82..=0x86 => instruction(GuestInstruction::Virtualisation),
        0x89 => instruction(GuestInstruction::WriteBack),
        0x8a..=0x8c => instruction(GuestInstruction::Monitor),
        0x8d => (ExitReason::SetExtended, rcx & LOW, rdx << 32 | rax & LOW),
        INVALID => (ExitReason::Invalid, INVALID.into(), 0),
        _ => (ExitReason::Other, code.into(), first),
    }
}

/// What was tried when a nested fault came, from the first word about it.
fn attempted(info: u64) -> u64 {
    let access = match info {
        _ if info & FETCH != 0 => Access::EXECUTE,
        _ if info & STORE != 0 => Access::WRITE,
        _ => Access::READ,
    };
    access.bits() | if info & WALK != 0 { ExitReason::TABLES_WALKED } else { 0 }
}

/// The event with which an intercepted exception goes on.
fn exception(vector: u8, error: u64) -> u64 {
    let code = Event::HAS_CODE | error << 32;
    Event::exception(vector).0 | if exceptions::has_error_code(vector) { code } else { 0 }
}

/// Where RAX stands.
#[inline(always)]
pub(crate) fn rax(guest: &Guest) -> &Cell<u64> {
    word(guest, vmcb::RAX)
}

/// The instruction of so many `bytes` is done.
#[inline(always)]
pub(crate) fn advance(guest: &Guest, bytes: u64) {
    let (rip, shadow) = (word(guest, vmcb::RIP), word(guest, vmcb::SHADOW));
    rip.set(rip.get().wrapping_add(bytes));
    shadow.set(shadow.get() & !vmcb::IN_SHADOW);
}

/// Injects `event` at the next entry, or nothing. (Without a call, for which fast paths would save registers.)
#[inline(always)]
pub(crate) fn inject(guest: &Guest, event: Event) {
    word(guest, vmcb::EVENT).set(event.0);
    guest.unusual.set(guest.unusual.get() | unusual::INJECTED);
}

/// The guest takes no non-maskable interrupt, but one that is due, until it returns from that; or takes any.
pub(crate) fn hold_off(guest: &Guest, on: bool) {
    guest.set_unusual(unusual::HELD_OFF, on);
    guest.set_unusual(unusual::INJECTED, true);
}

/// 1 if it takes none that is not due.
pub(crate) fn held_off(guest: &Guest) -> u64 {
    let is_held = guest.unusual.get() & unusual::HELD_OFF != 0;
    u64::from(is_held && !Event(word(guest, vmcb::EVENT).get()).is_non_maskable())
}

/// Lets the guest be left as soon as it could take an interrupt, or not any more.
pub(crate) fn await_window(guest: &Guest, wanted: bool) {
    let bits = if wanted { !0 } else { 0 };
    vmcb::change(guest, vmcb::VIRTUAL_INTERRUPT, vmcb::WAITING, bits);
    vmcb::change(guest, vmcb::INTERCEPT_FIRST, vmcb::INTERCEPT_WINDOW, bits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_to_a_port_is_told_in_portable_terms() {
        // outb %al, $0x3f8 in 16-bit code.
        let access = PortAccess(port_access(0x03f8 << 16 | 1 << 7 | 1 << 4));
        assert_eq!((access.port(), access.bytes()), (0x3f8, 1));
        assert!(!access.has(PortAccess::IN));
        // rep insl in 64-bit code.
        let access = PortAccess(port_access(0x1f0 << 16 | 1 << 9 | 1 << 6 | 0b1101));
        assert_eq!((access.port(), access.bytes()), (0x1f0, 4));
        assert!(access.has(PortAccess::IN | PortAccess::STRING | PortAccess::REPEATED));
        assert_eq!(access.0 >> PortAccess::ADDRESS_SHIFT, 8);
    }
}
