//! Alarms, and a CPU that has nothing to do.

use a9n_cases::{Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::init::slot;
use nun::{Descriptor, IpcPort, NotificationPort, Received, Rights, Timer, ticks};

use crate::cells::get;
use crate::machine::breakpoint;
use crate::test::{Test, USUAL};

cases!("timer": wakes_an_idle_cpu, rings_while_others_run, past_deadlines_ring_at_once,
    forgets_what_was_cancelled, the_last_alarm_counts, ends_a_receive, checks_its_signal,
    idles_with_everybody_stopped);

const TIMER: Timer = Timer::slot(slot::TIMERS);

/// A Notification Port, and the name under which the timer signals bit 2.
fn alarm(test: &mut Test) -> Result<(NotificationPort, NotificationPort), nun::Error> {
    let port: NotificationPort = test.make(0)?;
    let bell = test.mint(port, Rights::WRITE, 4)?;
    Ok((port, bell))
}

/// A part of a second in ticks.
fn part(test: &Test, of_a_second: u64) -> u64 {
    test.init().ticks_per_second / of_a_second
}

fn wakes_an_idle_cpu(test: &mut Test) -> Verdict {
    let (port, bell) = alarm(test)?;
    for _ in 0..3 {
        let deadline = ticks() + part(test, 50);
        TIMER.arm(deadline, bell)?;
        check_eq!(port.wait(), Ok(4));
        check!(ticks() >= deadline);
    }
    // Once is once.
    check_eq!(port.poll(), Ok(0));
    Ok(())
}

fn rings_while_others_run(test: &mut Test) -> Verdict {
    let (port, bell) = alarm(test)?;
    test.start(crate::bodies::spin, 1)?;
    let (soon, mut late, mut tries) = (part(test, 250), u64::MAX, 0);
    while late >= soon && tries < 500 {
        // The spinner has just begun a quantum of a hundredth second then.
        let deadline = ticks() + part(test, 1000);
        TIMER.arm(deadline, bell)?;
        check_eq!(port.wait(), Ok(4));
        (late, tries) = (ticks() - deadline, tries + 1);
    }
    check!(get(1) > 0);
    // Init comes before the spinner, so it does not wait for the end of that. (An emulator on a busy machine is
    // late more often than not, hence so many tries.)
    check!(late < soon);
    Ok(())
}

fn past_deadlines_ring_at_once(test: &mut Test) -> Verdict {
    let (port, bell) = alarm(test)?;
    for deadline in [0, 1, ticks()] {
        TIMER.arm(deadline, bell)?;
        check_eq!(port.wait(), Ok(4));
    }
    Ok(())
}

fn forgets_what_was_cancelled(test: &mut Test) -> Verdict {
    let (port, bell) = alarm(test)?;
    // Where the emulator stood still before it was cancelled, it may have rung.
    while {
        port.poll()?;
        let deadline = ticks() + part(test, 100);
        TIMER.arm(deadline, bell)?;
        TIMER.cancel()?;
        ticks() >= deadline
    } {}
    let end = ticks() + part(test, 30);
    while ticks() < end {
        nun::yield_now()?;
    }
    check_eq!(port.poll(), Ok(0));
    Ok(())
}

fn the_last_alarm_counts(test: &mut Test) -> Verdict {
    let (first, first_bell) = alarm(test)?;
    let (second, second_bell) = alarm(test)?;
    // Where the emulator stood still in between, the first may have rung.
    while {
        first.poll()?;
        let early = ticks() + part(test, 200);
        TIMER.arm(early, first_bell)?;
        TIMER.arm(ticks() + part(test, 50), second_bell)?;
        ticks() >= early
    } {}
    check_eq!(second.wait(), Ok(4));
    check_eq!(first.poll(), Ok(0));
    Ok(())
}

fn ends_a_receive(test: &mut Test) -> Verdict {
    let (port, bell) = alarm(test)?;
    let door: IpcPort = test.make(0)?;
    test.own_pcb().configure_ports(Descriptor::NULL, port)?;
    TIMER.arm(ticks() + part(test, 100), bell)?;
    check_eq!(door.receive(), Ok(Received::Signals { bits: 4 }));
    Ok(())
}

fn checks_its_signal(test: &mut Test) -> Verdict {
    let (port, _) = alarm(test)?;
    let deaf = test.mint(port, Rights::READ, 1)?;
    check_refused!(TIMER.arm(0, deaf), PermissionDenied, 2);
    check_refused!(TIMER.arm(0, test.node()), InvalidDescriptor, 2);
    check_refused!(TIMER.arm(0, Descriptor::NULL), InvalidDescriptor, 2);
    // A signal that is gone rings nobody.
    TIMER.arm(ticks() + part(test, 100), port)?;
    test.node().remove(index(port))?;
    let end = ticks() + part(test, 50);
    while ticks() < end {}
    Ok(())
}

/// The process that ran last before the CPU idles is gone when it wakes.
fn idles_with_everybody_stopped(test: &mut Test) -> Verdict {
    let (port, bell) = alarm(test)?;
    let (stopped, faults) = test.start_watched(breakpoint, 0)?;
    TIMER.arm(ticks() + part(test, 50), bell)?;
    check_eq!(port.wait(), Ok(4));
    check!(faults.try_receive().is_ok());
    test.node().remove(index(stopped))?;
    test.set_priority(USUAL.into())?;
    TIMER.arm(ticks() + part(test, 50), bell)?;
    check_eq!(port.wait(), Ok(4));
    Ok(())
}
