//! Processes: how they start, what they get, how they end.

use alloc::string::ToString;

use nun::{
    Access, CrashReport, Ending, Error, FaultReason, Frame, IpcPort, Message, Process, Received,
    Reply, Rights, Start, StartError, aci,
};

use crate::protocol::{INITIAL, SHARED, label, role};
use crate::{Case, World};

/// The cases of this file.
pub const ALL: &[(&str, Case)] = &[
    ("processes.their_end_is_told", their_end_is_told),
    ("processes.a_fault_can_be_survived", a_fault_can_be_survived),
    ("processes.each_thread_has_its_locals", each_thread_has_its_locals),
    ("processes.memory_can_be_shared", memory_can_be_shared),
    ("processes.one_can_have_a_heap", one_can_have_a_heap),
    ("processes.a_hundred_leave_nothing_behind", a_hundred_leave_nothing_behind),
    ("processes.a_bad_program_leaves_nothing_behind", a_bad_program_leaves_nothing_behind),
    ("processes.they_have_what_they_are_granted_only", they_have_what_they_are_granted_only),
    ("processes.time_and_messages_are_counted", time_and_messages_are_counted),
    ("processes.a_crash_says_where_it_was", a_crash_says_where_it_was),
];

/// Under which identifier the child's end is told.
const CHILD: u64 = 77;

/// A child in `role` that tells `port` its end.
fn start(world: &mut World, port: IpcPort, role: u64) -> Result<Process, Error> {
    let mut child = load(world)?;
    child.supervise(port, CHILD)?;
    child.grant(aci::slot::PARENT, port, Rights::WRITE, CHILD)?;
    child.start(&Start { priority: 100, argument: role, ..Start::default() })?;
    Ok(child)
}

fn load(world: &mut World) -> Result<Process, Error> {
    Process::load(&mut world.resources, world.child).map_err(|error| match error {
        StartError::Kernel(error) => error,
        StartError::Program(error) => panic!("the child is no program: {error}"),
    })
}

/// How the child ends, which is the next that `port` hears.
fn ending(port: IpcPort) -> Result<Ending, Error> {
    let received = port.receive()?;
    let (CHILD, ending) = received.ending().expect("an end is told") else {
        panic!("somebody else's end is told")
    };
    Ok(ending)
}

fn their_end_is_told(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    for (role, code) in [(role::EXIT, 0), (role::EXIT | 1234 << 32, 1234), (role::FAIL, 1)] {
        let child = start(world, port, role)?;
        assert_eq!(ending(port)?, Ending::Exited(code));
        child.destroy(&mut world.resources)?;
    }
    let child = start(world, port, role::PANIC)?;
    let Ending::Faulted(fault) = ending(port)? else { panic!("a panic is a fault") };
    assert_eq!(fault.reason, Some(FaultReason::InvalidInstruction));
    child.destroy(&mut world.resources)?;
    world.resources.discard(port)
}

fn a_fault_can_be_survived(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let child = start(world, port, role::BREAK)?;
    let Ending::Faulted(fault) = ending(port)? else { panic!("a breakpoint is a fault") };
    assert_eq!(fault.reason, Some(FaultReason::Breakpoint));
    Reply::OWED.reply(&Message::EMPTY)?;
    assert_eq!(ending(port)?, Ending::Exited(7));
    child.destroy(&mut world.resources)?;
    world.resources.discard(port)
}

fn each_thread_has_its_locals(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let mut child = start(world, port, role::LOCALS)?;
    let mut heard = [[0; 2]; 2];
    let (mut told, mut ended) = (0, false);
    while told < 2 || !ended {
        let received = port.receive()?;
        if let Some((CHILD, Ending::Exited(0))) = received.ending() {
            ended = true;
            continue;
        }
        let Received::Message { message, .. } = received else { panic!("{received:?}") };
        let [first, ..] = *message.words();
        match message.label() {
            label::LOCALS => {
                let mut words = [0; 8];
                message.copy_to(&mut words);
                heard[told] = [words[6], words[7]];
                told += 1;
            }
            label::THREAD => {
                let (resources, file) = (&mut world.resources, world.child);
                let start = Start { priority: 100, argument: 5, ..Start::default() };
                let own = aci::slot::GRANTED;
                let thread = child.make_thread(resources, file, (first, 2), own, &start);
                let thread =
                    thread.map_err(|_| Error::new(nun::Reason::Busy, nun::Culprit::OTHER))?;
                thread.resume()?;
                Reply::OWED.reply(&Message::EMPTY)?;
            }
            other => panic!("an unknown label: {other}"),
        }
    }
    // The second does not see what the first added to its own.
    assert_eq!(heard, [[INITIAL, 0], [INITIAL, 5]]);
    child.destroy(&mut world.resources)?;
    world.resources.discard(port)
}

