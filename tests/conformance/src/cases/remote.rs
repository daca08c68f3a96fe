//! Partners on other CPUs. With one CPU they are on the same.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::init::slot;
use nun::{
    Access, AddressSpace, Culprit, Descriptor, Error, FaultReason, Generic, IpcPort, Message,
    NotificationPort, ObjectType, Pcb, Reason, Received, Reply, Rights, Timer, Verdict as Answer,
    ticks,
};

use crate::bodies::{self, LONG, first_word};
use crate::cells::{FINE, get, outcome};
use crate::machine::{foreign_call, undefined};
use crate::test::{Test, USUAL, pack, park, unpack};

cases!("remote": calls_and_replies, long_messages, sends, receives, called_from_afar,
    answered_by_a_stored_reply, signals, signalled_from_afar, bound_signal_ends_a_receive,
    cancels_what_waits, a_server_that_dies_fails_its_caller, a_port_that_dies_fails_who_waits,
    a_dropped_reply_fails_its_caller, suspends_what_runs, suspends_what_waits,
    destroys_what_runs, takes_all_of_what_runs, moves_what_runs, moves_what_waits,
    a_fault_comes_to_its_resolver, a_fault_in_its_own_space, interrupts_what_runs,
    foreign_calls_come_to_the_resolver, state_is_read_of_the_stopped_only, timers_of_all_cpus,
    forgets_the_timer_of_another_cpu, loses_its_space_in_its_own_call, signals_of_several_add_up);

const RIP: u64 = 16;

/// States, as `suspend` and `information` tell them.
mod state {
    pub const STOPPED: u64 = 0;
    pub const RUNNING: u64 = 2;
    pub const CALLING: u64 = 4;
    pub const RECEIVING: u64 = 5;
    pub const AWAITING_REPLY: u64 = 6;
}

/// Waits until cell `number` is not 0; answers it.
fn wait_for(test: &Test, number: u64) -> Result<u64, Error> {
    test.share_until(|| get(number) != 0)?;
    Ok(get(number))
}

/// Waits until `pcb` is in `state`.
fn wait_until(test: &Test, pcb: Pcb, state: u64) -> Result<bool, Error> {
    test.share_until(|| pcb.information().is_ok_and(|information| information.2 == state))
}

/// A hundredth of a second goes by, in which cell `number` must not change.
fn stands_still(test: &Test, number: u64) -> Result<bool, Error> {
    let (before, end) = (get(number), ticks() + test.init().ticks_per_second / 100);
    test.share_until(|| ticks() > end)?;
    Ok(get(number) == before)
}

/// Cell `number` changes.
fn goes_on(test: &Test, number: u64) -> Result<bool, Error> {
    let before = get(number);
    test.share_until(|| get(number) != before)
}

fn failure(reason: Reason) -> u64 {
    outcome(Err(Error::new(reason, Culprit::OTHER)))
}

fn calls_and_replies(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let client = test.mint(port, Rights::WRITE, 9)?;
    test.start_far(bodies::echo, pack([index(port), 1]))?;
    for length in 0..=6 {
        let sent = Message::new(length as u32, [1, 2, 3, 4, 5, 6]).with_length(length);
        check_eq!(client.call(&sent)?, sent);
    }
    check_eq!(get(1), 9);
    Ok(())
}

fn long_messages(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start_far(bodies::echo, pack([index(port), 1]))?;
    let words: [u64; LONG] = core::array::from_fn(|number| number as u64 * 3);
    let mut came = [0; LONG];
    // The server answers with the same message, whose rest its buffer still holds.
    let reply = port.call(&Message::long(5, &words))?;
    check_eq!(reply.copy_to(&mut came), LONG);
    check_eq!(came, words);
    Ok(())
}

fn sends(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start_far(bodies::send, pack([index(port), 42, 1]))?;
    check_eq!(first_word(port.receive()), Ok(42));
    check_eq!(wait_for(test, 1)?, FINE);
    Ok(())
}

fn receives(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let pcb = test.start_far(bodies::receive, pack([index(port), 1]))?;
    check!(wait_until(test, pcb, state::RECEIVING)?);
    port.send(&Message::new(0, [17]))?;
    check_eq!(wait_for(test, 1)?, FINE + 17);
    Ok(())
}

fn called_from_afar(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start_far(bodies::call, pack([index(port), 5, 1]))?;
    check_eq!(first_word(port.receive()), Ok(5));
    Reply::OWED.reply(&Message::new(0, [6]))?;
    check_eq!(wait_for(test, 1)?, FINE + 6);
    Ok(())
}

fn answered_by_a_stored_reply(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    test.start_far(bodies::call, pack([index(port), 5, 1]))?;
    check_eq!(first_word(port.receive_into(slot)), Ok(5));
    check!(stands_still(test, 1)?);
    Reply::slot(slot).reply(&Message::new(0, [7]))?;
    check_eq!(wait_for(test, 1)?, FINE + 7);
    Ok(())
}

