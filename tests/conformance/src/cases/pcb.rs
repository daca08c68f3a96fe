//! Processes: configuring, starting, stopping and looking at them.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::{
    Access, AddressSpace, Culprit, Descriptor, Error, Fault, FaultReason, IpcPort, Message,
    NotificationPort, Pcb, Reason, Received, Reply, Rights, Verdict as Answer,
};

use crate::bodies;
use crate::cells::{FINE, get};
use crate::machine::{NAMES, dump_registers, dumped, foreign_call, undefined};
use crate::test::{Test, USUAL, pack};

cases!("pcb": starts_with_its_registers, privileged_flags_are_masked, bad_registers_are_refused,
    registers_only_when_stopped, clones_registers, bad_entries_are_refused,
    priority_has_a_limit, schedule_is_checked, spaces_are_checked, needs_an_address_space,
    runs_once, suspends_and_goes_on, suspends_what_waits, cancels_what_waits,
    cancels_nothing_else, interrupts, foreign_calls_go_to_the_resolver,
    runs_in_its_own_space, stops_without_its_space, tells_time_and_priority);

const RSP: u64 = 7;
const RIP: u64 = 16;
const FLAGS: u64 = 17;
const FS_BASE: u64 = 18;
const GS_BASE: u64 = 19;

/// What a cancelled operation answers.
const CANCELLED: Error = Error::new(Reason::Cancelled, Culprit::OTHER);

/// A state, as `suspend` and `information` tell it.
mod state {
    pub const STOPPED: u64 = 0;
    pub const READY: u64 = 1;
    pub const RUNNING: u64 = 2;
    pub const RECEIVING: u64 = 5;
}

fn starts_with_its_registers(test: &mut Test) -> Verdict {
    let pcb = test.thread(dump_registers, 0)?;
    let stack = pcb.read_register(RSP)?;
    let value = |number: u64| if number == RSP { stack } else { 0xa9a9_0000_0000 + number };
    for number in 0..16 {
        pcb.write_register(number, value(number))?;
        check_eq!(pcb.read_register(number), Ok(value(number)));
    }
    pcb.resume()?;
    test.settle()?;
    for (number, seen) in dumped().into_iter().enumerate() {
        check_eq!((NAMES[number], seen), (NAMES[number], value(number as u64)));
    }
    Ok(())
}

fn privileged_flags_are_masked(test: &mut Test) -> Verdict {
    const INTERRUPTS: u64 = 1 << 9;
    const PRIVILEGED: u64 = 3 << 12 | 1 << 14 | 1 << 17 | 1 << 19 | 1 << 20;
    let pcb = test.thread(bodies::visit, 1)?;
    for flags in [u64::MAX, 0, PRIVILEGED] {
        pcb.write_register(FLAGS, flags)?;
        let flags = pcb.read_register(FLAGS)?;
        check_eq!(flags & (PRIVILEGED | INTERRUPTS), INTERRUPTS);
        check_eq!(flags >> 22, 0);
    }
    Ok(())
}

fn bad_registers_are_refused(test: &mut Test) -> Verdict {
    let pcb = test.thread(bodies::visit, 1)?;
    let entry = pcb.read_register(RIP)?;
    for address in [1 << 47, (1 << 47) - 1, 1 << 63, 0xffff_8000_0000_0000, u64::MAX] {
        // The last user page holds no instruction, because of what follows it.
        if address != (1 << 47) - 1 {
            check_refused!(pcb.write_register(RIP, address), InvalidArgument, 2);
        }
        if address >= 1 << 47 {
            check_refused!(pcb.write_register(FS_BASE, address), InvalidArgument, 2);
            check_refused!(pcb.write_register(GS_BASE, address), InvalidArgument, 2);
        }
    }
    check_eq!(pcb.read_register(RIP), Ok(entry));
    for register in [20, 64, 1 << 32, u64::MAX] {
        check_refused!(pcb.read_register(register), InvalidArgument, 1);
        check_refused!(pcb.write_register(register, 0), InvalidArgument, 1);
    }
    Ok(())
}

