//! What an exit means, and what is done with the monitor's answer (AMD64 APM, volume 2, appendix C
//! has the codes).

use a9n_abi::guest::{Event, GuestInstruction, PortAccess, Situation};
use a9n_hal::{Exit, ExitReason, GuestVerdict, MESSAGE_REGISTERS};

use super::Guest;
use super::state::use_debug;
use super::vmcb::{self, half, word};
use crate::exceptions;
use crate::virt::{BREAKPOINTS, unusual};

/// Codes of exits.
mod code {
    pub(super) const DEBUG_FIRST: u32 = 0x20;
    pub(super) const DEBUG_LAST: u32 = 0x3f;
    pub(super) const EXCEPTION_FIRST: u32 = 0x40;
    pub(super) const EXCEPTION_LAST: u32 = 0x5f;
    pub(super) const MACHINE_CHECK: u32 = EXCEPTION_FIRST + 18;
    pub(super) const INTERRUPT_FIRST: u32 = 0x60;
    pub(super) const INTERRUPT_LAST: u32 = 0x63;
    pub(super) const WINDOW: u32 = 0x64;
    pub(super) const RDPMC: u32 = 0x6f;
    pub(super) const CPUID: u32 = 0x72;
    pub(super) const RSM: u32 = 0x73;
    pub(super) const INVD: u32 = 0x76;
    pub(super) const HLT: u32 = 0x78;
    pub(super) const INVLPGA: u32 = 0x7a;
    pub(super) const PORT: u32 = 0x7b;
    pub(super) const REGISTER: u32 = 0x7c;
    pub(super) const TASK_SWITCH: u32 = 0x7d;
    pub(super) const SHUTDOWN: u32 = 0x7f;
    pub(super) const VMRUN: u32 = 0x80;
    pub(super) const VMMCALL: u32 = 0x81;
    pub(super) const VMLOAD: u32 = 0x82;
    pub(super) const SKINIT: u32 = 0x86;
    pub(super) const RDTSCP: u32 = 0x87;
    pub(super) const WBINVD: u32 = 0x89;
    pub(super) const MONITOR: u32 = 0x8a;
    pub(super) const MWAIT_ARMED: u32 = 0x8c;
    pub(super) const XSETBV: u32 = 0x8d;
    pub(super) const RDPRU: u32 = 0x8e;
    pub(super) const NESTED_FAULT: u32 = 0x400;
    pub(super) const INVALID: u32 = u32::MAX;
}

/// Bits of the first word about a nested fault: a store, a fetch, during a walk.
const STORE: u64 = 1 << 1;
const FETCH: u64 = 1 << 4;
const WALK: u64 = 1 << 33;
/// Kinds of events that the guest repeats by itself, since RIP stands before them: software
/// interrupts; and the exceptions that are instructions.
const SOFTWARE: u64 = 4;
const BREAKPOINT_OR_OVERFLOW: [u8; 2] = [3, 4];

/// Longest instruction.
const LONGEST: u64 = 15;

/// Deals with an exit that is the kernel's own business. `false` if it is for the monitor.
pub(crate) fn handle(guest: &Guest) -> bool {
    match half(guest, vmcb::EXIT_CODE) {
        // It repeats its access, with debug registers of its own.
        code::DEBUG_FIRST..=code::DEBUG_LAST => use_debug(guest, true),
        // Taken by the machine when it was left; or none for guests.
        code::INTERRUPT_FIRST..=code::INTERRUPT_LAST => {}
        code::MACHINE_CHECK => raise_machine_check(),
        _ => return false,
    }
    true
}

/// The machine has failed: the kernel's own handler says so.
fn raise_machine_check() {
    // SAFETY: the gate of the exception leads to the end of the machine, with a dump.
    unsafe { core::arch::asm!("int 18") }
}

