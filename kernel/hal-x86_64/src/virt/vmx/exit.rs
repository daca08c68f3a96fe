//! Why a guest left, from the fields of its VMCS to the words of an exit (Intel SDM, volume 3,
//! appendix C and section 28.2.1). Only what the exit needs is read.

use core::cell::Cell;

use a9n_abi::guest::{Event, Exit, ExitReason, GuestInstruction, PortAccess, Situation};

use super::field::{CODE, Field, STACK};
use super::registers::BLOCKED;
use crate::virt::state;

/// Basic exit reasons, as far as the backend compares them itself.
pub mod basic {
    /// Exception, or a non-maskable interrupt of the machine.
    pub const EXCEPTION: u64 = 0;
    /// An interrupt of the machine.
    pub const EXTERNAL_INTERRUPT: u64 = 1;
    /// INIT, which a CPU that runs guests does not take.
    pub const INIT: u64 = 3;
    /// The guest can take a non-maskable interrupt.
    pub const NMI_WINDOW: u64 = 8;
    /// Access to a control register.
    pub const CONTROL_REGISTER: u64 = 28;
    /// Access to a debug register.
    pub const DEBUG_REGISTER: u64 = 29;
    /// Guest-physical memory that is not mapped for what was tried.
    pub const MEMORY: u64 = 48;
    /// The CPU refused to enter: this bit, and why.
    pub const REFUSED: u64 = 1 << 31;
    /// It did because the machine failed.
    pub const MACHINE_CHECK: u64 = REFUSED | 41;
}

/// Bits of an event that say that it is one, and its kind.
const KIND: u64 = Event::VALID | 7 << Event::KIND_SHIFT;
const HARDWARE_EXCEPTION: u64 = Event::EXCEPTION << Event::KIND_SHIFT;

/// Exits that are for the monitor, whatever else there is to be said, a bit each: the window, CPUID, HLT, VMCALL, ports,
/// RDMSR and WRMSR, XSETBV.
pub const MONITORED: u64 = 1 << 7 | 1 << 10 | 1 << 12 | 1 << 18 | 0b111 << 30 | 1 << 55;
/// What stands for the reason where there was no entry that could have ended.
pub const FAILED: u64 = u64::MAX;

/// Low half of a register.
const LOW: u64 = 0xffff_ffff;

/// Access to guest-physical memory: the bit of a linear address, and that it was not for tables.
const LINEAR: u64 = 1 << 7;
const NOT_TABLES: u64 = 1 << 8;

/// General registers, in the order of the interface.
type General = [Cell<u64>; 16];
/// Reason, detail and value of an exit.
type Decoded = (ExitReason, u64, u64);

/// That of the last exit, which had `number`, with `general` registers as they were.
#[inline(always)]
pub fn decode(read: impl Fn(Field) -> u64, number: u64, general: &General) -> Decoded {
    let [rax, _, rcx, rdx, ..] = general;
    let [eax, ecx] = [rax.get() & LOW, rcx.get() & LOW];
    match number {
        10 => (ExitReason::Identify, eax, ecx),
        12 => (ExitReason::Halt, 0, 0),
        30 => {
            let access = port(read(Field::QUALIFICATION), || read(Field::INSTRUCTION_DETAILS));
            (ExitReason::Port, access.0, rax.get())
        }
        31 => (ExitReason::ReadRegister, ecx, 0),
        32 => (ExitReason::WriteRegister, ecx, rdx.get() << 32 | eax),
        number => rare(read, number, general),
    }
}

