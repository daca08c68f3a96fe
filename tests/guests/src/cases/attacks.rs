//! Guests that reach for the machine: random programs in every mode, monitored by chance, while a second guest
//! counts beside them. Nothing but their own memory and registers may know of it.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq};
use a9n_random::Random;
use nun::Reply;
use nun::abi::guest::{Event, ExitReason, GuestVerdict, StateGroups};
use nun::mapped::Mapped;

use super::control::{counting, counts};
use super::hostile::{WORDS, next, next_own};
use crate::code::machine_extended;
use crate::guest::{Answer, CODE, Guest, Left, message};
use crate::program::{HALT, Mode, Program};
use crate::test::Test;

cases!("attack": in_real_mode, in_protected_mode, in_long_mode, tables_that_change);

/// Programs for each mode, and exits of each, at most.
const PROGRAMS: u64 = 60;
const EXITS: u64 = 60;
/// How often it is looked at what nobody may have touched.
const BETWEEN: u64 = 20;
/// The victim's priority, below its enemy's.
const PRIORITY: u64 = 90;
/// What stands in memory that no guest has.
const MARK: u64 = 0x6b72_616d_6b72_616d;

fn in_real_mode(test: &mut Test) -> Verdict {
    attack(test, Mode::Real)
}

fn in_protected_mode(test: &mut Test) -> Verdict {
    attack(test, Mode::Protected)
}

fn in_long_mode(test: &mut Test) -> Verdict {
    attack(test, Mode::Long)
}

/// Makes `guest` ready for `mode`, all of its memory but that full of `hlt`.
fn prepare(guest: &mut Guest, mode: Mode) -> Result<[u64; WORDS], Failure> {
    for page in (0..guest.memory.bytes()).step_by(4096) {
        guest.memory.copy_from(page, &[HALT; 4096]);
    }
    match mode {
        Mode::Real => guest.begin_real()?,
        Mode::Protected => guest.begin_protected()?,
        Mode::Long => {
            guest.begin_long()?;
            for vector in 0..256 {
                guest.set_gate(vector, CODE + 0xff0)?;
            }
        }
    }
    Ok(guest.read(StateGroups::all())?)
}

/// What its monitor answers to an exit, `None` if that is the end.
fn answered(random: &mut Random, left: &Left) -> Option<Answer> {
    let usual = random.below(3) as u8 + 1;
    let mut answer = Answer::after(left.length(usual));
    match left.reason? {
        ExitReason::Halt | ExitReason::Shutdown | ExitReason::Invalid => return None,
        ExitReason::Kick | ExitReason::InterruptWindow => answer = Answer::RESUME,
        ExitReason::Exception => {
            answer = Answer::RESUME;
            answer.verdict = answer.verdict.with(GuestVerdict::INJECT);
            answer.words[4] = left.exit.detail;
        }
        _ if random.once_in(4) => {
            answer = Answer::RESUME;
            answer.verdict = answer.verdict.with(GuestVerdict::INJECT);
            let events = [Event::exception(6), Event::exception_with_code(13, 0)];
            answer.words[4] = events[random.below(2) as usize].0;
        }
        _ => {
            let sets = [0, GuestVerdict::SET_RAX, GuestVerdict::SET_PAIR, GuestVerdict::WINDOW];
            answer.verdict = answer.verdict.with(sets[random.below(4) as usize]);
            answer.words[0] = random.next() & 0xffff_ffff;
            answer.words[3] = random.next() & 0xffff_ffff;
        }
    }
    Some(answer)
}

/// QEMU lets a guest leave long mode, or lose its PAE, while the processor is there: then it loses the machine's own
/// paging. Such a program is not run on.
fn spares_emulator(words: &[u64; WORDS]) -> bool {
    const LONG: u64 = 1 << 8;
    const PAE: u64 = 1 << 5;
    words[23] & LONG == 0 || words[21] & PAE != 0
}