/// What an exit interrupted is injected again; and debug registers without breakpoints are not switched
/// any more.
pub(crate) fn keep_event(guest: &Guest) {
    let interrupted = Event(word(guest, vmcb::EXIT_EVENT).get());
    let repeats = interrupted.kind() == SOFTWARE
        || interrupted.kind() == Event::EXCEPTION
            && BREAKPOINT_OR_OVERFLOW.contains(&interrupted.vector());
    if interrupted.is_valid() && !repeats {
        word(guest, vmcb::EVENT).set(interrupted.0);
    }
    word(guest, vmcb::EXIT_EVENT).set(0);
    let breaks = word(guest, vmcb::DR7).get() & BREAKPOINTS != 0;
    if guest.unusual.get() & unusual::DEBUG != 0 && !breaks {
        use_debug(guest, false);
    }
}

/// Low halves of two registers as the one value that they stand for.
fn pair(high: u64, low: u64) -> u64 {
    high << 32 | low & 0xffff_ffff
}

/// Why `guest` was left, for its monitor.
#[inline(always)]
pub(crate) fn exit(guest: &Guest) -> (ExitReason, Exit) {
    let code = half(guest, vmcb::EXIT_CODE);
    let (first, second) =
        (word(guest, vmcb::EXIT_INFO_1).get(), word(guest, vmcb::EXIT_INFO_2).get());
    let (rax, rip) = (word(guest, vmcb::RAX).get(), word(guest, vmcb::RIP).get());
    let [_, rbx, rcx, rdx, ..] = &guest.registers;
    let low = |value: u64| value & 0xffff_ffff;
    let instruction = |which: GuestInstruction| (ExitReason::Instruction, which as u64, 0);
    let mut next = word(guest, vmcb::NEXT_RIP).get();
    let (reason, detail, value) = match code {
        code::CPUID => (ExitReason::Identify, low(rax), low(rcx.get())),
        code::PORT => {
            next = second;
            (ExitReason::Port, port_access(first), rax)
        }
        code::REGISTER if first & 1 == 0 => (ExitReason::ReadRegister, low(rcx.get()), 0),
        code::REGISTER => (ExitReason::WriteRegister, low(rcx.get()), pair(rdx.get(), rax)),
        code::NESTED_FAULT => (ExitReason::Memory, attempted(first), second),
        code::HLT => (ExitReason::Halt, 0, 0),
        code::WINDOW => (ExitReason::InterruptWindow, 0, 0),
        code::EXCEPTION_FIRST..=code::EXCEPTION_LAST => {
            (ExitReason::Exception, exception(code as u8 & 31, first), second)
        }
        code::SHUTDOWN => (ExitReason::Shutdown, 0, 0),
        code::VMMCALL => (ExitReason::Hypercall, rax, rbx.get()),
        code::XSETBV => (ExitReason::SetExtended, low(rcx.get()), pair(rdx.get(), rax)),
        code::VMRUN | code::VMLOAD..=code::SKINIT | code::INVLPGA => {
            instruction(GuestInstruction::Virtualisation)
        }
        code::MONITOR..=code::MWAIT_ARMED => instruction(GuestInstruction::Monitor),
        code::RDPMC | code::RDPRU => instruction(GuestInstruction::ReadCounter),
        code::WBINVD => instruction(GuestInstruction::WriteBack),
        code::INVD => instruction(GuestInstruction::Invalidate),
        code::RDTSCP => instruction(GuestInstruction::ReadTime),
        code::TASK_SWITCH => instruction(GuestInstruction::TaskSwitch),
        code::RSM => instruction(GuestInstruction::Resume),
        code::INVALID => (ExitReason::Invalid, code.into(), 0),
        _ => (ExitReason::Other, code.into(), first),
    };
    let length = Some(next.wrapping_sub(rip)).filter(|length| *length <= LONGEST).unwrap_or(0);
    let exit = Exit {
        instruction: rip,
        detail,
        value,
        situation: Situation(situation(guest).0 | length),
        interrupted: Event(word(guest, vmcb::EVENT).get()),
        page_table: word(guest, vmcb::CR3).get(),
    };
    (reason, exit)
}