fn memory_can_be_shared(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let frame: Frame = world.resources.make(12)?;
    world.resources.with_mapped(frame, |page| {
        (0..page.bytes()).step_by(8).for_each(|offset| page.write(offset, offset as u64));
    })?;
    for _ in 0..2 {
        let mut child = load(world)?;
        child.supervise(port, CHILD)?;
        child.map(frame, SHARED, 1, Access::READ | Access::WRITE)?;
        assert!(child.map(frame, SHARED, 1, Access::READ).is_err(), "mapped twice");
        child.start(&Start { priority: 100, argument: role::SHARE, ..Start::default() })?;
        assert_eq!(ending(port)?, Ending::Exited(0));
        child.destroy(&mut world.resources)?;
    }
    world.resources.with_mapped(frame, |page| {
        let added = (0..page.bytes()).step_by(8).all(|at| page.read(at) == at as u64 + 2);
        assert!(added, "both children added one to each word");
    })?;
    world.resources.discard(frame)?;
    world.resources.discard(port)
}

fn one_can_have_a_heap(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let quota = world.resources.make(23)?;
    let loaded = Process::load_from(&mut world.resources, quota, world.child);
    let mut child = loaded.map_err(|_| Error::new(nun::Reason::Busy, nun::Culprit::OTHER))?;
    child.grant_heap(21)?;
    child.supervise(port, CHILD)?;
    child.start(&Start { priority: 100, argument: role::HEAP, ..Start::default() })?;
    assert_eq!(ending(port)?, Ending::Exited(0));
    child.destroy(&mut world.resources)?;
    world.resources.discard(port)
}

fn a_hundred_leave_nothing_behind(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let level = world.resources.free_bytes();
    for round in 0..100 {
        let child = start(world, port, role::EXIT | round << 32)?;
        // Some are destroyed before they ran at all.
        if round % 3 != 0 {
            assert_eq!(ending(port)?, Ending::Exited(round));
        }
        child.destroy(&mut world.resources)?;
        assert_eq!(world.resources.free_bytes(), level);
    }
    world.resources.discard(port)
}

fn a_bad_program_leaves_nothing_behind(world: &mut World) -> Result<(), Error> {
    let half = world.child.get(..world.child.len() / 2).unwrap_or_default();
    for file in [half, b"no program".as_slice(), &[]] {
        let refused = Process::load(&mut world.resources, file);
        assert!(matches!(refused, Err(StartError::Program(_))));
    }
    // A quota too small for it.
    let quota = world.resources.make(16)?;
    for _ in 0..3 {
        let refused = Process::load_from(&mut world.resources, quota, world.child);
        assert!(matches!(refused, Err(StartError::Kernel(_))));
        assert_eq!(quota.information()?.2, 0, "the quota is empty again");
    }
    world.resources.discard(quota)
}

fn they_have_what_they_are_granted_only(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let child = load(world)?;
    child.grant(aci::slot::GRANTED, port, Rights::WRITE, 3)?;
    let (object, rights, identifier) = child.node().look(aci::slot::GRANTED)?;
    assert_eq!((object, rights, identifier), (nun::ObjectType::IpcPort as u64, Rights::WRITE, 3));
    let (_, rights, _) = child.node().look(aci::slot::PROCESS)?;
    assert_eq!(rights, Rights::READ | Rights::WRITE);
    let given = [0, aci::slot::PROCESS, aci::slot::NODE, aci::slot::GRANTED];
    for slot in (0..1 << aci::NODE_RADIX).filter(|slot| !given.contains(slot)) {
        assert_eq!(child.node().look(slot)?.0, 0, "slot {slot} holds something");
    }
    child.destroy(&mut world.resources)?;
    world.resources.discard(port)
}

fn time_and_messages_are_counted(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let child = start(world, port, role::EXIT)?;
    assert_eq!(ending(port)?, Ending::Exited(0));
    let usage = child.usage()?;
    assert!(usage.ticks > 0 && usage.messages > 0, "{usage:?}");
    assert!(usage.ticks < 60 * world.second, "{usage:?}");
    child.destroy(&mut world.resources)?;
    world.resources.discard(port)
}

fn a_crash_says_where_it_was(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let mut child = start(world, port, role::BREAK)?;
    let Ending::Faulted(fault) = ending(port)? else { panic!("a breakpoint is a fault") };
    let report = CrashReport::new(&mut world.resources, &mut child, "child", fault, world.child);
    let text = report.to_string();
    assert!(text.starts_with("child faulted: Breakpoint at 0x"));
    assert!(text.contains("rsp 00000000002"), "the stack is below the program");
    let (_, trace) = text.split_once("gs base").expect("registers come first");
    assert_eq!(trace.matches("child::dig+").count(), 4, "it called itself three times: {trace}");
    let (_, outer) = trace.rsplit_once("child::dig+").expect("it was found");
    let who_called = outer.lines().nth(1).expect("somebody called it");
    assert!(who_called.contains('+') && !trace.contains('?'), "it has a name, no guesses: {trace}");
    child.destroy(&mut world.resources)?;
    world.resources.discard(port)
}
