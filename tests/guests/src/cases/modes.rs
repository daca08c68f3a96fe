//! Modes of the processor, and what a guest does in them by itself.

use a9n_cases::{Verdict, cases, check, check_eq};
use nun::Access;
use nun::abi::guest::{Event, ExitReason, GuestVerdict, PortAccess, Situation, StateGroups};

use crate::guest::{Answer, CODE, Guest};
use crate::test::Test;

cases!("modes": protected_mode, long_mode, from_real_to_long_mode, page_faults_inside,
    page_tables_outside_memory, exceptions_with_a_code, large_numbers_of_pages);

guest_code!(PROTECTED, "protected", ".code32", "mov dword ptr [0x7000], 0x12345678", "hlt",);

fn protected_mode(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, PROTECTED())?;
    guest.begin_protected()?;
    let left = guest.start()?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    check!(left.situation().has(Situation::PROTECTED | Situation::CODE_32));
    check!(!left.situation().has(Situation::PAGING));
    check_eq!(guest.memory.read(0x7000), 0x1234_5678);
    Ok(())
}

guest_code!(
    LONG,
    "long",
    ".code64",
    "mov rax, 0x1122334455667788",
    "mov [0x7000], rax",
    "mov r15, rax",
    "hlt",
);

fn long_mode(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, LONG())?;
    guest.begin_long()?;
    let left = guest.start()?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    check!(left.situation().has(Situation::CODE_64 | Situation::PAGING | Situation::LONG));
    check_eq!(left.exit.page_table, 0x2000);
    check_eq!(guest.memory.read(0x7000), 0x1122_3344_5566_7788);
    check_eq!(guest.general(15)?, 0x1122_3344_5566_7788);
    Ok(())
}

guest_code!(
    CLIMB,
    "climb",
    ".code16",
    "mov word ptr [0x7000], 0x7ff",
    "mov dword ptr [0x7002], 0x5000",
    "lgdt [0x7000]",
    "mov eax, cr0",
    "or eax, 1",
    "mov cr0, eax",
    ".byte 0x66, 0xea",
    ".long 0x1000 + 1f - guest_climb",
    ".word 0x18",
    "1:",
    ".code32",
    "mov eax, 0x20",
    "mov cr4, eax",
    "mov eax, 0x2000",
    "mov cr3, eax",
    "mov ecx, 0xc0000080",
    "mov eax, 0x100",
    "xor edx, edx",
    "wrmsr",
    "mov eax, cr0",
    "or eax, 0x80000000",
    "mov cr0, eax",
    ".byte 0xea",
    ".long 0x1000 + 2f - guest_climb",
    ".word 0x08",
    "2:",
    ".code64",
    "mov rax, 0x123456789abcdef0",
    "hlt",
);

fn from_real_to_long_mode(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, CLIMB())?;
    guest.prepare_tables();
    let mut left = guest.start()?;
    while left.reason == Some(ExitReason::ControlRegister) {
        left = guest.answer(Answer::after(left.length(3)))?;
    }
    check!(left.is(ExitReason::WriteRegister, 0xc000_0080, 0x100));
    check!(left.situation().has(Situation::CODE_32));
    let mut control = guest.read::<7>(StateGroups::CONTROL)?;
    control[5] = left.exit.value;
    guest.write(StateGroups::CONTROL, &control)?;
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    check!(left.situation().has(Situation::CODE_64 | Situation::LONG));
    check_eq!(guest.general(0)?, 0x1234_5678_9abc_def0);
    check_eq!(guest.read::<7>(StateGroups::CONTROL)?[5], 0x500);
    Ok(())
}

guest_code!(
    FAULT,
    "fault",
    ".code64",
    "mov rbx, [0x40000010]",
    "hlt",
    ".org guest_fault + 0x40, 0x90",
    // The handler: the error code, and CR2, are its results.
    "pop rcx",
    "mov rdx, cr2",
    "mov rax, 0x7777",
    "hlt",
);

fn page_faults_inside(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, FAULT())?;
    guest.begin_long()?;
    guest.set_gate(14, CODE + 0x40)?;
    let left = guest.start()?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    let registers = guest.read::<16>(StateGroups::GENERAL)?;
    check_eq!(registers[0], 0x7777);
    check_eq!((registers[2], registers[3]), (0, 0x4000_0010));
    check_eq!(guest.read::<7>(StateGroups::CONTROL)?[1], 0x4000_0010);
    Ok(())
}

fn page_tables_outside_memory(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, LONG())?;
    guest.begin_long()?;
    let mut control = guest.read::<7>(StateGroups::CONTROL)?;
    control[2] = 0x50000;
    guest.write(StateGroups::CONTROL, &control)?;
    let left = guest.start()?;
    check_eq!((left.reason, left.exit.value), (Some(ExitReason::Memory), 0x50000));
    check!(left.exit.detail & ExitReason::TABLES_WALKED != 0);
    // Where the tables are, seen at another address.
    let window = guest.window_at(test, 0x50000)?;
    window.map(0x50000, 2, 1, Access::READ | Access::WRITE, Default::default())?;
    check_eq!(guest.answer(Answer::RESUME)?.reason, Some(ExitReason::Halt));
    Ok(())
}

fn exceptions_with_a_code(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, FAULT())?;
    guest.begin_long()?;
    guest.set_gate(13, CODE + 0x40)?;
    guest.set_gate(14, CODE + 0x40)?;
    guest.start()?;
    let mut answer = Answer::RESUME;
    answer.verdict = answer.verdict.with(GuestVerdict::INJECT);
    answer.words[4] = Event::exception_with_code(13, 0x1230).0;
    let left = guest.answer(answer)?;
    check_eq!((left.reason, guest.general(2)?), (Some(ExitReason::Halt), 0x1230));
    check!(!left.exit.interrupted.is_valid());
    Ok(())
}

guest_code!(
    WALK,
    "walk",
    ".code64",
    "mov rsi, 0x20000",
    "2:",
    "mov rax, [rsi]",
    "out 0x80, al",
    "add rsi, 4096",
    "cmp rsi, 0x40000",
    "jb 2b",
    "hlt",
);

/// Every page of the second half of its memory has its own content.
fn large_numbers_of_pages(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, WALK())?;
    guest.begin_long()?;
    for page in 32..64 {
        guest.memory.write(page * 4096, page as u64);
    }
    let mut left = guest.start()?;
    for page in 32..64 {
        check_eq!(PortAccess(left.exit.detail).port(), 0x80);
        check_eq!(left.exit.value & 0xff, page);
        left = guest.answer(Answer::after(left.length(2)))?;
    }
    check_eq!(left.reason, Some(ExitReason::Halt));
    Ok(())
}