fn signals(test: &mut Test) -> Verdict {
    let port: NotificationPort = test.make(0)?;
    let bell = test.mint(port, Rights::WRITE, 8)?;
    test.start_far(bodies::wait, pack([index(port), 1]))?;
    bell.notify()?;
    check_eq!(wait_for(test, 1)?, FINE + 8);
    Ok(())
}

fn signalled_from_afar(test: &mut Test) -> Verdict {
    let port: NotificationPort = test.make(0)?;
    let bell = test.mint(port, Rights::WRITE, 8)?;
    test.start_far(bodies::notify, pack([index(bell), 1]))?;
    check_eq!(port.wait(), Ok(8));
    check_eq!(wait_for(test, 1)?, FINE);
    Ok(())
}

fn bound_signal_ends_a_receive(test: &mut Test) -> Verdict {
    let (port, signal): (IpcPort, NotificationPort) = (test.make(0)?, test.make(0)?);
    let bell = test.mint(signal, Rights::WRITE, 16)?;
    let pcb = test.thread(bodies::receive, pack([index(port), 1]))?;
    pcb.configure_ports(Descriptor::NULL, signal)?;
    pcb.configure_schedule(USUAL.into(), test.far(), 0)?;
    pcb.resume()?;
    check!(wait_until(test, pcb, state::RECEIVING)?);
    bell.notify()?;
    check_eq!(wait_for(test, 1)?, FINE + 16);
    Ok(())
}

fn cancels_what_waits(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let pcb = test.start_far(bodies::receive, pack([index(port), 1]))?;
    check!(wait_until(test, pcb, state::RECEIVING)?);
    pcb.cancel()?;
    check_eq!(wait_for(test, 1)?, failure(Reason::Cancelled));
    check_refused!(port.try_send(&Message::EMPTY), WouldBlock, Culprit::DESCRIPTOR);
    Ok(())
}

fn a_server_that_dies_fails_its_caller(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let server = test.start_far(bodies::accept, pack([index(port)]))?;
    check!(wait_until(test, server, state::RECEIVING)?);
    let client = test.start(bodies::call, pack([index(port), 1, 1]))?;
    check!(wait_until(test, client, state::AWAITING_REPLY)?);
    test.node().remove(index(server))?;
    check_eq!(wait_for(test, 1)?, failure(Reason::PartnerDied));
    Ok(())
}

fn a_port_that_dies_fails_who_waits(test: &mut Test) -> Verdict {
    let (full, idle): (IpcPort, IpcPort) = (test.make(0)?, test.make(0)?);
    let caller = test.start_far(bodies::call, pack([index(full), 1, 1]))?;
    let receiver = test.start_far(bodies::receive, pack([index(idle), 2]))?;
    check!(wait_until(test, caller, state::CALLING)?);
    check!(wait_until(test, receiver, state::RECEIVING)?);
    test.node().remove(index(full))?;
    test.node().remove(index(idle))?;
    check_eq!(wait_for(test, 1)?, failure(Reason::PartnerDied));
    check_eq!(wait_for(test, 2)?, failure(Reason::PartnerDied));
    Ok(())
}

fn a_dropped_reply_fails_its_caller(test: &mut Test) -> Verdict {
    let (port, slot): (IpcPort, u64) = (test.make(0)?, test.slot());
    test.start_far(bodies::call, pack([index(port), 1, 1]))?;
    port.receive_into(slot)?;
    test.node().remove(slot)?;
    check_eq!(wait_for(test, 1)?, failure(Reason::PartnerDied));
    Ok(())
}

fn suspends_what_runs(test: &mut Test) -> Verdict {
    let pcb = test.start_far(bodies::spin, 1)?;
    check!(goes_on(test, 1)?);
    let was = pcb.suspend()?;
    // With one CPU init runs instead of it.
    check!(test.far() == 0 || was == state::RUNNING);
    check!(stands_still(test, 1)?);
    check_eq!(pcb.suspend(), Ok(state::STOPPED));
    pcb.resume()?;
    check!(goes_on(test, 1)?);
    Ok(())
}

fn suspends_what_waits(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let pcb = test.start_far(bodies::receive, pack([index(port), 1]))?;
    check!(wait_until(test, pcb, state::RECEIVING)?);
    check_eq!(pcb.suspend(), Ok(state::RECEIVING));
    pcb.resume()?;
    check_eq!(wait_for(test, 1)?, failure(Reason::Cancelled));
    Ok(())
}

fn destroys_what_runs(test: &mut Test) -> Verdict {
    let pcb = test.start_far(bodies::spin, 1)?;
    check!(goes_on(test, 1)?);
    test.node().remove(index(pcb))?;
    check!(stands_still(test, 1)?);
    Ok(())
}

