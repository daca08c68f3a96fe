//! Interrupts: injected, held off, interrupted themselves.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq};
use nun::Access;
use nun::abi::guest::{Event, ExitReason, GuestVerdict, PortAccess, StateGroups};

use crate::guest::{Answer, CODE, Guest, Left};
use crate::test::Test;

cases!("events": an_interrupt_at_once, an_interrupt_comes_once, a_window_opens, no_window_without_asking,
    a_non_maskable_interrupt, what_was_interrupted_is_injected_again, another_event_instead,
    an_exception_for_the_guest);

guest_code!(
    OPEN,
    "open",
    ".code16",
    "cli",
    "out 0x80, al",
    "sti",
    "nop",
    "nop",
    "out 0x81, al",
    "hlt",
    ".org guest_open + 0x40, 0x90",
    "out 0x82, al",
    "iret",
);

/// Where the handler of its interrupts is.
const HANDLER: u64 = CODE + 0x40;
/// The interrupt that is injected.
const VECTOR: u8 = 0x21;

/// A guest with the first exit of `OPEN`, its handlers in place.
fn begin(test: &mut Test) -> Result<(Guest, Left), Failure> {
    let mut guest = Guest::real(test, OPEN())?;
    for vector in [usize::from(VECTOR), 2, 6] {
        guest.memory.copy_from(4 * vector, &(HANDLER as u32).to_le_bytes());
    }
    let left = guest.start()?;
    check_port(&left, 0x80)?;
    Ok((guest, left))
}

/// Checks that it was left by writing to `port`.
#[track_caller]
fn check_port(left: &Left, port: u16) -> Verdict {
    check_eq!((left.reason, PortAccess(left.exit.detail).port()), (Some(ExitReason::Port), port));
    Ok(())
}

fn inject(mut answer: Answer, event: Event) -> Answer {
    answer.verdict = answer.verdict.with(GuestVerdict::INJECT);
    answer.words[4] = event.0;
    answer
}

fn window(mut answer: Answer) -> Answer {
    answer.verdict = answer.verdict.with(GuestVerdict::WINDOW);
    answer
}

fn an_interrupt_at_once(test: &mut Test) -> Verdict {
    let (mut guest, left) = begin(test)?;
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_port(&left, 0x81)?;
    check!(left.situation().is_interruptible());
    let left = guest.answer(inject(Answer::after(left.length(2)), Event::interrupt(VECTOR)))?;
    check_port(&left, 0x82)?;
    check!(!left.situation().is_interruptible());
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    check!(left.situation().is_interruptible());
    Ok(())
}

guest_code!(
    ONCE,
    "once",
    ".code16",
    "sti",
    "2:",
    "out 0x80, al",
    "mov ecx, 0x100000",
    "3:",
    "dec ecx",
    "jnz 3b",
    "jmp 2b",
    ".org guest_once + 0x40, 0x90",
    "inc word ptr [0x500]",
    "iret",
);
/// Where it counts its interrupts.
const INTERRUPTS: usize = 0x500;

// Locked access to what is not aligned: QEMU stops all other processors for it. (Bochs looks at the machine's interrupts
// when a guest changes its flag.)
guest_code!(
    STOPPER,
    "stopper",
    ".code16",
    "2:",
    "lock inc word ptr [0x501]",
    "sti",
    "nop",
    "cli",
    "jmp 2b",
);

/// Whatever else the machine does to a processor meanwhile.
fn an_interrupt_comes_once(test: &mut Test) -> Verdict {
    const ROUNDS: u64 = 20;
    let far = test.far();
    let mut other = Guest::on(test, far, STOPPER())?;
    other.begin_real()?;
    other.pcb.resume()?;
    let mut guest = Guest::real(test, ONCE())?;
    guest.memory.copy_from(4 * usize::from(VECTOR), &(HANDLER as u32).to_le_bytes());
    let mut left = guest.start()?;
    for round in 0..ROUNDS {
        check_port(&left, 0x80)?;
        check_eq!(guest.memory.read(INTERRUPTS), round);
        left = guest.answer(inject(Answer::after(left.length(2)), Event::interrupt(VECTOR)))?;
    }
    check_eq!(guest.memory.read(INTERRUPTS), ROUNDS);
    Ok(())
}

