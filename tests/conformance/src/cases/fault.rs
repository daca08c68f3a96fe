//! Faults, and what a resolver can do about them.

use a9n_cases::{Failure, READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use core::arch::x86_64::__cpuid_count;

use nun::mapped::Mapped;
use nun::{
    Access, Culprit, Error, Fault, FaultReason, IpcPort, Message, Pcb, Received, Reply,
    Verdict as Answer,
};

use crate::bodies;
use crate::cells::{self, get};
use crate::machine::*;
use crate::test::{Body, Test, park};

cases!("fault": names_what_happened, privileged_instructions, software_interrupts,
    vector_instructions, other_ways_into_the_kernel, addresses_without_memory,
    addresses_of_the_kernel, addresses_that_are_none, goes_on_after_a_repair,
    stops_at_the_resolver_s_word, goes_on_elsewhere, dropped_stays_stopped,
    outlives_its_resolver, without_resolver_stops, in_order_with_calls);

const RDI: u64 = 5;
const RIP: u64 = 16;
const STOPPED: u64 = 0;

fn address_of(body: Body) -> u64 {
    body as *const () as u64
}

/// The fault that `port` has.
fn next_fault(port: IpcPort) -> Result<Fault, Failure> {
    match port.try_receive()? {
        Received::Fault { process: 77, fault } => Ok(fault),
        other => Err(Failure::new(file!(), line!(), format_args!("received {other:?}"))),
    }
}

/// Checks that each of these, at its first instruction, is a fault of one kind.
fn check_all(test: &mut Test, reason: FaultReason, bodies: &[(&str, Body)]) -> Verdict {
    for (name, body) in bodies {
        let fault = test.fault_of(*body, 0)?;
        check_eq!((name, fault.reason), (name, Some(reason)));
        check_eq!((name, fault.instruction), (name, address_of(*body)));
    }
    Ok(())
}

fn names_what_happened(test: &mut Test) -> Verdict {
    check_all(test, FaultReason::InvalidInstruction, &[("ud2", undefined)])?;
    check_all(test, FaultReason::Division, &[("div", divide)])?;
    // A breakpoint and a step are reported behind the instruction.
    let fault = test.fault_of(breakpoint, 0)?;
    check_eq!(fault.reason, Some(FaultReason::Breakpoint));
    check_eq!(fault.instruction, address_of(breakpoint) + 1);
    check_eq!(test.fault_of(single_step, 0)?.reason, Some(FaultReason::Debug));
    Ok(())
}

fn privileged_instructions(test: &mut Test) -> Verdict {
    check_all(
        test,
        FaultReason::Protection,
        &[
            ("cli", disable_interrupts),
            ("sti", enable_interrupts),
            ("hlt", halt),
            ("mov from cr3", read_control),
            ("mov to cr3", write_control),
            ("mov from dr7", read_debug),
            ("rdmsr", read_machine),
            ("wrmsr", write_machine),
            ("in", read_port),
            ("out", write_port),
            ("lidt", load_interrupts),
            ("invlpg", flush),
            ("swapgs", exchange_base),
            ("sysret", system_return),
        ],
    )?;
    // An older CPU tells everybody where the table lies.
    const PREVENTS_STORES: u32 = 1 << 2;
    match __cpuid_count(7, 0).ecx & PREVENTS_STORES {
        0 => Ok(()),
        _ => check_all(test, FaultReason::Protection, &[("sidt", store_interrupts)]),
    }
}

fn software_interrupts(test: &mut Test) -> Verdict {
    check_all(
        test,
        FaultReason::Protection,
        &[
            ("int 0x80", interrupt_128),
            ("int 0x22", interrupt_device),
            ("int 8", interrupt_8),
            ("int 14", interrupt_14),
        ],
    )
}

fn vector_instructions(test: &mut Test) -> Verdict {
    let unavailable = FaultReason::VectorUnavailable;
    check_all(test, unavailable, &[("fld1", float), ("xorps", vector)])?;
    // Where the kernel did not turn it on, it is not even an instruction.
    let reason = test.fault_of(wide_vector, 0)?.reason;
    check!(reason == Some(unavailable) || reason == Some(FaultReason::InvalidInstruction));
    Ok(())
}

fn other_ways_into_the_kernel(test: &mut Test) -> Verdict {
    let reason = test.fault_of(system_enter, 0)?.reason;
    let refused = [Some(FaultReason::InvalidInstruction), Some(FaultReason::Protection)];
    check!(refused.contains(&reason));
    // There is no code segment but the own: none of 32 bits, and not the kernel's.
    for selector in (0..0x80).filter(|selector| selector | 3 != code_segment()) {
        let fault = test.fault_of(change_segment, selector)?;
        check_eq!((selector, fault.reason), (selector, Some(FaultReason::Protection)));
    }
    Ok(())
}

/// Checks that loading, storing and jumping there are page faults, reported in full.
fn check_page_faults(test: &mut Test, address: u64) -> Verdict {
    let ways = [(load as Body, Access::READ), (store, Access::WRITE), (jump, Access::EXECUTE)];
    for (body, tried) in ways {
        test.check_page_fault(body, address, tried)?;
    }
    Ok(())
}

fn addresses_without_memory(test: &mut Test) -> Verdict {
    for address in [0, 0x1000, 0x1f_fff8, 0x4000_0000, (1 << 47) - 0x1000] {
        check_page_faults(test, address)?;
    }
    Ok(())
}

fn addresses_of_the_kernel(test: &mut Test) -> Verdict {
    let kernel = 0xffff_ffff_8020_0000;
    for address in [kernel, kernel + 0x1_0000, 0xffff_8000_0000_0000, 0xffff_8000_0010_0000] {
        check_page_faults(test, address)?;
    }
    Ok(())
}

fn addresses_that_are_none(test: &mut Test) -> Verdict {
    for address in [1 << 47, 1 << 62, 0xffff_7fff_ffff_f000] {
        for body in [load as Body, store, jump] {
            check_eq!(test.fault_of(body, address)?.reason, Some(FaultReason::Protection));
        }
    }
    Ok(())
}

/// Reads a word at a page-aligned address of the workspace.
extern "C" fn read_word(address: u64) -> ! {
    cells::set(1, Mapped::in_workspace(address, 4096).read(8));
    park()
}

fn goes_on_after_a_repair(test: &mut Test) -> Verdict {
    let (frame, _, memory) = test.page(READ_WRITE)?;
    memory.write(8, 0x600d);
    let address = test.room(1);
    let (_, port) = test.start_watched(read_word, address)?;
    test.settle()?;
    let fault = next_fault(port)?;
    check_eq!(fault.address, address + 8);
    test.map_at(frame, address, 1, Access::READ)?;
    check_eq!(get(1), 0);
    Reply::OWED.reply(&Message::verdict(Answer::Resume))?;
    test.settle()?;
    check_eq!(get(1), 0x600d);
    Ok(())
}

/// A thread that stopped at an invalid instruction, and its resolver's port.
fn stopped_thread(test: &mut Test) -> Result<(Pcb, IpcPort), Failure> {
    let (pcb, port) = test.start_watched(undefined, 0)?;
    test.settle()?;
    Ok((pcb, port))
}

fn stops_at_the_resolver_s_word(test: &mut Test) -> Verdict {
    for answer in [Answer::Stop as u32, 99, u32::MAX] {
        let (pcb, port) = stopped_thread(test)?;
        next_fault(port)?;
        Reply::OWED.reply(&Message::new(answer, []))?;
        test.settle()?;
        check_eq!(pcb.information()?.2, STOPPED);
        check_eq!(pcb.read_register(RIP), Ok(address_of(undefined)));
        // Resumed, it does the same again.
        pcb.resume()?;
        test.settle()?;
        check_eq!(next_fault(port)?.instruction, address_of(undefined));
        Reply::OWED.reply(&Message::verdict(Answer::Stop))?;
    }
    Ok(())
}

fn goes_on_elsewhere(test: &mut Test) -> Verdict {
    let (pcb, port) = stopped_thread(test)?;
    next_fault(port)?;
    pcb.write_register(RIP, address_of(bodies::visit))?;
    pcb.write_register(RDI, 5)?;
    Reply::OWED.reply(&Message::verdict(Answer::ResumeWhole))?;
    test.settle()?;
    check_eq!(get(5), 1);
    Ok(())
}

fn dropped_stays_stopped(test: &mut Test) -> Verdict {
    let (pcb, port) = stopped_thread(test)?;
    let slot = test.slot();
    check!(matches!(port.receive_into(slot)?, Received::Fault { .. }));
    test.node().remove(slot)?;
    test.settle()?;
    visits_when_resumed(test, pcb)
}

fn outlives_its_resolver(test: &mut Test) -> Verdict {
    let (pcb, port) = stopped_thread(test)?;
    test.node().remove(index(port))?;
    visits_when_resumed(test, pcb)
}

/// The thread of `pcb` is stopped, and does something else when it is resumed.
fn visits_when_resumed(test: &mut Test, pcb: Pcb) -> Verdict {
    check_eq!(pcb.information()?.2, STOPPED);
    pcb.write_register(RIP, address_of(bodies::visit))?;
    pcb.write_register(RDI, 5)?;
    pcb.resume()?;
    test.settle()?;
    check_eq!(get(5), 1);
    Ok(())
}

/// The early console says so, which is the line before this case's.
fn without_resolver_stops(test: &mut Test) -> Verdict {
    let pcb = test.start(undefined, 0)?;
    test.settle()?;
    check_eq!(pcb.information()?.2, STOPPED);
    check_eq!(pcb.read_register(RIP), Ok(address_of(undefined)));
    Ok(())
}

fn in_order_with_calls(test: &mut Test) -> Verdict {
    let (_, port) = stopped_thread(test)?;
    test.start(bodies::call, crate::test::pack([index(port), 4, 1]))?;
    test.settle()?;
    next_fault(port)?;
    let next = port.reply_receive(&Message::verdict(Answer::Stop))?;
    check_eq!(next.message().map(Message::label), Some(3));
    let nothing: Result<Received, Error> = port.try_receive();
    check_refused!(nothing, WouldBlock, Culprit::DESCRIPTOR);
    Ok(())
}