fn takes_all_of_what_runs(test: &mut Test) -> Verdict {
    let quota: Generic = test.make(16)?;
    let (usual, slot) = (test.thread(bodies::spin, 1)?, test.slot());
    quota.convert(ObjectType::Pcb, 0, 1, test.node(), slot)?;
    let pcb = Pcb::slot(slot);
    pcb.configure_spaces(test.space(), test.node(), Descriptor::NULL)?;
    pcb.clone_state(usual)?;
    pcb.configure_schedule(USUAL.into(), test.far(), 0)?;
    pcb.resume()?;
    check!(goes_on(test, 1)?);
    test.node().revoke(index(quota))?;
    check_eq!(quota.information()?.2, 0);
    check!(stands_still(test, 1)?);
    Ok(())
}

fn moves_what_runs(test: &mut Test) -> Verdict {
    let pcb = test.start_far(bodies::spin, 1)?;
    for round in 0..8 {
        check!(goes_on(test, 1)?);
        pcb.configure_schedule(USUAL.into(), round % (test.far() + 1), 0)?;
    }
    check!(goes_on(test, 1)?);
    check_refused!(pcb.configure_schedule(1, test.far() + 1, 0), InvalidArgument, 2);
    Ok(())
}

fn moves_what_waits(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let pcb = test.start_far(bodies::receive, pack([index(port), 1]))?;
    check!(wait_until(test, pcb, state::RECEIVING)?);
    pcb.configure_schedule(USUAL.into(), 0, 0)?;
    port.send(&Message::new(0, [3]))?;
    check_eq!(wait_for(test, 1)?, FINE + 3);
    Ok(())
}

/// A thread on the last CPU that traps to the port in the answer, as process 77.
fn watched(
    test: &mut Test,
    body: crate::test::Body,
    argument: u64,
    foreign: u64,
) -> Result<(Pcb, IpcPort), Error> {
    let port: IpcPort = test.make(0)?;
    let resolver = test.mint(port, Rights::WRITE, 77)?;
    let pcb = test.thread(body, argument)?;
    pcb.configure_ports(resolver, Descriptor::NULL)?;
    pcb.configure_schedule(USUAL.into(), test.far(), foreign)?;
    Ok((pcb, port))
}

fn a_fault_comes_to_its_resolver(test: &mut Test) -> Verdict {
    let (pcb, port) = watched(test, undefined, 0, 0)?;
    pcb.resume()?;
    let Received::Fault { process: 77, fault } = port.receive()? else { return unexpected() };
    check_eq!(fault.reason, Some(FaultReason::InvalidInstruction));
    pcb.write_register(RIP, park as *const () as u64)?;
    Reply::OWED.reply(&Message::verdict(Answer::ResumeWhole))?;
    // It waits, and does not fault again.
    check_refused!(port.try_receive(), WouldBlock, Culprit::DESCRIPTOR);
    Ok(())
}

fn a_fault_in_its_own_space(test: &mut Test) -> Verdict {
    let space: AddressSpace = test.make(0)?;
    let (pcb, port) = watched(test, undefined, 0, 0)?;
    pcb.configure_spaces(space, Descriptor::NULL, Descriptor::NULL)?;
    pcb.resume()?;
    let Received::Fault { process: 77, fault } = port.receive()? else { return unexpected() };
    // Nothing is mapped there, not even its first instruction.
    let expected = (Some(FaultReason::Page), undefined as *const () as u64, Access::EXECUTE.bits());
    check_eq!((fault.reason, fault.address, fault.code), expected);
    Ok(())
}

fn interrupts_what_runs(test: &mut Test) -> Verdict {
    let (pcb, port) = watched(test, bodies::spin, 1, 0)?;
    pcb.resume()?;
    check!(goes_on(test, 1)?);
    pcb.interrupt()?;
    let Received::Stopped { process: 77, instruction } = port.receive()? else {
        return unexpected();
    };
    check_eq!(pcb.read_register(RIP), Ok(instruction));
    check!(stands_still(test, 1)?);
    Reply::OWED.reply(&Message::verdict(Answer::Resume))?;
    check!(goes_on(test, 1)?);
    Ok(())
}

fn foreign_calls_come_to_the_resolver(test: &mut Test) -> Verdict {
    let (_, _, memory) = test.page(READ_WRITE)?;
    let (pcb, port) = watched(test, foreign_call, memory.address(), 1)?;
    pcb.resume()?;
    let arguments = [1, 2, 3, 4, 5, 6];
    check_eq!(port.receive()?, Received::ForeignCall { process: 77, number: 39, arguments });
    let next = port.reply_receive(&Message::new(Answer::Resume as u32, [0x55]))?;
    check!(matches!(next, Received::ForeignCall { process: 77, .. }));
    check_eq!(memory.read(0), 0x55);
    Ok(())
}

