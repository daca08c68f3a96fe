//! What belongs to one guest, and to nobody else; and what no guest can do.

use a9n_cases::{Failure, Surroundings, Verdict, cases, check, check_eq};
use nun::abi::guest::{Event, ExitReason, GuestInstruction, GuestVerdict, StateGroups};
use nun::ticks;

use crate::code::{is_amd, machine_auxiliary, machine_extended};
use crate::guest::{Answer, Guest, Left};
use crate::test::Test;

cases!("isolation": vector_registers, extended_control, debug_registers, a_breakpoint,
    system_registers, page_attributes, what_comes_with_the_time, time, instructions_of_virtualisation, privileged_instructions,
    hypercalls, task_priority);

guest_code!(
    VECTORS,
    "vectors",
    ".code64",
    "movq xmm0, rax",
    "movq xmm15, rax",
    "fld1",
    "hlt",
    "movq rbx, xmm0",
    "movq rcx, xmm15",
    "hlt",
);

/// Two guests, begun one after the other with 1 and 2 in RAX; and the first exit of each.
fn pair(
    test: &mut Test,
    code: &'static [u8],
    prepare: fn(&mut Guest) -> Verdict,
) -> Result<[(Guest, Left); 2], Failure> {
    let mut begin = |value| {
        let mut guest = Guest::real(test, code)?;
        guest.begin_long()?;
        let mut control = guest.read::<7>(StateGroups::CONTROL)?;
        // SSE and XSAVE.
        (control[0], control[3]) = (control[0] | 2, control[3] | 0x4_0600);
        guest.write(StateGroups::CONTROL, &control)?;
        guest.set_general(0, value)?;
        prepare(&mut guest)?;
        let left = guest.start()?;
        Ok::<_, Failure>((guest, left))
    };
    Ok([begin(1)?, begin(2)?])
}

fn ready(_: &mut Guest) -> Verdict {
    Ok(())
}

fn vector_registers(test: &mut Test) -> Verdict {
    for (value, (mut guest, left)) in (1..).zip(pair(test, VECTORS(), ready)?) {
        check_eq!(left.reason, Some(ExitReason::Halt));
        check_eq!(guest.go_on(left.length(1))?.reason, Some(ExitReason::Halt));
        let registers = guest.read::<16>(StateGroups::GENERAL)?;
        check_eq!((registers[1], registers[2]), (value, value));
    }
    Ok(())
}

guest_code!(
    EXTENDED,
    "extended",
    ".code64",
    "xor ecx, ecx",
    "xor edx, edx",
    "lea eax, [rax * 2 - 1]",
    "xsetbv",
    "hlt",
    "xor ecx, ecx",
    "xgetbv",
    "hlt",
);

/// The one has XCR0 1, the other 3. (An emulator that lets guests set it themselves is found out: that is
/// the guest's value from then on, and nobody else's.)
fn extended_control(test: &mut Test) -> Verdict {
    let machine = machine_extended();
    for ((mut guest, left), wanted) in pair(test, EXTENDED(), ready)?.into_iter().zip([1, 3]) {
        let asked = left.reason != Some(ExitReason::Halt);
        let mut halted = left;
        if asked {
            check!(left.is(ExitReason::SetExtended, 0, wanted));
            let mut control = guest.read::<7>(StateGroups::CONTROL)?;
            control[6] = wanted;
            guest.write(StateGroups::CONTROL, &control)?;
            halted = guest.go_on(left.length(3))?;
        }
        check_eq!(halted.reason, Some(ExitReason::Halt));
        check_eq!(machine_extended(), machine);
        check_eq!(guest.read::<7>(StateGroups::CONTROL)?[6], wanted);
        let length = halted.length(1);
        let done =
            if asked { guest.answer(Answer::after(length))? } else { guest.go_on(length)? };
        check_eq!(done.reason, Some(ExitReason::Halt));
        check_eq!(guest.general(0)?, wanted);
    }
    let mut guest = Guest::real(test, EXTENDED())?;
    guest.begin_long()?;
    for (wanted, kept) in [(5, 1), (u64::MAX, machine), (0, 1)] {
        let mut control = guest.read::<7>(StateGroups::CONTROL)?;
        control[6] = wanted;
        guest.write(StateGroups::CONTROL, &control)?;
        check_eq!(guest.read::<7>(StateGroups::CONTROL)?[6], kept);
    }
    Ok(())
}

