//! Guests: processes that run a virtual CPU.

mod common;

use a9n_abi::guest::{Event, Exit, ExitReason, GuestVerdict, Situation, StateGroups};
use a9n_abi::init::slot;
use a9n_abi::{
    Culprit, Error, MESSAGE_REGISTERS, MessageInfo, ObjectType, Reason, Source, Word, ipc_port,
    node, pcb, reply as reply_object,
};
use a9n_hal::PhysicalAddress;
use a9n_store::Phase;
use common::{FREE, GENERIC, System};

const GUEST: u64 = FREE;
const CPU: u64 = FREE + 4;
const SPACE: u64 = FREE + 5;
const VECTORS: u64 = FREE + 6;
const PORT: u64 = FREE + 7;
const OTHER: u64 = FREE + 10;

/// A system with a stopped guest whose exits go to `PORT`.
fn with_guest() -> System {
    let mut system = System::new();
    system.process(GUEST, 50);
    for (object, place) in [
        (ObjectType::VirtualCpu, CPU),
        (ObjectType::VirtualAddressSpace, SPACE),
        (ObjectType::VectorState, VECTORS),
        (ObjectType::IpcPort, PORT),
    ] {
        system.convert(GENERIC, object, 0, 1, place).expect("an object");
    }
    system.ask(GUEST, pcb::word::ConfigurePorts, &[PORT, 0]).expect("a resolver");
    system.ask(GUEST, pcb::word::ConfigureVector, &[VECTORS]).expect("vectors");
    system.ask(GUEST, pcb::word::ConfigureGuest, &[CPU, SPACE]).expect("a guest");
    system.check();
    system
}

/// What the guest's process is doing, by number.
fn phase(system: &mut System) -> u64 {
    system.ask(GUEST, pcb::word::Information, &[]).expect("it lives")[2]
}

/// Lets the stopped guest run, as init waits at its port.
fn run(system: &mut System) {
    system.ask(GUEST, pcb::word::Resume, &[]).expect("complete");
    system.message(PORT, ipc_port::word::Receive, 0, &[]);
    assert_ne!(system.current, Some(system.init));
    system.check();
}

/// The virtual CPU of the guest, which runs.
fn cpu(system: &System) -> PhysicalAddress {
    let guest = system.current.expect("the guest runs");
    system.kernel.context(guest).guest().expect("it has a virtual CPU")
}

/// The guest leaves; answers what init, its monitor, receives.
fn leave(system: &mut System, reason: ExitReason, detail: u64, value: u64) -> (MessageInfo, Exit) {
    system.kernel.hal().leave_guest(cpu(system), reason, detail, value);
    system.guest_exit();
    assert_eq!(system.current, Some(system.init));
    system.check();
    received(system)
}

fn received(system: &System) -> (MessageInfo, Exit) {
    let answer = system.answer(system.init);
    let info = MessageInfo(answer.info);
    assert_eq!((info.source(), answer.identifier), (Some(Source::VirtualCpu), 0));
    (info, Exit::from_words(&answer.words))
}

/// Init answers, and waits for the next exit.
fn reply(system: &mut System, verdict: GuestVerdict, words: [u64; MESSAGE_REGISTERS]) {
    system.message(PORT, ipc_port::word::ReplyReceive, verdict.0, &words);
    system.check();
}

fn refused<T>(result: Result<T, Error>, reason: Reason, culprit: Culprit) {
    assert_eq!(result.map(|_| ()), Err(Error::new(reason, culprit)));
}

#[test]
fn an_exit_goes_to_the_monitor_and_its_answer_to_the_guest() {
    let mut system = with_guest();
    run(&mut system);
    let (info, exit) = leave(&mut system, ExitReason::Identify, 7, 1);
    assert_eq!((info.label(), info.length()), (ExitReason::Identify as u32, 6));
    assert_eq!((exit.detail, exit.value, exit.situation), (7, 1, Situation(0)));
    system.check();
    let verdict = GuestVerdict::RESUME.with(GuestVerdict::SET_FOUR).after(2);
    reply(&mut system, verdict, [1, 2, 3, 4, 0, 0]);
    assert_ne!(system.current, Some(system.init), "the guest goes on");
    system.check();
    leave(&mut system, ExitReason::Halt, 0, 0);
    let words = read(&mut system, StateGroups::GENERAL | StateGroups::EXECUTION);
    assert_eq!((&words[..4], words[16]), (&[1, 2, 3, 4][..], 2));
}