fn state_is_read_of_the_stopped_only(test: &mut Test) -> Verdict {
    let pcb = test.start_far(bodies::spin, 1)?;
    check!(goes_on(test, 1)?);
    let other: Pcb = test.make(0)?;
    check_refused!(pcb.read_register(RIP), Busy, Culprit::DESCRIPTOR);
    check_refused!(pcb.write_register(RIP, 0), Busy, Culprit::DESCRIPTOR);
    check_refused!(pcb.configure_entry(0, 0, 0, 0), Busy, Culprit::DESCRIPTOR);
    check_refused!(pcb.clone_state(other), Busy, Culprit::DESCRIPTOR);
    check_refused!(other.clone_state(pcb), Busy, 1);
    check_refused!(pcb.resume(), Busy, Culprit::DESCRIPTOR);
    check!(goes_on(test, 1)?);
    pcb.suspend()?;
    other.clone_state(pcb)?;
    check_eq!(other.read_register(RIP), pcb.read_register(RIP));
    Ok(())
}

fn timers_of_all_cpus(test: &mut Test) -> Verdict {
    let port: NotificationPort = test.make(0)?;
    let bell = test.mint(port, Rights::WRITE, 4)?;
    for cpu in 0..=test.far() {
        let deadline = ticks() + test.init().ticks_per_second / 50;
        Timer::slot(slot::TIMERS + cpu).arm(deadline, bell)?;
        check_eq!(port.wait(), Ok(4));
        check!(ticks() >= deadline);
    }
    Ok(())
}

fn forgets_the_timer_of_another_cpu(test: &mut Test) -> Verdict {
    let port: NotificationPort = test.make(0)?;
    let bell = test.mint(port, Rights::WRITE, 4)?;
    let timer = Timer::slot(slot::TIMERS + test.far());
    // Where the emulator stood still before it was cancelled, it may have rung.
    while {
        port.poll()?;
        let deadline = ticks() + test.init().ticks_per_second / 50;
        timer.arm(deadline, bell)?;
        timer.cancel()?;
        ticks() >= deadline
    } {}
    let end = ticks() + test.init().ticks_per_second / 25;
    test.share_until(|| ticks() > end)?;
    check_eq!(port.poll(), Ok(0));
    Ok(())
}

/// Removes the capability in a slot, and then says so.
extern "C" fn remove(argument: u64) -> ! {
    let [slot, cell] = unpack(argument);
    let removed = nun::Node::slot(nun::aci::slot::NODE).remove(slot);
    crate::cells::set(cell, outcome(removed.map(|()| 0)));
    park()
}

fn loses_its_space_in_its_own_call(test: &mut Test) -> Verdict {
    let space = test.space();
    let own = test.mint(space, Rights::all(), 0)?;
    let pcb = test.thread(remove, pack([index(own), 1]))?;
    pcb.configure_spaces(own, Descriptor::NULL, Descriptor::NULL)?;
    pcb.configure_schedule(USUAL.into(), test.far(), 0)?;
    pcb.resume()?;
    check!(wait_until(test, pcb, state::STOPPED)?);
    check_eq!((test.node().look(index(own))?.0, get(1)), (0, 0));
    check_refused!(pcb.resume(), Incomplete, Culprit::DESCRIPTOR);
    // In another one it goes on behind its call.
    pcb.configure_spaces(test.space(), Descriptor::NULL, Descriptor::NULL)?;
    pcb.resume()?;
    check!(wait_for(test, 1)? != 0);
    Ok(())
}

/// Signals a hundred times.
extern "C" fn ring(argument: u64) -> ! {
    let [bell, cell] = unpack(argument);
    for _ in 0..100 {
        if NotificationPort::slot(bell).notify().is_ok() {
            crate::cells::count(cell);
        }
    }
    park()
}

fn signals_of_several_add_up(test: &mut Test) -> Verdict {
    let port: NotificationPort = test.make(0)?;
    let (one, other) = (test.mint(port, Rights::WRITE, 1)?, test.mint(port, Rights::WRITE, 2)?);
    test.start_far(ring, pack([index(one), 1]))?;
    test.start_far(ring, pack([index(other), 2]))?;
    let mut seen = 0;
    while seen != 3 {
        seen |= port.wait()?;
    }
    check!(test.share_until(|| get(1) == 100 && get(2) == 100)?);
    // Whatever came since is there, and nothing else.
    check_eq!(port.poll()? & !3, 0);
    check_eq!(port.poll(), Ok(0));
    Ok(())
}

fn unexpected() -> Verdict {
    Err(Failure::new(file!(), line!(), format_args!("something else came")))
}