guest_code!(
    DEBUG,
    "debug",
    ".code64",
    "mov dr0, rax",
    "mov dr3, rax",
    "hlt",
    "mov rbx, dr0",
    "mov rcx, dr3",
    "mov rdx, dr7",
    "hlt",
);

fn debug_registers(test: &mut Test) -> Verdict {
    for (value, (mut guest, left)) in (1..).zip(pair(test, DEBUG(), ready)?) {
        check_eq!(left.reason, Some(ExitReason::Halt));
        check_eq!(guest.read::<6>(StateGroups::DEBUG)?[0], value);
        check_eq!(guest.go_on(left.length(1))?.reason, Some(ExitReason::Halt));
        let registers = guest.read::<16>(StateGroups::GENERAL)?;
        check_eq!(registers[1..4], [value, value, 0x400]);
    }
    Ok(())
}

guest_code!(
    BREAKPOINT,
    "breakpoint",
    ".code64",
    "mov eax, 0x7000",
    "mov dr0, rax",
    "mov eax, 0xd0402",
    "mov dr7, rax",
    "mov dword ptr [0x7000], 1",
    "nop",
    "hlt",
);

/// A guest breaks on its own write, and is told by its monitor, which has to hand it on.
fn a_breakpoint(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, BREAKPOINT())?;
    guest.begin_long()?;
    let left = guest.start()?;
    check!(left.reason == Some(ExitReason::Exception));
    check_eq!(left.exit.detail, Event::exception(1).0);
    let debug = guest.read::<6>(StateGroups::DEBUG)?;
    check_eq!((debug[0], debug[4] & 1), (0x7000, 1));
    check_eq!(guest.answer(Answer::RESUME)?.reason, Some(ExitReason::Halt));
    Ok(())
}

guest_code!(
    SYSTEM,
    "system",
    ".code64",
    "mov ecx, 0xc0000081",
    "xor edx, edx",
    "wrmsr",
    "mov ecx, 0x176",
    "wrmsr",
    "mov ecx, 0xc0000102",
    "wrmsr",
    "hlt",
    "mov ecx, 0xc0000081",
    "rdmsr",
    "mov rbx, rax",
    "mov ecx, 0x176",
    "rdmsr",
    "mov rsi, rax",
    "mov ecx, 0xc0000102",
    "rdmsr",
    "hlt",
);

fn system_registers(test: &mut Test) -> Verdict {
    for (value, (mut guest, left)) in (1..).zip(pair(test, SYSTEM(), ready)?) {
        check_eq!(left.reason, Some(ExitReason::Halt));
        check_eq!(guest.go_on(left.length(1))?.reason, Some(ExitReason::Halt));
        let registers = guest.read::<16>(StateGroups::GENERAL)?;
        check_eq!((registers[0], registers[1], registers[4]), (value, value, value));
    }
    Ok(())
}

guest_code!(
    ATTRIBUTES,
    "attributes",
    ".code64",
    "mov ecx, 0x277",
    "add eax, 3",
    "imul eax, eax, 0x01010101",
    "mov edx, eax",
    "wrmsr",
    "hlt",
    "xor eax, eax",
    "rdmsr",
    "hlt",
);

