//! Why guests are left, one reason after the other, and what an answer does.

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, index};
use nun::Access;
use nun::abi::guest::{ExitReason, GuestVerdict, PortAccess, Situation, StateGroups};

use crate::guest::{Answer, CODE, Guest};
use crate::test::Test;

cases!("exits": halt_in_real_mode, ports_of_all_widths, strings_of_ports, identification,
    foreign_registers, own_registers, memory_that_is_missing, memory_that_is_read_only,
    missing_code, triple_fault, unknown_state, groups_that_come_along, groups_in_an_answer,
    a_stop_and_a_resumption);

guest_code!(HALT, "halt", ".code16", "hlt", "hlt");

fn halt_in_real_mode(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, HALT())?;
    let left = guest.start()?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    check_eq!(left.exit.instruction, CODE);
    check!(!left.situation().has(Situation::PROTECTED));
    let left = guest.answer(Answer::after(left.length(1)))?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Halt), CODE + 1));
    Ok(())
}

guest_code!(
    PORTS,
    "ports",
    ".code16",
    "mov al, 0x5a",
    "out 0x80, al",
    "mov dx, 0x3f8",
    "mov ax, 0x1234",
    "out dx, ax",
    "mov dx, 0xcf8",
    "mov eax, 0xdeadbeef",
    "out dx, eax",
    "xor eax, eax",
    "in al, 0x60",
    "in eax, dx",
    "hlt",
);

fn ports_of_all_widths(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, PORTS())?;
    let mut left = guest.start()?;
    for (port, bytes, value, length) in
        [(0x80, 1, 0x5a, 2), (0x3f8, 2, 0x1234, 1), (0xcf8, 4, 0xdead_beef, 2)]
    {
        let access = PortAccess(left.exit.detail);
        check_eq!(left.reason, Some(ExitReason::Port));
        check_eq!((access.port(), access.bytes()), (port, bytes));
        check!(access.0 & (PortAccess::IN | PortAccess::STRING | PortAccess::REPEATED) == 0);
        check_eq!(left.exit.value & (u64::MAX >> (64 - 8 * bytes)), value);
        left = guest.answer(Answer::after(left.length(length)))?;
    }
    for (port, bytes, length) in [(0x60, 1, 2), (0xcf8, 4, 2)] {
        let access = PortAccess(left.exit.detail);
        check_eq!((access.port(), access.bytes()), (port, bytes));
        check!(access.has(PortAccess::IN));
        let mut answer = Answer::after(left.length(length));
        answer.verdict = answer.verdict.with(GuestVerdict::SET_RAX);
        answer.words[0] = 0x77 + u64::from(port);
        left = guest.answer(answer)?;
    }
    check_eq!((left.reason, guest.general(0)?), (Some(ExitReason::Halt), 0xd6f));
    Ok(())
}

guest_code!(
    STRINGS,
    "strings",
    ".code16",
    "cld",
    "mov si, 0x7000",
    "mov cx, 3",
    "mov dx, 0x1f0",
    "rep outsw",
    "hlt",
);

fn strings_of_ports(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, STRINGS())?;
    let left = guest.start()?;
    let access = PortAccess(left.exit.detail);
    check_eq!((left.reason, access.port()), (Some(ExitReason::Port), 0x1f0));
    check_eq!(access.bytes(), 2);
    check!(access.has(PortAccess::STRING | PortAccess::REPEATED));
    let registers = guest.read::<16>(StateGroups::GENERAL)?;
    check_eq!((registers[2], registers[4]), (3, 0x7000));
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    Ok(())
}

guest_code!(IDENTIFY, "identify", ".code16", "mov eax, 0x40000001", "mov ecx, 7", "cpuid", "hlt",);