/// What `read_guest` answers.
fn read(system: &mut System, groups: StateGroups) -> Vec<u64> {
    let answer = system.ask(GUEST, pcb::word::ReadGuest, &[groups.bits()]).expect("stopped");
    assert_eq!(answer[0], groups.words() as u64);
    let buffer = system.kernel.buffer_page(system.init).expect("init has a buffer").0;
    (0..groups.words())
        .map(|index| {
            let at = buffer + (MESSAGE_REGISTERS + index) as u64 * 8;
            let bytes = system.kernel.hal().memory().bytes_at(at, at + 8);
            u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
        })
        .collect()
}

/// Init puts `words` where groups are taken from.
fn put(system: &System, words: &[u64]) {
    let buffer = system.kernel.buffer_page(system.init).expect("init has a buffer").0;
    for (index, word) in (MESSAGE_REGISTERS..).zip(words) {
        system.write(buffer, index, *word);
    }
}

#[test]
fn groups_come_along_and_go_back() {
    let mut system = with_guest();
    let groups = StateGroups::EXECUTION | StateGroups::TIME;
    put(&system, &[0x1000, 2, 77]);
    system.ask(GUEST, pcb::word::WriteGuest, &[groups.bits()]).expect("stopped");
    let reason = ExitReason::Port as u64;
    system.ask(GUEST, pcb::word::ConfigureExit, &[reason, groups.bits()]).expect("a reason");
    run(&mut system);
    let (info, exit) = leave(&mut system, ExitReason::Port, 0, 0);
    assert_eq!((info.length(), exit.instruction), (9, 0x1000));
    assert_eq!(read(&mut system, groups), [0x1000, 2, 77]);
    put(&system, &[0x2000, 3]);
    let verdict = GuestVerdict::RESUME.with(GuestVerdict::GROUPS);
    reply(&mut system, verdict, [0, 0, 0, 0, 0, StateGroups::EXECUTION.bits()]);
    let (info, exit) = leave(&mut system, ExitReason::Halt, 0, 0);
    assert_eq!((info.length(), exit.instruction), (6, 0x2000));
    assert_eq!(read(&mut system, groups), [0x2000, 3, 77]);
}

#[test]
fn an_event_and_a_window_reach_the_virtual_cpu() {
    let mut system = with_guest();
    run(&mut system);
    leave(&mut system, ExitReason::Halt, 0, 0);
    let verdict = GuestVerdict::RESUME.with(GuestVerdict::INJECT | GuestVerdict::WINDOW);
    reply(&mut system, verdict, [0, 0, 0, 0, Event::interrupt(0x30).0, 0]);
    assert!(system.kernel.hal().wants_window(cpu(&system)));
    leave(&mut system, ExitReason::InterruptWindow, 0, 0);
    assert_eq!(read(&mut system, StateGroups::EVENTS)[0], Event::interrupt(0x30).0);
    reply(&mut system, GuestVerdict::RESUME, [0; 6]);
    assert!(!system.kernel.hal().wants_window(cpu(&system)));
}

#[test]
fn a_verdict_can_stop_it() {
    let mut system = with_guest();
    run(&mut system);
    leave(&mut system, ExitReason::Halt, 0, 0);
    system.message(0, reply_object::word::Reply, GuestVerdict::STOP.after(1).0, &[0; 6]);
    assert_eq!(phase(&mut system), Phase::Stopped as u64);
    system.check();
    assert_eq!(read(&mut system, StateGroups::EXECUTION)[0], 1);
    run(&mut system);
}

#[test]
fn a_kick_is_an_exit() {
    let mut system = with_guest();
    run(&mut system);
    leave(&mut system, ExitReason::Port, 1, 2);
    system.ask(GUEST, pcb::word::Interrupt, &[]).expect("allowed");
    reply(&mut system, GuestVerdict::RESUME, [0; 6]);
    let (info, exit) = received(&system);
    assert_eq!((info.label(), exit.detail, exit.value), (ExitReason::Kick as u32, 0, 0));
}