/// What the page attribute table of a guest holds, whoever carries its accesses out: processor or monitor.
fn page_attributes(test: &mut Test) -> Verdict {
    const PAT: u64 = 0x277;
    for ((mut guest, left), kind) in pair(test, ATTRIBUTES(), ready)?.into_iter().zip([4, 5]) {
        let half: u64 = kind * 0x0101_0101;
        let wanted = half << 32 | half;
        let asked = left.reason != Some(ExitReason::Halt);
        let mut halted = left;
        if asked {
            check!(left.is(ExitReason::WriteRegister, PAT, wanted));
            let mut system = guest.read::<9>(StateGroups::SYSTEM)?;
            system[8] = wanted;
            guest.write(StateGroups::SYSTEM, &system)?;
            halted = guest.go_on(left.length(2))?;
        }
        check_eq!(halted.reason, Some(ExitReason::Halt));
        check_eq!(guest.read::<9>(StateGroups::SYSTEM)?[8], wanted);
        let length = halted.length(1);
        let mut done =
            if asked { guest.answer(Answer::after(length))? } else { guest.go_on(length)? };
        if asked {
            check!(done.is(ExitReason::ReadRegister, PAT, 0));
            let mut answer = Answer::after(done.length(2));
            answer.verdict = answer.verdict.with(GuestVerdict::SET_PAIR);
            (answer.words[0], answer.words[3]) = (half, half);
            done = guest.answer(answer)?;
        }
        check_eq!(done.reason, Some(ExitReason::Halt));
        check_eq!((guest.general(0)?, guest.general(3)?), (half, half));
    }
    Ok(())
}

guest_code!(
    AUXILIARY,
    "auxiliary",
    ".code64",
    "rdtscp",
    "mov ebx, ecx",
    "hlt",
    "rdtscp",
    "hlt",
    "mov ecx, 0xc0000103",
    "wrmsr",
    "hlt",
);

/// What `rdtscp` tells beside the time is each guest's own, and the machine's is 0.
fn what_comes_with_the_time(test: &mut Test) -> Verdict {
    let prepare = |guest: &mut Guest| {
        let number = guest.general(0)?;
        Ok(guest.write(StateGroups::AUXILIARY, &[number << 12 | number])?)
    };
    for (number, (mut guest, left)) in (1..).zip(pair(test, AUXILIARY(), prepare)?) {
        let own = number << 12 | number;
        check_eq!(left.reason, Some(ExitReason::Halt));
        check_eq!(machine_auxiliary(), 0);
        check_eq!(guest.general(1)?, own);
        let again = guest.go_on(left.length(1))?;
        check_eq!((again.reason, guest.general(2)?), (Some(ExitReason::Halt), own));
        check_eq!(machine_auxiliary(), 0);
        let written = guest.answer(Answer::after(again.length(1)))?;
        check_eq!(
            (written.reason, written.exit.detail),
            (Some(ExitReason::WriteRegister), 0xc000_0103)
        );
        check_eq!(guest.read::<1>(StateGroups::AUXILIARY)?, [own]);
    }
    Ok(())
}

guest_code!(TIME, "time", ".code64", "rdtsc", "shl rdx, 32", "or rax, rdx", "hlt");

fn time(test: &mut Test) -> Verdict {
    for offset in [0, 1 << 50, 0u64.wrapping_sub(ticks())] {
        test.clean()?;
        let mut guest = Guest::real(test, TIME())?;
        guest.begin_long()?;
        guest.write(StateGroups::TIME, &[offset])?;
        let before = ticks().wrapping_add(offset);
        check_eq!(guest.start()?.reason, Some(ExitReason::Halt));
        let seen = guest.general(0)?;
        check!(seen >= before && seen <= ticks().wrapping_add(offset));
    }
    Ok(())
}

guest_code!(
    VIRTUAL,
    "virtual",
    ".code64",
    "mov rax, 0x1000",
    "xor ecx, ecx",
    "vmrun rax",
    "vmload rax",
    "vmsave rax",
    "stgi",
    "clgi",
    "invlpga rax, ecx",
    "skinit eax",
    "hlt",
);

guest_code!(
    OTHER_VIRTUAL,
    "other_virtual",
    ".code64",
    "mov eax, 0x7000",
    "xor ecx, ecx",
    "vmlaunch",
    "vmresume",
    "vmxoff",
    "vmxon qword ptr [rax]",
    "vmclear qword ptr [rax]",
    "vmptrld qword ptr [rax]",
    "vmread rbx, rcx",
    "vmwrite rcx, rbx",
    "invept rcx, xmmword ptr [rax]",
    "invvpid rcx, xmmword ptr [rax]",
    "hlt",
);