fn identification(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, IDENTIFY())?;
    let left = guest.start()?;
    check!(left.is(ExitReason::Identify, 0x4000_0001, 7));
    let mut answer = Answer::after(left.length(2));
    answer.verdict = answer.verdict.with(GuestVerdict::SET_FOUR);
    answer.words = [11, 22, 33, 44, 0, 0];
    check_eq!(guest.answer(answer)?.reason, Some(ExitReason::Halt));
    let registers = guest.read::<16>(StateGroups::GENERAL)?;
    check_eq!(registers[..4], [11, 22, 33, 44]);
    Ok(())
}

guest_code!(
    REGISTERS,
    "registers",
    ".code16",
    "mov ebx, 99",
    "mov ecx, 0x1b",
    "rdmsr",
    "mov ecx, 0x10",
    "mov eax, 1",
    "mov edx, 2",
    "wrmsr",
    "hlt",
);

fn foreign_registers(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, REGISTERS())?;
    let left = guest.start()?;
    check!(left.is(ExitReason::ReadRegister, 0x1b, 0));
    let mut answer = Answer::after(left.length(2));
    answer.verdict = answer.verdict.with(GuestVerdict::SET_PAIR);
    (answer.words[0], answer.words[3]) = (0xfee0_0900, 5);
    let left = guest.answer(answer)?;
    check!(left.is(ExitReason::WriteRegister, 0x10, 2 << 32 | 1));
    check_eq!(guest.answer(Answer::after(left.length(2)))?.reason, Some(ExitReason::Halt));
    let registers = guest.read::<16>(StateGroups::GENERAL)?;
    check_eq!((registers[1], registers[3]), (99, 2));
    Ok(())
}

guest_code!(
    OWN,
    "own",
    ".code16",
    "mov ecx, 0xc0000102",
    "mov eax, 0x11223344",
    "mov edx, 0x55",
    "wrmsr",
    "mov ecx, 0xc0000082",
    "mov eax, 0x66",
    "mov edx, 0x77",
    "wrmsr",
    "mov ecx, 0x175",
    "mov eax, 0x88",
    "xor edx, edx",
    "wrmsr",
    "mov ecx, 0xc0000102",
    "rdmsr",
    "hlt",
);

fn own_registers(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, OWN())?;
    check_eq!(guest.start()?.reason, Some(ExitReason::Halt));
    let registers = guest.read::<16>(StateGroups::GENERAL)?;
    check_eq!((registers[0], registers[3]), (0x1122_3344, 0x55));
    let system = guest.read::<9>(StateGroups::SYSTEM)?;
    check_eq!((system[1], system[4], system[6]), (0x77_0000_0066, 0x55_1122_3344, 0x88));
    Ok(())
}

guest_code!(
    ACCESS,
    "access",
    ".code16",
    "mov ax, 0x5000",
    "mov ds, ax",
    "mov bl, [0x10]",
    "mov [0x11], bl",
    "hlt",
);

fn memory_that_is_missing(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, ACCESS())?;
    let left = guest.start()?;
    check!(left.is(ExitReason::Memory, Access::READ.bits(), 0x50010));
    let at = left.exit.instruction;
    // Nothing has changed: the same again.
    let left = guest.answer(Answer::RESUME)?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Memory), at));
    guest.memory.copy_from(0x3010, &[0x99]);
    guest.window_at(test, 0x50000)?.map(0x50000, 3, 1, READ_WRITE, Default::default())?;
    check_eq!(guest.answer(Answer::RESUME)?.reason, Some(ExitReason::Halt));
    check_eq!(guest.general(1)?, 0x99);
    check_eq!(guest.memory.read(0x3010), 0x9999);
    Ok(())
}

fn memory_that_is_read_only(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, ACCESS())?;
    guest.memory.copy_from(0x3010, &[0x99]);
    let window = guest.window_at(test, 0x50000)?;
    window.map(0x50000, 3, 1, Access::READ, Default::default())?;
    check_eq!(guest.space.translate(0x50000)?, (1, Access::READ));
    let left = guest.start()?;
    check!(left.is(ExitReason::Memory, Access::WRITE.bits(), 0x50011));
    window.protect(0x50000, 1, READ_WRITE)?;
    check_eq!(guest.space.translate(0x50000)?, (1, READ_WRITE));
    check_eq!(guest.answer(Answer::RESUME)?.reason, Some(ExitReason::Halt));
    check_eq!(guest.memory.read(0x3010), 0x9999);
    // Taken away again, it is missing.
    window.unmap(0x50000, 1)?;
    guest.begin_real()?;
    let left = guest.answer(Answer::RESUME)?;
    check!(left.is(ExitReason::Memory, Access::READ.bits(), 0x50010));
    Ok(())
}