fn registers_only_when_stopped(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let ready = test.start(bodies::spin, 1)?;
    let waiting = test.start(bodies::receive, pack([index(port), 2]))?;
    check_refused!(ready.read_register(0), Busy, Culprit::DESCRIPTOR);
    check_refused!(ready.write_register(0, 0), Busy, Culprit::DESCRIPTOR);
    ready.suspend()?;
    test.settle()?;
    check_refused!(waiting.read_register(0), Busy, Culprit::DESCRIPTOR);
    check_refused!(waiting.configure_entry(0, 0, 0, 0), Busy, Culprit::DESCRIPTOR);
    check_refused!(test.own_pcb().read_register(0), Busy, Culprit::DESCRIPTOR);
    let spaces = waiting.configure_spaces(test.space(), test.node(), Descriptor::NULL);
    check_refused!(spaces, Busy, Culprit::DESCRIPTOR);
    Ok(())
}

fn clones_registers(test: &mut Test) -> Verdict {
    let (source, clone) = (test.thread(dump_registers, 1)?, test.thread(bodies::visit, 2)?);
    for number in (0..16).filter(|number| *number != RSP) {
        source.write_register(number, 0x5000 + number)?;
    }
    clone.clone_state(source)?;
    clone.resume()?;
    test.settle()?;
    check_eq!((dumped()[0], dumped()[15]), (0x5000, 0x500f));
    check_eq!(get(2), 0);
    check_refused!(source.clone_state(test.node()), InvalidDescriptor, 1);
    // The clone waits where threads end, so it has no state to give.
    check_refused!(source.clone_state(clone), Busy, 1);
    Ok(())
}

fn bad_entries_are_refused(test: &mut Test) -> Verdict {
    let pcb = test.thread(bodies::visit, 1)?;
    for address in [1 << 47, 0xffff_8000_0000_0000, u64::MAX] {
        check_refused!(pcb.configure_entry(address, 0, 0, 0), InvalidArgument, 1);
        check_refused!(pcb.configure_entry(0, address, 0, 0), InvalidArgument, 2);
        check_refused!(pcb.configure_entry(0, 0, address, 0), InvalidArgument, 3);
    }
    // Nothing of that was done by halves.
    pcb.resume()?;
    test.settle()?;
    check_eq!(get(1), 1);
    Ok(())
}

fn priority_has_a_limit(test: &mut Test) -> Verdict {
    let pcb: Pcb = test.make(0)?;
    let limited = test.mint(pcb, Rights::all(), 0)?;
    limited.limit_priority(50)?;
    check_refused!(limited.configure_schedule(51, 0, 0), InvalidArgument, 1);
    check_refused!(limited.limit_priority(51), InvalidArgument, 1);
    check_eq!(limited.configure_schedule(50, 0, 0), Ok(()));
    let derived = test.mint(limited, Rights::all(), 0)?;
    check_refused!(derived.configure_schedule(51, 0, 0), InvalidArgument, 1);
    // The capability is limited, not the process.
    check_eq!(pcb.configure_schedule(51, 0, 0), Ok(()));
    Ok(())
}

fn schedule_is_checked(test: &mut Test) -> Verdict {
    let pcb: Pcb = test.make(0)?;
    check_refused!(pcb.configure_schedule(256, 0, 0), InvalidArgument, 1);
    check_refused!(pcb.configure_schedule(u64::MAX, 0, 0), InvalidArgument, 1);
    check_refused!(pcb.configure_schedule(1, 999, 0), InvalidArgument, 2);
    check_refused!(pcb.configure_schedule(1, 0, 2), InvalidArgument, 3);
    for parts in [0, 1025, u64::MAX] {
        check_refused!(pcb.configure_turn(parts), InvalidArgument, 1);
    }
    Ok(())
}

