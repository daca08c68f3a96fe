//! Guests under somebody's control: kicked, moved, stopped, taken apart while they run.

use a9n_cases::{
    Failure, READ_WRITE, Surroundings, Verdict, cases, check, check_eq, check_refused, index,
};
use nun::abi::guest::{ExitReason, StateGroups};
use nun::{Descriptor, Error, Pcb, Received, VectorState, VirtualAddressSpace, VirtualCpu};

use crate::guest::{Answer, CODE, Guest, Left, left};
use crate::test::Test;

cases!("control": a_kick, a_kick_of_many, a_kick_before_it_runs, interrupts_of_the_machine,
    suspended_and_resumed, moved_between_cpus, two_at_once, one_with_several_processors,
    memory_taken_away_while_it_runs,
    window_removed_while_it_runs, space_removed_while_it_runs, cpu_removed_while_it_runs,
    vectors_removed_while_it_runs, process_removed_while_it_runs, a_monitor_that_dies,
    a_guest_without_monitor, what_it_takes_to_run, refusals_of_parts, a_cpu_for_another,
    every_state_comes_back);

// Counts, and has interrupts off most of the time. (An emulator looks at them when they change, not when a
// guest is entered.)
guest_code!(
    COUNT,
    "count",
    ".code16",
    "mov ax, 0x5000",
    "mov ds, ax",
    "2:",
    "sti",
    "nop",
    "cli",
    "inc dword ptr [0x10]",
    "jmp 2b",
);

/// Where `COUNT` counts, in its memory.
const COUNTER: usize = 0x3010;
/// States of a process, by number.
const STOPPED: u64 = 0;
const CALLING: u64 = 4;

/// A guest that counts on `cpu`, running.
pub fn counting(test: &mut Test, cpu: u64) -> Result<Guest, Error> {
    let mut guest = Guest::on(test, cpu, COUNT())?;
    guest.begin_real()?;
    guest.window_at(test, 0x50000)?.map(0x50000, 3, 1, READ_WRITE, Default::default())?;
    guest.pcb.resume()?;
    Ok(guest)
}

/// How often something is looked at that will be so: for a minute. Emulated CPUs may stand still for seconds while the
/// machine below has other things to do.
const PATIENCE: u32 = 12_000;

/// Sleeps until `guest` has counted on; `false` if it does not.
pub fn counts(test: &mut Test, guest: &Guest) -> Result<bool, Error> {
    counts_at(test, guest, COUNTER)
}