guest_code!(AWAY, "away", ".code16", "jmp 0x5000, 0x20");

fn missing_code(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, AWAY())?;
    let left = guest.start()?;
    check!(left.is(ExitReason::Memory, Access::EXECUTE.bits(), 0x50020));
    guest.memory.copy_from(0x3020, HALT());
    guest.window_at(test, 0x50000)?.map(0x50000, 3, 1, READ_WRITE, Default::default())?;
    let left = guest.answer(Answer::RESUME)?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Halt), 0x20));
    Ok(())
}

guest_code!(UNDEFINED, "undefined", ".code16", "ud2");

fn triple_fault(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, UNDEFINED())?;
    guest.write(StateGroups::TABLES, &[0, 0, 0, 0])?;
    check_eq!(guest.start()?.reason, Some(ExitReason::Shutdown));
    Ok(())
}

fn unknown_state(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, HALT())?;
    guest.begin_long()?;
    let mut control = guest.read::<7>(StateGroups::CONTROL)?;
    // Long mode without physical address extension.
    control[3] = 0;
    guest.write(StateGroups::CONTROL, &control)?;
    check_eq!(guest.start()?.reason, Some(ExitReason::Invalid));
    // It can be mended.
    guest.begin_long()?;
    let left = guest.answer(Answer::RESUME)?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Halt), CODE));
    Ok(())
}

fn groups_that_come_along(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, PORTS())?;
    let groups = StateGroups::GENERAL | StateGroups::EXECUTION | StateGroups::TIME;
    guest.pcb.configure_exit(ExitReason::Port as u64, groups)?;
    guest.write(StateGroups::TIME, &[12345])?;
    guest.start()?;
    let words: [u64; 19] = core::array::from_fn(|number| nun::buffer().read(6 + number));
    check_eq!((words[0] & 0xff, words[16], words[18]), (0x5a, CODE + 2, 12345));
    guest.pcb.configure_exit(0, StateGroups::empty())?;
    Ok(())
}

guest_code!(SHOW, "show", ".code16", "out 0x80, al", "out 0x81, al", "hlt");

fn groups_in_an_answer(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, SHOW())?;
    guest.start()?;
    // RIP and flags: the second instruction is passed over; and the carry is set.
    crate::guest::put(&[CODE + 4, 3]);
    let mut answer = Answer::RESUME;
    answer.verdict = answer.verdict.with(GuestVerdict::GROUPS);
    answer.words[5] = StateGroups::EXECUTION.bits();
    let left = guest.answer(answer)?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Halt), CODE + 4));
    check_eq!(guest.read::<2>(StateGroups::EXECUTION)?[1], 3);
    Ok(())
}

fn a_stop_and_a_resumption(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, SHOW())?;
    let left = guest.start()?;
    let mut answer = Answer::after(left.length(2));
    answer.verdict = answer.verdict.with(GuestVerdict::STOP.0);
    nun::Reply::OWED.reply(&crate::guest::message(answer))?;
    check_eq!(guest.pcb.information()?.2, 0);
    check_eq!(guest.read::<2>(StateGroups::EXECUTION)?[0], CODE + 2);
    let left = guest.start()?;
    check_eq!(PortAccess(left.exit.detail).port(), 0x81);
    // Suspended while it waits for an answer, it repeats what it did.
    guest.pcb.suspend()?;
    let left = guest.start()?;
    check_eq!(PortAccess(left.exit.detail).port(), 0x81);
    test.node().remove(index(guest.pcb))?;
    Ok(())
}