fn spaces_are_checked(test: &mut Test) -> Verdict {
    let pcb: Pcb = test.make(0)?;
    let (space, node, null) = (test.space(), test.node(), Descriptor::NULL);
    check_refused!(pcb.configure_spaces(node, null, null), InvalidDescriptor, 1);
    check_refused!(pcb.configure_spaces(null, space, null), InvalidDescriptor, 2);
    check_refused!(pcb.configure_spaces(null, null, space), InvalidDescriptor, 3);
    check_refused!(pcb.configure_ports(node, null), InvalidDescriptor, 1);
    check_refused!(pcb.configure_ports(null, node), InvalidDescriptor, 2);
    let port: IpcPort = test.make(0)?;
    let deaf = test.mint(port, Rights::READ | Rights::COPY, 0)?;
    check_refused!(pcb.configure_ports(deaf, null), PermissionDenied, 1);
    Ok(())
}

fn needs_an_address_space(test: &mut Test) -> Verdict {
    let pcb: Pcb = test.make(0)?;
    check_refused!(pcb.resume(), Incomplete, Culprit::DESCRIPTOR);
    Ok(())
}

fn runs_once(test: &mut Test) -> Verdict {
    let pcb = test.start(bodies::visit, 1)?;
    check_refused!(pcb.resume(), Busy, Culprit::DESCRIPTOR);
    test.settle()?;
    check_eq!(get(1), 1);
    check_refused!(pcb.resume(), Busy, Culprit::DESCRIPTOR);
    check_refused!(test.own_pcb().resume(), Busy, Culprit::DESCRIPTOR);
    Ok(())
}

fn suspends_and_goes_on(test: &mut Test) -> Verdict {
    let pcb = test.start(bodies::spin_politely, 1)?;
    let let_run = |test: &Test| {
        test.set_priority(USUAL.into())?;
        (0..10).try_for_each(|_| nun::yield_now())
    };
    let_run(test)?;
    let seen = get(1);
    check!(seen > 0);
    check_eq!(pcb.suspend(), Ok(state::READY));
    check_eq!(pcb.suspend(), Ok(state::STOPPED));
    let_run(test)?;
    check_eq!(get(1), seen);
    pcb.resume()?;
    let_run(test)?;
    check!(get(1) > seen);
    Ok(())
}

fn suspends_what_waits(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let pcb = test.start(bodies::receive, pack([index(port), 1]))?;
    test.settle()?;
    check_eq!(pcb.suspend(), Ok(state::RECEIVING));
    check_refused!(port.try_send(&Message::EMPTY), WouldBlock, Culprit::DESCRIPTOR);
    pcb.resume()?;
    test.settle()?;
    check_eq!(get(1), u64::from(CANCELLED.to_label()));
    Ok(())
}

fn cancels_what_waits(test: &mut Test) -> Verdict {
    let (full, idle): (IpcPort, IpcPort) = (test.make(0)?, test.make(0)?);
    let accepted: IpcPort = test.make(0)?;
    let signal: NotificationPort = test.make(0)?;
    let threads = [
        test.start(bodies::send, pack([index(full), 1, 1]))?,
        test.start(bodies::call, pack([index(full), 1, 2]))?,
        test.start(bodies::receive, pack([index(idle), 3]))?,
        test.start(bodies::wait, pack([index(signal), 4]))?,
        test.start(bodies::call, pack([index(accepted), 1, 5]))?,
    ];
    test.settle()?;
    accepted.receive()?;
    for pcb in threads {
        pcb.cancel()?;
    }
    test.settle()?;
    for cell in 1..=5 {
        check_eq!((cell, get(cell)), (cell, u64::from(CANCELLED.to_label())));
    }
    check!(Reply::OWED.reply(&Message::EMPTY).is_err());
    check_refused!(full.try_receive(), WouldBlock, Culprit::DESCRIPTOR);
    check_refused!(idle.try_send(&Message::EMPTY), WouldBlock, Culprit::DESCRIPTOR);
    Ok(())
}