#[test]
fn nothing_is_missing_when_it_runs() {
    let mut system = System::new();
    system.process(GUEST, 50);
    system.convert(GENERIC, ObjectType::VirtualCpu, 0, 1, CPU).expect("an object");
    system.convert(GENERIC, ObjectType::VirtualAddressSpace, 0, 1, SPACE).expect("an object");
    system.ask(GUEST, pcb::word::ConfigureGuest, &[CPU, SPACE]).expect("a guest");
    let resumed = system.ask(GUEST, pcb::word::Resume, &[]);
    refused(resumed, Reason::Incomplete, Culprit::DESCRIPTOR);
    assert_eq!(phase(&mut system), Phase::Stopped as u64);
    system.check();
}

#[test]
fn a_virtual_cpu_serves_one_process() {
    let mut system = with_guest();
    system.process(OTHER, 50);
    let shared = system.ask(OTHER, pcb::word::ConfigureGuest, &[CPU, SPACE]);
    refused(shared, Reason::Busy, Culprit::argument(1));
    let own = slot::ADDRESS_SPACE;
    let spaces = system.ask(GUEST, pcb::word::ConfigureSpaces, &[own, 0, 0]);
    refused(spaces, Reason::Busy, Culprit::DESCRIPTOR);
    let user = system.ask(OTHER, pcb::word::ConfigureSpaces, &[SPACE, 0, 0]);
    refused(user, Reason::InvalidDescriptor, Culprit::argument(1));
    let register = system.ask(GUEST, pcb::word::WriteRegister, &[0, 0]);
    refused(register, Reason::Busy, Culprit::DESCRIPTOR);
    let cloned = system.ask(OTHER, pcb::word::CloneState, &[GUEST]);
    refused(cloned, Reason::Busy, Culprit::argument(1));
    system.check();
}

/// Whatever of it is removed, and whatever it does at that moment: it stops, and all is well.
#[test]
fn it_stops_when_a_part_is_taken_away() {
    for part in [CPU, SPACE, VECTORS, PORT, GUEST] {
        for moment in 0..4 {
            let mut system = with_guest();
            match moment {
                0 => {}
                1 => {
                    system.ask(GUEST, pcb::word::Resume, &[]).expect("complete");
                }
                2 => {
                    run(&mut system);
                    leave(&mut system, ExitReason::Halt, 0, 0);
                }
                _ => {
                    system.ask(GUEST, pcb::word::Resume, &[]).expect("complete");
                    system.ask(GUEST, pcb::word::Interrupt, &[]).expect("allowed");
                }
            }
            system.ask(slot::NODE, node::word::Remove, &[part]).expect("removed");
            system.check();
            if matches!(part, CPU | SPACE | VECTORS) {
                assert_eq!(phase(&mut system), Phase::Stopped as u64, "{part} at {moment}");
                let resumed = system.ask(GUEST, pcb::word::Resume, &[]);
                refused(resumed, Reason::Incomplete, Culprit::DESCRIPTOR);
            }
        }
    }
}

#[test]
fn its_process_can_become_another_one() {
    let mut system = with_guest();
    system.ask(slot::NODE, node::word::Remove, &[CPU]).expect("removed");
    system.ask(slot::NODE, node::word::Remove, &[SPACE]).expect("removed");
    system.ask(GUEST, pcb::word::ConfigureSpaces, &[slot::ADDRESS_SPACE, 0, 0]).expect("plain");
    system.ask(GUEST, pcb::word::Resume, &[]).expect("complete");
    assert_eq!(phase(&mut system), Phase::Ready as u64);
    system.check();
}

#[test]
fn unknown_reasons_and_groups_are_refused() {
    let mut system = with_guest();
    let wrong = |system: &mut System, reason: u64, groups: u64| {
        system.ask(GUEST, pcb::word::ConfigureExit, &[reason, groups]).map(|_| ())
    };
    refused(wrong(&mut system, 17, 0), Reason::InvalidArgument, Culprit::argument(1));
    refused(wrong(&mut system, 1 << 32, 0), Reason::InvalidArgument, Culprit::argument(1));
    let beyond = StateGroups::all().into_word() + 1;
    refused(wrong(&mut system, 1, beyond), Reason::InvalidArgument, Culprit::argument(2));
    assert_eq!(wrong(&mut system, 0, StateGroups::all().into_word()), Ok(()));
}