/// The same of less frequent ones.
#[inline(never)]
fn rare(read: impl Fn(Field) -> u64, number: u64, general: &General) -> Decoded {
    let [rax, rbx, rcx, rdx, ..] = general;
    let [eax, ecx] = [rax.get() & LOW, rcx.get() & LOW];
    let instruction = |kind: GuestInstruction| (ExitReason::Instruction, kind as u64, 0);
    match number {
        basic::EXCEPTION => {
            let event = with_code(read(Field::EXIT_EVENT), || read(Field::EXIT_ERROR_CODE));
            (ExitReason::Exception, event.0, read(Field::QUALIFICATION))
        }
        basic::EXTERNAL_INTERRUPT | basic::INIT => (ExitReason::Kick, 0, 0),
        2 => (ExitReason::Shutdown, 0, 0),
        7 | basic::NMI_WINDOW => (ExitReason::InterruptWindow, 0, 0),
        9 => instruction(GuestInstruction::TaskSwitch),
        13 => instruction(GuestInstruction::Invalidate),
        15 => instruction(GuestInstruction::ReadCounter),
        17 => instruction(GuestInstruction::Resume),
        18 => (ExitReason::Hypercall, rax.get(), rbx.get()),
        19..=27 | 50 | 53 | 59 => instruction(GuestInstruction::Virtualisation),
        36 | 39 => instruction(GuestInstruction::Monitor),
        basic::MEMORY => {
            let qualification = read(Field::QUALIFICATION);
            let walks = qualification & (LINEAR | NOT_TABLES) == LINEAR;
            let tried = qualification & 7 | if walks { ExitReason::TABLES_WALKED } else { 0 };
            (ExitReason::Memory, tried, read(Field::GUEST_PHYSICAL))
        }
        // Memory that may not be accessed at all has entries that the CPU calls wrong.
        49 => (ExitReason::Memory, 0, read(Field::GUEST_PHYSICAL)),
        54 => instruction(GuestInstruction::WriteBack),
        55 => (ExitReason::SetExtended, ecx, rdx.get() << 32 | eax),
        FAILED => (ExitReason::Invalid, read(Field::INSTRUCTION_ERROR), 0),
        number if number & basic::REFUSED != 0 => (ExitReason::Invalid, number & 0xffff, 0),
        number => (ExitReason::Other, number & 0xffff, read(Field::QUALIFICATION)),
    }
}

/// The port access that `qualification` says, which has IN, string and repeated side by side; `details` tells
/// the size of an address.
fn port(qualification: u64, details: impl FnOnce() -> u64) -> PortAccess {
    let access = qualification >> 16 & 0xffff
        | ((qualification & 7) + 1) << PortAccess::BYTES_SHIFT
        | ((qualification >> 3 & 7) * PortAccess::IN);
    let address = if access & PortAccess::STRING != 0 { 2 << (details() >> 7 & 3) } else { 0 };
    PortAccess(access | address << PortAccess::ADDRESS_SHIFT)
}

/// `information` about an event, as a VMCS has it, with its error code. Kinds of software exceptions
/// become exceptions.
pub fn with_code(information: u64, code: impl FnOnce() -> u64) -> Event {
    if information & Event::VALID == 0 {
        return Event::NONE;
    }
    let event = match information >> Event::KIND_SHIFT & 7 {
        5 | 6 => information & !KIND | Event::VALID | HARDWARE_EXCEPTION,
        _ => information,
    } & (KIND | Event::HAS_CODE | 0xff);
    let code = if event & Event::HAS_CODE != 0 { code() << 32 } else { 0 };
    Event(event | code)
}

/// The whole exit with `number` of which `detail` and `value` are known.
#[inline(always)]
pub fn describe(read: impl Fn(Field) -> u64, number: u64, detail: u64, value: u64) -> Exit {
    let length = if has_length(number) { read(Field::EXIT_LENGTH) & 15 } else { 0 };
    // The bits that count stand four places higher than in the interface's words, but for the lowest byte's.
    let code = read(Field::GUEST_ES_RIGHTS.of(CODE)) << 12;
    let stack = read(Field::GUEST_ES_RIGHTS.of(STACK)) << 16;
    let control = [read(Field::GUEST_RFLAGS), read(Field::GUEST_CR0), read(Field::GUEST_EFER)];
    let shadow = u64::from(read(Field::INTERRUPTIBILITY) & BLOCKED != 0);
    let situation = state::situation([code, stack], control, shadow);
    Exit {
        instruction: read(Field::GUEST_RIP),
        detail,
        value,
        situation: Situation(situation | length),
        interrupted: with_code(read(Field::ENTRY_EVENT), || read(Field::ENTRY_ERROR_CODE)),
        page_table: read(Field::GUEST_CR3),
    }
}