fn a_window_opens(test: &mut Test) -> Verdict {
    let (mut guest, left) = begin(test)?;
    check!(!left.situation().is_interruptible());
    let left = guest.answer(window(Answer::after(left.length(2))))?;
    check_eq!(left.reason, Some(ExitReason::InterruptWindow));
    // Behind `sti` and perhaps one more, before anything else.
    check!(left.situation().is_interruptible());
    check!((CODE + 4..CODE + 6).contains(&left.exit.instruction));
    let left = guest.answer(inject(Answer::RESUME, Event::interrupt(VECTOR)))?;
    check_port(&left, 0x82)?;
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_port(&left, 0x81)
}

fn no_window_without_asking(test: &mut Test) -> Verdict {
    let (mut guest, left) = begin(test)?;
    // Asked for, and not any more.
    guest.pcb.interrupt()?;
    let kicked = guest.answer(window(Answer::after(left.length(2))))?;
    check_eq!(kicked.reason, Some(ExitReason::Kick));
    let left = guest.answer(Answer::RESUME)?;
    check_port(&left, 0x81)
}

fn a_non_maskable_interrupt(test: &mut Test) -> Verdict {
    let (mut guest, left) = begin(test)?;
    check_eq!(held_off(&guest)?, 0);
    let left = guest.answer(inject(Answer::after(left.length(2)), Event::non_maskable()))?;
    check_port(&left, 0x82)?;
    check_eq!(held_off(&guest)?, HELD_OFF);
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_port(&left, 0x81)?;
    check_eq!(held_off(&guest)?, 0);
    // Taken back before it came.
    guest.write(StateGroups::EVENTS, &[Event::non_maskable().0, 0])?;
    check_eq!(held_off(&guest)?, 0);
    guest.write(StateGroups::EVENTS, &[0, 0])?;
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    check_eq!(held_off(&guest)?, 0);
    // As a monitor says that restores a guest in the middle of its handler.
    guest.write(StateGroups::EVENTS, &[0, HELD_OFF])?;
    check_eq!(held_off(&guest)?, HELD_OFF);
    Ok(())
}

/// Non-maskable interrupts are held off.
const HELD_OFF: u64 = 2;

fn held_off(guest: &Guest) -> Result<u64, Failure> {
    Ok(guest.read::<2>(StateGroups::EVENTS)?[1] & HELD_OFF)
}

/// The stack of the interrupt is not there: the interrupt has to be injected again behind that.
fn what_was_interrupted_is_injected_again(test: &mut Test) -> Verdict {
    let (mut guest, left) = begin(test)?;
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_port(&left, 0x81)?;
    guest.set_general(7, 0x100)?;
    guest.set_stack_segment(0x5000)?;
    let left = guest.answer(inject(Answer::after(left.length(2)), Event::interrupt(VECTOR)))?;
    check!(left.is(ExitReason::Memory, Access::WRITE.bits(), 0x500fe));
    check_eq!(left.exit.interrupted, Event::interrupt(VECTOR));
    check_eq!(guest.read::<2>(StateGroups::EVENTS)?[0], Event::interrupt(VECTOR).0);
    let left = guest.answer(Answer::RESUME)?;
    check_eq!(left.exit.interrupted, Event::interrupt(VECTOR));
    guest.window_at(test, 0x50000)?.map(0x50000, 3, 1, READ_WRITE, Default::default())?;
    let left = guest.answer(Answer::RESUME)?;
    check_port(&left, 0x82)?;
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    Ok(())
}

fn another_event_instead(test: &mut Test) -> Verdict {
    let (mut guest, left) = begin(test)?;
    let left = guest.answer(Answer::after(left.length(2)))?;
    check_port(&left, 0x81)?;
    guest.set_general(7, 0x100)?;
    guest.set_stack_segment(0x5000)?;
    let left = guest.answer(inject(Answer::after(left.length(2)), Event::interrupt(VECTOR)))?;
    check!(left.exit.interrupted.is_valid());
    let left = guest.answer(inject(Answer::RESUME, Event::NONE))?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    Ok(())
}

guest_code!(BREAK, "break", ".code16", "int3", "hlt");

/// Exceptions go to the guest itself, but for those by which it could hold the processor.
fn an_exception_for_the_guest(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, BREAK())?;
    guest.memory.copy_from(CODE as usize + 0x40, OPEN().get(0x40..).unwrap_or_default());
    guest.memory.copy_from(4 * 3, &(HANDLER as u32).to_le_bytes());
    let left = guest.start()?;
    check_port(&left, 0x82)?;
    check_eq!(guest.answer(Answer::after(left.length(2)))?.reason, Some(ExitReason::Halt));
    Ok(())
}