/// Runs the program that lies in the memory of `guest`, from `state` on. Answers after how many exits it ended.
fn run(
    test: &mut Test,
    guest: &Guest,
    state: &[u64; WORDS],
    random: &mut Random,
) -> Result<u64, Failure> {
    guest.write(StateGroups::all(), state)?;
    guest.pcb.resume()?;
    for number in 0..EXITS {
        let left = next(test, guest)?;
        let answer = answered(random, &left).filter(|_| number + 1 < EXITS);
        let Some(answer) = answer
            .filter(|_| guest.read(StateGroups::all()).is_ok_and(|words| spares_emulator(&words)))
        else {
            let stop = Answer { verdict: GuestVerdict::STOP, ..Answer::RESUME };
            Reply::OWED.reply(&message(stop))?;
            return Ok(number);
        };
        Reply::OWED.reply(&message(answer))?;
    }
    Ok(EXITS)
}

/// Memory that no guest has, beside theirs, full of marks.
fn marked(test: &mut Test) -> Result<Mapped, Failure> {
    const PAGES: u64 = 4;
    let frame = test.make(14)?;
    let address = test.room(PAGES);
    let space = test.space();
    test.map(space, frame, address, PAGES, READ_WRITE)?;
    let memory = Mapped::in_workspace(address, PAGES * 4096);
    (0..memory.bytes()).step_by(8).for_each(|offset| memory.write(offset, MARK));
    Ok(memory)
}

fn attack(test: &mut Test, mode: Mode) -> Verdict {
    let far = test.far();
    let marks = [marked(test)?, marked(test)?];
    let victim = counting(test, far)?;
    victim.pcb.configure_schedule(PRIORITY, far, 0)?;
    let mut guest = Guest::on(test, far, &[])?;
    let state = prepare(&mut guest, mode)?;
    let (mut random, machine) = (Random::new(mode as u64 + 5), machine_extended());
    let mut exits = 0;
    for number in 1..=PROGRAMS {
        if mode == Mode::Long {
            guest.prepare_tables();
        }
        guest.memory.copy_from(CODE as usize, &Program::random(&mut random, mode).bytes);
        exits += run(test, &guest, &state, &mut random)?;
        if number % BETWEEN == 0 {
            check!(counts(test, &victim)?);
            check_eq!(machine_extended(), machine);
            for memory in &marks {
                check!((0..memory.bytes()).step_by(8).all(|offset| memory.read(offset) == MARK));
            }
        }
    }
    check!(exits > PROGRAMS / 4);
    // What ran all this runs as ever.
    guest.memory.copy_from(CODE as usize, &[HALT; 16]);
    if mode == Mode::Long {
        guest.prepare_tables();
    }
    guest.write(StateGroups::all(), &state)?;
    guest.pcb.resume()?;
    let left = next_own(test, &guest)?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Halt), CODE));
    Ok(())
}

guest_code!(
    REWRITE,
    "rewrite",
    ".code64",
    "mov ebx, 0x4000", // its only page directory
    "mov ecx, 64",
    "mov r8, rax",
    "mov r9, 0x7fffe00000", // addresses of large pages
    "2:",
    "imul r8, r8, 0x343fd",
    "add r8, 0x269ec3",
    "mov rdx, r8",
    "shr rdx, 16",
    "and edx, 511",
    "jz 2b",
    "mov rax, r8",
    "and rax, r9",
    "or rax, 0x87",
    "mov [rbx + rdx * 8], rax",
    "shl rdx, 21",
    "invlpg [rdx]",
    "mov [rdx], eax",
    "mov eax, [rdx]",
    "loop 2b",
    "hlt",
);

/// A guest makes its own tables point anywhere, and writes there. What it reaches is its own, or leaves it.
fn tables_that_change(test: &mut Test) -> Verdict {
    let mut random = Random::new(23);
    let marks = marked(test)?;
    let mut guest = Guest::real(test, REWRITE())?;
    for _ in 0..8 {
        guest.begin_long()?;
        guest.set_general(0, random.next())?;
        guest.pcb.resume()?;
        let mut outside = 0;
        for _ in 0..EXITS {
            let left = next_own(test, &guest)?;
            let stops = left.reason != Some(ExitReason::Memory);
            check!(stops || left.exit.value >= guest.memory.bytes() as u64);
            outside += u64::from(!stops);
            let stop = Answer { verdict: GuestVerdict::STOP, ..Answer::RESUME };
            let answer = if stops { stop } else { Answer::after(left.length(2)) };
            Reply::OWED.reply(&message(answer))?;
            if stops {
                break;
            }
        }
        guest.pcb.suspend()?;
        check!(outside > 0);
    }
    check!((0..marks.bytes()).step_by(8).all(|offset| marks.read(offset) == MARK));
    Ok(())
}