/// Whether the CPU says how long the instruction is: it was one that made the guest leave.
#[inline(always)]
fn has_length(number: u64) -> bool {
    matches!(number, 9..=32 | 36 | 39 | 40 | 46 | 47 | 50 | 51 | 53..=55 | 57..=61)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERAL: [u64; 4] = [0x1_1234_5678, 2, 0xf_0000_0003, 4];

    /// A VMCS with these fields, the rest 0.
    fn fields(known: &[(Field, u64)]) -> impl Fn(Field) -> u64 {
        move |field| known.iter().find(|(known, _)| *known == field).map_or(0, |(_, value)| *value)
    }

    fn decoded(number: u64, qualification: u64) -> (ExitReason, u64, u64) {
        let known = [
            (Field::QUALIFICATION, qualification),
            (Field::INSTRUCTION_DETAILS, 1 << 7),
            (Field::GUEST_PHYSICAL, 0x5000),
        ];
        let general = [const { Cell::new(0) }; 16];
        general.iter().zip(GENERAL).for_each(|(cell, value)| cell.set(value));
        decode(fields(&known), number, &general)
    }

    #[test]
    fn registers_of_an_instruction_come_in_their_width() {
        assert_eq!(decoded(10, 0), (ExitReason::Identify, 0x1234_5678, 3));
        assert_eq!(decoded(31, 0), (ExitReason::ReadRegister, 3, 0));
        assert_eq!(decoded(32, 0), (ExitReason::WriteRegister, 3, 0x4_1234_5678));
    }

    #[test]
    fn ports_tell_size_direction_and_value() {
        let (reason, detail, value) = decoded(30, 0x3f8 << 16 | 1);
        let access = PortAccess(detail);
        assert_eq!(
            (reason, access.port(), access.bytes(), value),
            (ExitReason::Port, 0x3f8, 2, GENERAL[0])
        );
        assert!(!access.has(PortAccess::IN));
        let access = PortAccess(decoded(30, 0x60 << 16 | 0b11_1000 | 3).1);
        assert!(access.has(PortAccess::IN | PortAccess::STRING | PortAccess::REPEATED));
        assert_eq!((access.bytes(), access.0 >> PortAccess::ADDRESS_SHIFT), (4, 4));
    }

    #[test]
    fn memory_tells_what_was_tried_and_whether_tables_were_walked() {
        assert_eq!(decoded(48, 0x182), (ExitReason::Memory, 2, 0x5000));
        assert_eq!(decoded(48, 0x081), (ExitReason::Memory, 1 | 1 << 8, 0x5000));
    }

    #[test]
    fn what_failed_at_entry_is_invalid_and_what_is_unknown_is_other() {
        assert_eq!(decoded(basic::REFUSED | 33, 0), (ExitReason::Invalid, 33, 0));
        assert_eq!(decoded(56, 7), (ExitReason::Other, 56, 7));
    }

    #[test]
    fn an_interrupted_event_keeps_its_code_and_software_exceptions_are_exceptions() {
        let fault = with_code(0x8000_0b0e, || 5);
        assert_eq!((fault.kind(), fault.vector(), fault.0 >> 32), (Event::EXCEPTION, 14, 5));
        assert_eq!(with_code(0x8000_0603, || 5), Event::exception(3));
        assert_eq!(with_code(0x0000_0b0e, || 5), Event::NONE);
    }

    #[test]
    fn the_situation_is_that_of_the_processor() {
        let known = [
            (Field::EXIT_LENGTH, 2),
            (Field::GUEST_CR0, 0x8000_0001),
            (Field::GUEST_EFER, 0x500),
            (Field::GUEST_ES_RIGHTS.of(CODE), 0xa0fb),
            (Field::GUEST_ES_RIGHTS.of(STACK), 0xc0f3),
            (Field::GUEST_RFLAGS, 0x202),
            (Field::INTERRUPTIBILITY, 1),
        ];
        let situation = describe(fields(&known), 10, 0, 0).situation;
        assert_eq!((situation.length(), situation.privilege()), (Some(2), 3));
        assert!(situation.has(Situation::CODE_64 | Situation::LONG | Situation::PAGING));
        assert!(situation.has(Situation::PROTECTED | Situation::SHADOW));
        assert!(!situation.is_interruptible() && !situation.has(Situation::CODE_32));
    }
}