/// Those of the other vendor are unknown to the processor, its own leave the guest.
fn instructions_of_virtualisation(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, VIRTUAL())?;
    guest.begin_long()?;
    if !is_amd() {
        guest.set_gate(6, crate::guest::CODE + VIRTUAL().len() as u64 - 1)?;
        check_eq!(guest.start()?.reason, Some(ExitReason::Halt));
        let mut guest = Guest::real(test, OTHER_VIRTUAL())?;
        guest.begin_long()?;
        return leaves_for_each(&mut guest, 10);
    }
    leaves_for_each(&mut guest, 7)
}

/// `guest` leaves for so many instructions of virtualisation, then halts.
fn leaves_for_each(guest: &mut Guest, instructions: u32) -> Verdict {
    let mut left = guest.start()?;
    for _ in 0..instructions {
        check!(left.is(ExitReason::Instruction, GuestInstruction::Virtualisation as u64, 0));
        left = guest.answer(Answer::after(left.length(3)))?;
    }
    check_eq!(left.reason, Some(ExitReason::Halt));
    Ok(())
}

guest_code!(
    PRIVILEGED,
    "privileged",
    ".code64",
    "xor eax, eax",
    "xor ecx, ecx",
    "xor edx, edx",
    "wbinvd",
    "invd",
    "rdpmc",
    "monitor",
    "mwait",
    "hlt",
);

fn privileged_instructions(test: &mut Test) -> Verdict {
    use GuestInstruction::{Invalidate, Monitor, ReadCounter, WriteBack};
    let mut guest = Guest::real(test, PRIVILEGED())?;
    guest.begin_long()?;
    let mut left = guest.start()?;
    for (which, bytes) in
        [(WriteBack, 2), (Invalidate, 2), (ReadCounter, 2), (Monitor, 3), (Monitor, 3)]
    {
        check_eq!(left.reason, Some(ExitReason::Instruction));
        // QEMU takes `invd` for `wbinvd`.
        let told = left.exit.detail;
        check!(told == which as u64 || which == Invalidate && told == WriteBack as u64);
        left = guest.answer(Answer::after(left.length(bytes)))?;
    }
    check_eq!(left.reason, Some(ExitReason::Halt));
    Ok(())
}

guest_code!(CALLS, "calls", ".code64", "mov eax, 0x12", "mov ebx, 0x34", "vmmcall", "hlt",);
guest_code!(
    OTHER_CALLS,
    "other_calls",
    ".code64",
    "mov eax, 0x12",
    "mov ebx, 0x34",
    "vmcall",
    "hlt",
);

fn hypercalls(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, if is_amd() { CALLS() } else { OTHER_CALLS() })?;
    guest.begin_long()?;
    let left = guest.start()?;
    check!(left.is(ExitReason::Hypercall, 0x12, 0x34));
    let mut answer = Answer::after(left.length(3));
    answer.verdict = answer.verdict.with(GuestVerdict::SET_RAX);
    answer.words[0] = 0x56;
    check_eq!(guest.answer(answer)?.reason, Some(ExitReason::Halt));
    check_eq!((guest.general(0)?, guest.general(1)?), (0x56, 0x34));
    Ok(())
}

guest_code!(PRIORITY, "priority", ".code64", "mov rax, cr8", "mov ebx, 5", "mov cr8, rbx", "hlt");

/// CR8 is the guest's own: the machine's interrupts come in whatever it holds.
fn task_priority(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, PRIORITY())?;
    guest.begin_long()?;
    let mut control = guest.read::<7>(StateGroups::CONTROL)?;
    control[4] = 15;
    guest.write(StateGroups::CONTROL, &control)?;
    check_eq!(guest.start()?.reason, Some(ExitReason::Halt));
    check_eq!((guest.general(0)?, guest.read::<7>(StateGroups::CONTROL)?[4]), (15, 5));
    Ok(())
}