/// How the processor stands.
#[inline(always)]
fn situation(guest: &Guest) -> Situation {
    let get = |offset| word(guest, offset).get();
    // A bit of a register where it stands in the situation.
    let up = |value: u64, by: u32, flags: u64| value << by & flags;
    let down = |value: u64, by: u32, flags: u64| value >> by & flags;
    let (cs, cr0) = (get(vmcb::CS), get(vmcb::CR0));
    Situation(
        // The level is that of the stack segment's descriptor.
        down(get(vmcb::SS), 13, 3 << Situation::PRIVILEGE_SHIFT)
            | down(cs, 15, Situation::CODE_64 | Situation::CODE_32)
            | up(cr0, 12, Situation::PROTECTED)
            | down(cr0, 18, Situation::PAGING)
            | up(get(vmcb::RFLAGS), 5, Situation::INTERRUPTS)
            | up(get(vmcb::SHADOW), 15, Situation::SHADOW)
            | up(get(vmcb::EFER), 6, Situation::LONG),
    )
}

/// An access to a port from the first word about it: bit 0 IN, 2 a string, 3 repeated, 4 to 7 a bit for
/// 1, 2 and 4 bytes, 7 to 10 one for addresses of 2, 4 and 8 bytes, from 16 on the port.
fn port_access(info: u64) -> u64 {
    let flag = |bit: u32, flag: u64| if info >> bit & 1 != 0 { flag } else { 0 };
    let addresses = (info >> 7 & 7) << 1;
    info >> 16 & 0xffff
        | (info >> 4 & 7) << PortAccess::BYTES_SHIFT
        | flag(0, PortAccess::IN)
        | flag(2, PortAccess::STRING)
        | flag(3, PortAccess::REPEATED)
        | addresses << PortAccess::ADDRESS_SHIFT
}

/// What was tried when a nested fault came, from the first word about it.
fn attempted(info: u64) -> u64 {
    use a9n_hal::Access;
    const WALKING: u64 = 1 << 8;
    let access = if info & FETCH != 0 {
        Access::EXECUTE
    } else if info & STORE != 0 {
        Access::WRITE
    } else {
        Access::READ
    };
    access.bits() | if info & WALK != 0 { WALKING } else { 0 }
}

/// The event with which an intercepted exception goes on.
fn exception(vector: u8, error: u64) -> u64 {
    if exceptions::has_error_code(vector) {
        Event::exception_with_code(vector, error as u32).0
    } else {
        Event::exception(vector).0
    }
}

/// Does what `verdict` says, but for the groups.
#[inline(always)]
pub(crate) fn answer(guest: &Guest, verdict: GuestVerdict, words: &[u64; MESSAGE_REGISTERS]) {
    let done = verdict.bytes_done();
    if done != 0 {
        let rip = word(guest, vmcb::RIP);
        rip.set(rip.get().wrapping_add(done));
        let shadow = word(guest, vmcb::SHADOW);
        shadow.set(shadow.get() & !vmcb::IN_SHADOW);
    }
    guest.set_registers(word(guest, vmcb::RAX), verdict, words);
    if verdict.has(GuestVerdict::INJECT) {
        let [_, _, _, _, event, _] = *words;
        word(guest, vmcb::EVENT).set(event);
    }
    ask_window(guest, verdict.has(GuestVerdict::WINDOW));
}

/// Lets the guest be left as soon as it could take an interrupt, or does not.
#[inline(always)]
fn ask_window(guest: &Guest, wanted: bool) {
    let (interrupt, first) =
        (word(guest, vmcb::VIRTUAL_INTERRUPT), half(guest, vmcb::INTERCEPT_FIRST));
    if wanted {
        interrupt.set(interrupt.get() | vmcb::WAITING);
        vmcb::set_half(guest, vmcb::INTERCEPT_FIRST, first | vmcb::INTERCEPT_WINDOW);
    } else if first & vmcb::INTERCEPT_WINDOW != 0 {
        interrupt.set(interrupt.get() & !vmcb::WAITING);
        vmcb::set_half(guest, vmcb::INTERCEPT_FIRST, first & !vmcb::INTERCEPT_WINDOW);
    }
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
