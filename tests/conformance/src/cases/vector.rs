//! Extended state of processes: FPU and SIMD.

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::{Culprit, Descriptor, IpcPort, Pcb, Received, Rights, VectorState};

use crate::bodies;
use crate::machine::{
    call_with_vector, keep_vector, read_vector, receive_then_vector, serve_with_vector, vector,
};
use crate::test::{Test, pack};

cases!("vector": is_each_ones_own, starts_clean, survives_preemption, faults_without_state,
    is_kept_beside_strangers, follows_calls, hides_from_who_serves, belongs_to_one_process, gone_with_its_state);

/// A thread with a Vector State of its own, which faults to `port`.
pub(super) fn owner(
    test: &mut Test,
    body: crate::test::Body,
    argument: u64,
    port: IpcPort,
) -> Result<(Pcb, VectorState), nun::Error> {
    let pcb = test.thread(body, argument)?;
    let state: VectorState = test.make(0)?;
    pcb.configure_vector(state)?;
    let resolver = test.mint(port, Rights::WRITE, 77)?;
    pcb.configure_ports(resolver, Descriptor::NULL)?;
    pcb.resume()?;
    Ok((pcb, state))
}

/// Each thread holds a value in a vector register, yields many times, and stores it.
fn is_each_ones_own(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    for number in 1..=3 {
        memory.write(64 * number, 0x1111 * number as u64);
        owner(test, keep_vector, memory.address() + 64 * number as u64, port)?;
    }
    test.settle()?;
    for number in 1..=3 {
        check_eq!(memory.read(64 * number + 8), 0x1111 * number as u64);
    }
    check!(port.try_receive().is_err());
    Ok(())
}

/// A new owner sees nothing of another's registers.
fn starts_clean(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    memory.write(64, 0x5ec2e7);
    memory.write(128 + 8, u64::MAX);
    owner(test, keep_vector, memory.address() + 64, port)?;
    owner(test, read_vector, memory.address() + 128, port)?;
    test.settle()?;
    check_eq!(memory.read(64 + 8), 0x5ec2e7);
    check_eq!(memory.read(128 + 8), 0);
    Ok(())
}

/// Threads that never yield are preempted by the timer.
fn survives_preemption(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    for number in 1..=3 {
        memory.write(64 * number, 0x2222 * number as u64);
        let place = memory.address() + 64 * number as u64;
        owner(test, crate::machine::watch_vector, place, port)?;
    }
    for _ in 0..4 {
        let counts = || [1, 2, 3].map(|number| memory.read(64 * number + 16));
        let before = counts();
        let all_ran = || counts().iter().zip(before).all(|(count, before)| *count > before);
        check!(test.share_until(all_ran)?);
    }
    check!(port.try_receive().is_err());
    Ok(())
}

/// From nobody to nobody, and from an owner to nobody: the unit is off.
fn faults_without_state(test: &mut Test) -> Verdict {
    let unavailable = Some(nun::FaultReason::VectorUnavailable);
    check_eq!(test.fault_of(vector, 0)?.reason, unavailable);
    check_eq!(test.fault_of(vector, 0)?.reason, unavailable);
    let port: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    memory.write(64, 0x3333);
    owner(test, keep_vector, memory.address() + 64, port)?;
    // The owner yields to it.
    check_eq!(test.fault_of(vector, 0)?.reason, unavailable);
    check_eq!(memory.read(64 + 8), 0x3333);
    check!(port.try_receive().is_err());
    Ok(())
}

/// From nobody to an owner, who shares the CPU with threads that have no state.
fn is_kept_beside_strangers(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    memory.write(64, 0x4444);
    owner(test, keep_vector, memory.address() + 64, port)?;
    for _ in 0..2 {
        test.start(crate::bodies::spin_politely, 0)?;
    }
    check!(test.share_until(|| memory.read(64 + 8) != 0)?);
    check_eq!(memory.read(64 + 8), 0x4444);
    Ok(())
}

/// The four combinations of callers and servers with and without states.
fn follows_calls(test: &mut Test) -> Verdict {
    let faults: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    let place = |number: usize| memory.address() + 64 * number as u64;
    for (number, server_owns) in [(2, false), (4, true)] {
        let port: IpcPort = test.make(0)?;
        for index_of in [number, number + 1] {
            memory.write(64 * index_of, 0x5555 * index_of as u64);
            memory.write(64 * index_of + 16, index(port));
        }
        if server_owns {
            owner(test, serve_with_vector, place(number), faults)?;
        } else {
            test.start(bodies::echo, pack([index(port), 1]))?;
        }
        test.settle()?;
        owner(test, call_with_vector, place(number + 1), faults)?;
        test.start(bodies::call, pack([index(port), 9, 2]))?;
        test.settle()?;
        check_eq!(memory.read(64 * (number + 1) + 8), 0x5555 * (number + 1) as u64);
        if server_owns {
            check_eq!(memory.read(64 * number + 8), 11);
        }
    }
    check!(faults.try_receive().is_err());
    Ok(())
}

/// A server without state cannot look at what its caller has in the unit.
fn hides_from_who_serves(test: &mut Test) -> Verdict {
    let (faults, port): (IpcPort, IpcPort) = (test.make(0)?, test.make(0)?);
    let (_, _, memory) = test.page(READ_WRITE)?;
    memory.write(64, 0x6666);
    memory.write(64 + 16, index(port));
    let server = test.thread(receive_then_vector, index(port))?;
    let resolver = test.mint(faults, Rights::WRITE, 78)?;
    server.configure_ports(resolver, Descriptor::NULL)?;
    server.resume()?;
    test.settle()?;
    owner(test, call_with_vector, memory.address() + 64, faults)?;
    test.settle()?;
    let Received::Fault { process, fault, .. } = faults.try_receive()? else {
        check!(false);
        return Ok(());
    };
    check_eq!((process, fault.reason), (78, Some(nun::FaultReason::VectorUnavailable)));
    Ok(())
}

fn belongs_to_one_process(test: &mut Test) -> Verdict {
    let (one, two): (Pcb, Pcb) = (test.make(0)?, test.make(0)?);
    let state: VectorState = test.make(0)?;
    one.configure_vector(state)?;
    check_refused!(two.configure_vector(state), Busy, 1);
    check_refused!(two.configure_vector(one), InvalidDescriptor, 1);
    let running = test.own_pcb().configure_vector(state);
    check_refused!(running, Busy, Culprit::DESCRIPTOR);
    test.node().remove(index(one))?;
    check_eq!(two.configure_vector(state), Ok(()));
    Ok(())
}

fn gone_with_its_state(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let (_, _, memory) = test.page(READ_WRITE)?;
    memory.write(64, 1);
    let (_, state) = owner(test, crate::machine::watch_vector, memory.address() + 64, port)?;
    check!(test.share_until(|| memory.read(64 + 16) > 0)?);
    test.node().remove(index(state))?;
    test.settle()?;
    let received = port.try_receive()?;
    let Received::Fault { fault, .. } = received else {
        check_eq!(Some(received), None);
        return Ok(());
    };
    check_eq!(fault.reason, Some(nun::FaultReason::VectorUnavailable));
    Ok(())
}