fn cancels_nothing_else(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let pcb = test.start(bodies::receive, pack([index(port), 1]))?;
    pcb.cancel()?;
    test.settle()?;
    check_eq!(get(1), 0);
    port.send(&Message::new(0, [2]))?;
    test.settle()?;
    check_eq!(get(1), FINE + 2);
    Ok(())
}

fn interrupts(test: &mut Test) -> Verdict {
    let (pcb, port) = test.start_watched(bodies::spin_politely, 1)?;
    test.set_priority(USUAL.into())?;
    nun::yield_now()?;
    let seen = get(1);
    check!(seen > 0);
    pcb.interrupt()?;
    let Received::Stopped { process: 77, instruction } = port.receive()? else {
        return Err(Failure::new(file!(), line!(), format_args!("not stopped")));
    };
    check_eq!(pcb.read_register(RIP), Ok(instruction));
    Reply::OWED.reply(&Message::verdict(Answer::Resume))?;
    for _ in 0..10 {
        nun::yield_now()?;
    }
    check!(get(1) > seen);
    Ok(())
}

fn foreign_calls_go_to_the_resolver(test: &mut Test) -> Verdict {
    let (_, _, memory) = test.page(READ_WRITE)?;
    let port: IpcPort = test.make(0)?;
    let resolver = test.mint(port, Rights::WRITE, 77)?;
    let pcb = test.thread(foreign_call, memory.address())?;
    pcb.configure_ports(resolver, Descriptor::NULL)?;
    pcb.configure_schedule(USUAL.into(), 0, 1)?;
    pcb.resume()?;
    let arguments = [1, 2, 3, 4, 5, 6];
    check_eq!(port.receive()?, Received::ForeignCall { process: 77, number: 39, arguments });
    // The result, and then its next call: that of its end.
    let next = port.reply_receive(&Message::new(Answer::Resume as u32, [0x7777]))?;
    check!(matches!(next, Received::ForeignCall { process: 77, .. }));
    check_eq!(memory.read(0), 0x7777);
    Reply::OWED.reply(&Message::verdict(Answer::Stop))?;
    check_eq!(pcb.information()?.2, state::STOPPED);
    Ok(())
}

fn runs_in_its_own_space(test: &mut Test) -> Verdict {
    let space: AddressSpace = test.make(0)?;
    let port: IpcPort = test.make(0)?;
    let resolver = test.mint(port, Rights::WRITE, 77)?;
    let pcb = test.thread(undefined, 0)?;
    pcb.configure_spaces(space, Descriptor::NULL, Descriptor::NULL)?;
    pcb.configure_ports(resolver, Descriptor::NULL)?;
    pcb.resume()?;
    test.settle()?;
    // Nothing is mapped there, not even its first instruction.
    let address = undefined as *const () as u64;
    let code = Access::EXECUTE.bits();
    let reason = Some(FaultReason::Page);
    let fault = Fault { reason, instruction: address, address, code };
    check_eq!(port.try_receive()?, Received::Fault { process: 77, fault });
    Ok(())
}

fn stops_without_its_space(test: &mut Test) -> Verdict {
    let space: AddressSpace = test.make(0)?;
    let pcb = test.thread(bodies::visit, 1)?;
    pcb.configure_spaces(space, Descriptor::NULL, Descriptor::NULL)?;
    pcb.resume()?;
    test.node().remove(index(space))?;
    test.settle()?;
    check_eq!(pcb.information()?.2, state::STOPPED);
    check_refused!(pcb.resume(), Incomplete, Culprit::DESCRIPTOR);
    Ok(())
}

fn tells_time_and_priority(test: &mut Test) -> Verdict {
    let pcb = test.start(bodies::spin_politely, 1)?;
    check_eq!(pcb.information()?.0, 0);
    test.set_priority(USUAL.into())?;
    nun::yield_now()?;
    let (time, _, phase, priority) = pcb.information()?;
    check!(time > 0);
    check_eq!((phase, priority), (state::READY, USUAL.into()));
    check_eq!(test.own_pcb().information()?.2, state::RUNNING);
    Ok(())
}
