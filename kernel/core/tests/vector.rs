//! Extended states: read, replaced and copied by whoever holds the PCB.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    Culprit, Error, ObjectType, Reason, Rights, VECTOR_IMAGE_OFFSET, Word, ipc_port, node, pcb,
};
use a9n_hal::{Fault, FaultReason, UserAddress};
use a9n_hal_sim::VECTOR_IMAGE_RESERVED;
use common::{FREE, GENERIC, System};

const ONE: u64 = FREE;
const OTHER: u64 = FREE + 3;
const STATES: u64 = FREE + 6;
const PORT: u64 = FREE + 8;

/// First word of the image in an IPC buffer.
const IMAGE: usize = VECTOR_IMAGE_OFFSET / 8;

/// Two stopped processes, the first with a Vector State.
fn with_one_owner() -> System {
    let mut system = System::new();
    system.process(ONE, 100);
    system.process(OTHER, 100);
    for state in [STATES, STATES + 1] {
        system.convert(GENERIC, ObjectType::VectorState, 0, 1, state).expect("state");
    }
    system.ask(ONE, pcb::word::ConfigureVector, &[STATES]).expect("attached");
    system
}

fn buffer(system: &System) -> u64 {
    system.kernel.buffer_page(system.init).expect("init has a buffer").0
}

/// Init puts the first two words of an image into its buffer.
fn offer(system: &System, words: [u64; 2]) {
    for (index, word) in (IMAGE..).zip(words) {
        system.write(buffer(system), index, word);
    }
}

/// The first two words of the image in init's buffer.
fn seen(system: &System) -> [u64; 2] {
    let start = buffer(system) + VECTOR_IMAGE_OFFSET as u64;
    let bytes = system.kernel.hal().memory().bytes_at(start, start + 16);
    [0, 8].map(|at| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")))
}

fn write(system: &mut System, process: u64, words: [u64; 2]) -> Result<(), Error> {
    offer(system, words);
    system.ask(process, pcb::word::WriteVector, &[]).map(|_| ())
}

fn read(system: &mut System, process: u64) -> Result<[u64; 2], Error> {
    offer(system, [u64::MAX; 2]);
    system.ask(process, pcb::word::ReadVector, &[]).map(|_| seen(system))
}

const fn refusal<T>(reason: Reason, culprit: Culprit) -> Result<T, Error> {
    Err(Error::new(reason, culprit))
}

#[test]
fn what_is_written_is_read() {
    let mut system = with_one_owner();
    assert_eq!(read(&mut system, ONE), Ok([0, 0]), "it starts clean");
    write(&mut system, ONE, [7, u64::MAX]).expect("a valid image");
    assert_eq!(read(&mut system, ONE), Ok([7, u64::MAX]));
    system.check();
}

#[test]
fn a_bad_image_is_refused_as_a_whole() {
    let mut system = with_one_owner();
    write(&mut system, ONE, [1, 2]).expect("a valid image");
    for bit in (0..64).map(|bit| 1 << bit).filter(|bit| VECTOR_IMAGE_RESERVED & bit != 0) {
        let refused = write(&mut system, ONE, [bit, 3]);
        assert_eq!(refused, refusal(Reason::InvalidArgument, Culprit::IPC_BUFFER));
    }
    assert_eq!(read(&mut system, ONE), Ok([1, 2]));
}

#[test]
fn only_who_has_a_state_and_cannot_run_is_touched() {
    let mut system = with_one_owner();
    let nothing = refusal(Reason::Incomplete, Culprit::DESCRIPTOR);
    assert_eq!(read(&mut system, OTHER), nothing);
    assert_eq!(write(&mut system, OTHER, [0, 0]).map(|()| [0; 2]), nothing);
    system.ask(ONE, pcb::word::Resume, &[]).expect("resumes");
    let busy = refusal(Reason::Busy, Culprit::DESCRIPTOR);
    assert_eq!(read(&mut system, ONE), busy);
    assert_eq!(write(&mut system, ONE, [0, 0]).map(|()| [0; 2]), busy);
    system.ask(ONE, pcb::word::Suspend, &[]).expect("suspends");
    assert_eq!(read(&mut system, ONE), Ok([0, 0]));
}

#[test]
fn reading_takes_the_right_to_read_and_writing_that_to_modify() {
    let mut system = with_one_owner();
    for (index, rights) in [(10, Rights::READ), (11, Rights::MODIFY)] {
        let arguments = [FREE + index, ONE, rights.into_word(), 0];
        system.ask(slot::NODE, node::word::Mint, &arguments).expect("mint");
    }
    let denied = refusal(Reason::PermissionDenied, Culprit::DESCRIPTOR);
    assert_eq!(read(&mut system, FREE + 10), Ok([0, 0]));
    assert_eq!(write(&mut system, FREE + 10, [1, 1]).map(|()| [0; 2]), denied);
    assert_eq!(read(&mut system, FREE + 11), denied);
    assert_eq!(write(&mut system, FREE + 11, [1, 1]), Ok(()));
    assert_eq!(read(&mut system, FREE + 10), Ok([1, 1]));
}

#[test]
fn an_image_needs_a_buffer() {
    let mut system = with_one_owner();
    system.remove(slot::BUFFER).expect("init gives its buffer away");
    for operation in [pcb::word::ReadVector, pcb::word::WriteVector] {
        let refused = system.ask(ONE, operation, &[]);
        assert_eq!(refused, refusal(Reason::InvalidArgument, Culprit::IPC_BUFFER));
    }
}

#[test]
fn a_clone_has_the_same_state() {
    let mut system = with_one_owner();
    write(&mut system, ONE, [5, 6]).expect("a valid image");
    let refused = system.ask(OTHER, pcb::word::CloneState, &[ONE]).map(|_| ());
    assert_eq!(refused, refusal(Reason::Incomplete, Culprit::DESCRIPTOR), "nowhere to put it");
    system.ask(OTHER, pcb::word::ConfigureVector, &[STATES + 1]).expect("attached");
    write(&mut system, OTHER, [8, 9]).expect("a valid image");
    system.ask(OTHER, pcb::word::CloneState, &[ONE]).expect("clones");
    assert_eq!(read(&mut system, OTHER), Ok([5, 6]));
    write(&mut system, ONE, [1, 1]).expect("a valid image");
    assert_eq!(read(&mut system, OTHER), Ok([5, 6]), "from now on its own");
    system.ask(OTHER, pcb::word::CloneState, &[OTHER]).expect("clones itself");
    assert_eq!(read(&mut system, OTHER), Ok([5, 6]));
}

#[test]
fn a_clone_of_a_process_without_state_starts_clean() {
    let mut system = with_one_owner();
    write(&mut system, ONE, [5, 6]).expect("a valid image");
    system.ask(ONE, pcb::word::CloneState, &[OTHER]).expect("clones");
    assert_eq!(read(&mut system, ONE), Ok([0, 0]));
    system.check();
}

#[test]
fn a_resolver_reaches_the_state_of_who_trapped() {
    let mut system = with_one_owner();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.ask(ONE, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
    system.ask(ONE, pcb::word::ConfigureSchedule, &[255, 0, 0]).expect("urgent");
    system.start(ONE);
    let reason = FaultReason::Page;
    system.fault(Fault { reason, address: UserAddress(0), code: 0 });
    assert_eq!(system.current, Some(system.init));
    system.message(PORT, ipc_port::word::Receive, 0, &[]);
    write(&mut system, ONE, [3, 4]).expect("it is trapped");
    assert_eq!(read(&mut system, ONE), Ok([3, 4]));
}