/// The same, where `counter` is its counter.
fn counts_at(test: &mut Test, guest: &Guest, counter: usize) -> Result<bool, Error> {
    let before = guest.memory.read(counter);
    for _ in 0..PATIENCE {
        test.sleep(200)?;
        if guest.memory.read(counter) != before {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sleeps until the process of `guest` is in `state`; `false` if it never is.
fn becomes(test: &mut Test, guest: &Guest, state: u64) -> Result<bool, Error> {
    for _ in 0..PATIENCE {
        if guest.pcb.information()?.2 == state {
            return Ok(true);
        }
        test.sleep(200)?;
    }
    Ok(false)
}

fn kick(guest: &Guest) -> Result<Left, Failure> {
    guest.pcb.interrupt()?;
    left(guest.port.receive()?)
}

fn a_kick(test: &mut Test) -> Verdict {
    for cpu in [0, test.far()] {
        test.clean()?;
        let guest = counting(test, cpu)?;
        check!(counts(test, &guest)?);
        let left = kick(&guest)?;
        check!(left.is(ExitReason::Kick, 0, 0));
        check!((CODE + 5..CODE + 16).contains(&left.exit.instruction));
        nun::Reply::OWED.reply(&crate::guest::message(Answer::RESUME))?;
        check!(counts(test, &guest)?);
    }
    Ok(())
}

fn a_kick_of_many(test: &mut Test) -> Verdict {
    let far = test.far();
    let mut guest = counting(test, far)?;
    for _ in 0..200 {
        guest.pcb.interrupt()?;
        check_eq!(guest.answer(Answer::RESUME)?.reason, Some(ExitReason::Kick));
    }
    let before = guest.memory.read(COUNTER);
    nun::Reply::OWED.reply(&crate::guest::message(Answer::RESUME))?;
    check!(counts(test, &guest)?);
    check!(guest.memory.read(COUNTER) > before);
    Ok(())
}

fn a_kick_before_it_runs(test: &mut Test) -> Verdict {
    let guest = counting(test, 0)?;
    // On this CPU it has not had a turn yet.
    check!(kick(&guest)?.is(ExitReason::Kick, 0, 0));
    check_eq!(guest.memory.read(COUNTER), 0);
    Ok(())
}

/// A guest that never leaves by itself, with interrupts off, holds nobody else up.
fn interrupts_of_the_machine(test: &mut Test) -> Verdict {
    let guest = counting(test, 0)?;
    for _ in 0..20 {
        test.sleep(1000)?;
    }
    check!(counts(test, &guest)?);
    check!(guest.pcb.information()?.0 > 0);
    Ok(())
}

fn suspended_and_resumed(test: &mut Test) -> Verdict {
    let far = test.far();
    let guest = counting(test, far)?;
    check!(counts(test, &guest)?);
    guest.pcb.suspend()?;
    let (stood, counter) = (guest.read::<2>(StateGroups::EXECUTION)?, guest.memory.read(COUNTER));
    test.sleep(100)?;
    check_eq!(guest.memory.read(COUNTER), counter);
    check_eq!(guest.read::<2>(StateGroups::EXECUTION)?, stood);
    guest.pcb.resume()?;
    check!(counts(test, &guest)?);
    Ok(())
}

fn moved_between_cpus(test: &mut Test) -> Verdict {
    let far = test.far();
    let guest = counting(test, 0)?;
    for round in 0..20 {
        guest.pcb.configure_schedule(100, if round % 2 == 0 { far } else { 0 }, 0)?;
        check!(counts(test, &guest)?);
    }
    Ok(())
}

fn two_at_once(test: &mut Test) -> Verdict {
    let far = test.far();
    let (one, other) = (counting(test, 0)?, counting(test, far)?);
    let third = counting(test, far)?;
    for guest in [&one, &other, &third, &one] {
        check!(counts(test, guest)?);
    }
    for guest in [&one, &other, &third] {
        check!(kick(guest)?.is(ExitReason::Kick, 0, 0));
    }
    Ok(())
}

/// Two processors of one guest run on CPUs of their own: each is kicked alone, and memory goes for both.
fn one_with_several_processors(test: &mut Test) -> Verdict {
    /// The page where the second one begins, and its counter, 16 bytes behind the first one's.
    const START: u8 = 2;
    const OTHERS: usize = COUNTER + 16;
    let far = test.far();
    let one = counting(test, 0)?;
    let mut other = one.sibling(test, far)?;
    other.memory.copy_from(usize::from(START) << 12, COUNT());
    // Its data segment begins later: `mov ax, 0x5001`.
    other.memory.copy_from((usize::from(START) << 12) + 1, &[0x01]);
    other.begin_at(START)?;
    other.pcb.resume()?;
    check!(counts(test, &one)? && counts_at(test, &other, OTHERS)?);
    check!(kick(&other)?.is(ExitReason::Kick, 0, 0));
    check!(counts(test, &one)?);
    nun::Reply::OWED.reply(&crate::guest::message(Answer::RESUME))?;
    let window = one.window_at(test, 0x50000)?;
    for _ in 0..20 {
        check!(counts(test, &one)? && counts_at(test, &other, OTHERS)?);
        window.unmap(0x50000, 1)?;
        let counters = (one.memory.read(COUNTER), one.memory.read(OTHERS));
        for (guest, address) in [(&one, 0x50010), (&other, 0x50020)] {
            let left = left(guest.port.receive()?)?;
            check_eq!((left.reason, left.exit.value), (Some(ExitReason::Memory), address));
        }
        check_eq!((one.memory.read(COUNTER), one.memory.read(OTHERS)), counters);
        window.map(0x50000, 3, 1, READ_WRITE, Default::default())?;
        nun::Reply::OWED.reply(&crate::guest::message(Answer::RESUME))?;
        one.pcb.resume()?;
    }
    check!(counts(test, &one)? && counts_at(test, &other, OTHERS)?);
    Ok(())
}

fn memory_taken_away_while_it_runs(test: &mut Test) -> Verdict {
    let far = test.far();
    let mut guest = counting(test, far)?;
    let window = guest.window_at(test, 0x50000)?;
    check!(counts(test, &guest)?);
    for round in 0..20 {
        window.unmap(0x50000, 1)?;
        let counter = guest.memory.read(COUNTER);
        let left =
            if round == 0 { left(guest.port.receive()?)? } else { guest.answer(Answer::RESUME)? };
        check_eq!((left.reason, left.exit.value), (Some(ExitReason::Memory), 0x50010));
        check_eq!(guest.memory.read(COUNTER), counter);
        window.map(0x50000, 3, 1, READ_WRITE, Default::default())?;
    }
    nun::Reply::OWED.reply(&crate::guest::message(Answer::RESUME))?;
    check!(counts(test, &guest)?);
    Ok(())
}

fn window_removed_while_it_runs(test: &mut Test) -> Verdict {
    let far = test.far();
    let guest = counting(test, far)?;
    check!(counts(test, &guest)?);
    test.node().remove(index(guest.window))?;
    // Its code is gone as well.
    check_eq!(left(guest.port.receive()?)?.reason, Some(ExitReason::Memory));
    Ok(())
}

/// Removes what `part` names while the guest runs; it stands still from then on.
fn stops_without(test: &mut Test, part: fn(&Guest) -> Descriptor) -> Verdict {
    for cpu in [0, test.far()] {
        test.clean()?;
        let guest = counting(test, cpu)?;
        check!(counts(test, &guest)?);
        test.node().remove(part(&guest).index())?;
        let counter = guest.memory.read(COUNTER);
        test.sleep(100)?;
        check_eq!(guest.memory.read(COUNTER), counter);
        check_eq!(guest.pcb.information()?.2, STOPPED);
        check_refused!(guest.pcb.resume(), Incomplete, nun::Culprit::DESCRIPTOR);
    }
    Ok(())
}

fn space_removed_while_it_runs(test: &mut Test) -> Verdict {
    stops_without(test, |guest| guest.space.descriptor())
}

fn cpu_removed_while_it_runs(test: &mut Test) -> Verdict {
    stops_without(test, |guest| guest.cpu.descriptor())
}

fn vectors_removed_while_it_runs(test: &mut Test) -> Verdict {
    stops_without(test, |guest| guest.vectors.descriptor())
}

fn process_removed_while_it_runs(test: &mut Test) -> Verdict {
    for cpu in [0, test.far()] {
        test.clean()?;
        let guest = counting(test, cpu)?;
        check!(counts(test, &guest)?);
        test.node().remove(index(guest.pcb))?;
        let counter = guest.memory.read(COUNTER);
        test.sleep(100)?;
        check_eq!(guest.memory.read(COUNTER), counter);
        // What it ran with serves another.
        let pcb: Pcb = test.make(0)?;
        pcb.configure_vector(guest.vectors)?;
        pcb.configure_guest(guest.cpu, guest.space.descriptor())?;
        pcb.resume()?;
        check!(counts(test, &guest)?);
    }
    Ok(())
}

guest_code!(LEAVE, "leave", ".code16", "2:", "hlt", "jmp 2b");

fn a_monitor_that_dies(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, LEAVE())?;
    check_eq!(guest.start()?.reason, Some(ExitReason::Halt));
    let other = counting(test, 0)?;
    // The port goes while the exit waits there.
    nun::Reply::OWED.reply(&crate::guest::message(Answer::after(1)))?;
    check!(becomes(test, &guest, CALLING)?);
    test.node().remove(index(guest.port))?;
    check_eq!(guest.pcb.information()?.2, STOPPED);
    check!(counts(test, &other)?);
    // Another monitor goes on with it.
    let port = test.make(0)?;
    guest.port = port;
    guest.pcb.configure_ports(port, Descriptor::NULL)?;
    check_eq!(guest.start()?.reason, Some(ExitReason::Halt));
    Ok(())
}

fn a_guest_without_monitor(test: &mut Test) -> Verdict {
    let guest = Guest::real(test, LEAVE())?;
    test.node().remove(index(guest.port))?;
    guest.pcb.resume()?;
    check!(becomes(test, &guest, STOPPED)?);
    Ok(())
}

fn what_it_takes_to_run(test: &mut Test) -> Verdict {
    let (cpu, space): (VirtualCpu, VirtualAddressSpace) = (test.make(0)?, test.make(0)?);
    let (vectors, pcb): (VectorState, Pcb) = (test.make(0)?, test.make(0)?);
    pcb.configure_guest(cpu, space)?;
    check_refused!(pcb.resume(), Incomplete, nun::Culprit::DESCRIPTOR);
    pcb.configure_vector(vectors)?;
    pcb.resume()?;
    Ok(())
}

fn refusals_of_parts(test: &mut Test) -> Verdict {
    let (cpu, space): (VirtualCpu, VirtualAddressSpace) = (test.make(0)?, test.make(0)?);
    let (pcb, other): (Pcb, Pcb) = (test.make(0)?, test.make(0)?);
    let own = test.space();
    check_refused!(pcb.configure_guest(Descriptor::NULL, space), InvalidDescriptor, 1);
    check_refused!(pcb.configure_guest(cpu, Descriptor::NULL), InvalidDescriptor, 2);
    check_refused!(pcb.configure_guest(cpu, own), InvalidDescriptor, 2);
    check_refused!(pcb.configure_guest(space, cpu), InvalidDescriptor, 1);
    check_refused!(
        pcb.configure_spaces(space, Descriptor::NULL, Descriptor::NULL),
        InvalidDescriptor,
        1
    );
    let nothing = StateGroups::empty();
    check_refused!(pcb.read_guest(nothing), Incomplete, nun::Culprit::DESCRIPTOR);
    check_refused!(pcb.write_guest(nothing), Incomplete, nun::Culprit::DESCRIPTOR);
    check_refused!(pcb.configure_exit(1, nothing), Incomplete, nun::Culprit::DESCRIPTOR);
    pcb.configure_guest(cpu, space)?;
    check_refused!(other.configure_guest(cpu, space), Busy, 1);
    check_refused!(pcb.configure_exit(99, nothing), InvalidArgument, 1);
    check_refused!(pcb.configure_exit(1 << 32, nothing), InvalidArgument, 1);
    check_refused!(pcb.write_register(0, 1), Busy, nun::Culprit::DESCRIPTOR);
    check_refused!(pcb.clone_state(other), Busy, nun::Culprit::DESCRIPTOR);
    check_refused!(other.clone_state(pcb), Busy, 1);
    check_refused!(
        pcb.configure_spaces(own, Descriptor::NULL, Descriptor::NULL),
        Busy,
        nun::Culprit::DESCRIPTOR
    );
    let running = counting(test, test.far())?;
    check_refused!(running.pcb.read_guest(nothing), Busy, nun::Culprit::DESCRIPTOR);
    check_refused!(running.pcb.write_guest(nothing), Busy, nun::Culprit::DESCRIPTOR);
    let mut left = Guest::real(test, LEAVE())?;
    left.start()?;
    check_refused!(left.pcb.configure_guest(cpu, space), Busy, nun::Culprit::DESCRIPTOR);
    Ok(())
}

/// A Virtual CPU whose process is gone goes on elsewhere as it was.
fn a_cpu_for_another(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, LEAVE())?;
    let left = guest.start()?;
    nun::Reply::OWED.reply(&crate::guest::message(Answer {
        verdict: nun::abi::guest::GuestVerdict::STOP.after(left.length(1)),
        ..Answer::RESUME
    }))?;
    test.node().remove(index(guest.pcb))?;
    let pcb: Pcb = test.make(0)?;
    pcb.configure_ports(guest.port, Descriptor::NULL)?;
    pcb.configure_vector(guest.vectors)?;
    pcb.configure_guest(guest.cpu, guest.space.descriptor())?;
    guest.pcb = pcb;
    check_eq!(guest.read::<2>(StateGroups::EXECUTION)?[0], CODE + 1);
    check_eq!(guest.start()?.reason, Some(ExitReason::Halt));
    Ok(())
}

/// What is written is read, but for bits that no guest has.
fn every_state_comes_back(test: &mut Test) -> Verdict {
    let guest = Guest::real(test, LEAVE())?;
    let all = StateGroups::all();
    let before = guest.read::<64>(all)?;
    guest.write(all, &before)?;
    check_eq!(guest.read::<64>(all)?, before);
    let mut other = before;
    for (number, word) in (0..).zip(&mut other[..16]) {
        *word = 0x1000 + number;
    }
    (other[16], other[19], other[22], other[42]) = (0x1234, 0x5678, 9, 0xfff);
    (other[54], other[58], other[62], other[63]) = (0xabc, 0xffff_0ff1, 77, 0x1001);
    guest.write(all, &other)?;
    check_eq!(guest.read::<64>(all)?, other);
    guest.write(all, &[u64::MAX; 64])?;
    let most = guest.read::<64>(all)?;
    check_eq!((most[22], most[63]), (15, u32::MAX.into()));
    check!(most[23] & 1 << 12 == 0);
    check_eq!(guest.pcb.read_guest(all)?, 64);
    // Such a guest cannot be entered, and nobody else is harmed.
    let mut guest = guest;
    check_eq!(guest.start()?.reason, Some(ExitReason::Invalid));
    match guest.port.try_receive() {
        Err(_) => Ok(()),
        Ok(Received::Signals { .. }) => Ok(()),
        Ok(other) => Err(Failure::new(file!(), line!(), format_args!("received {other:?}"))),
    }
}
