//! Who runs when.

use a9n_cases::{Verdict, cases, check, check_eq, index};
use nun::{Error, IpcPort, Message, NotificationPort, Rights, yield_now};

use crate::bodies;
use crate::cells::{count, get, set};
use crate::test::{Test, USUAL, pack, park, unpack};

cases!("schedule": higher_priority_first, equals_in_turn, equals_share_by_the_timer,
    a_woken_higher_one_runs_at_once, a_lower_one_waits, yield_is_for_equals,
    a_new_priority_counts, a_call_lends_its_priority,
    priority_comes_back_with_the_reply);

/// Notes in a cell when it came to run, counted in cell 0.
extern "C" fn come(argument: u64) -> ! {
    let [cell] = unpack(argument);
    set(cell, count(0) + 1);
    park()
}

fn start_at(
    test: &mut Test,
    priority: u64,
    body: crate::test::Body,
    argument: u64,
) -> Result<nun::Pcb, Error> {
    let pcb = test.thread(body, argument)?;
    pcb.configure_schedule(priority, 0, 0)?;
    pcb.resume()?;
    Ok(pcb)
}

/// Keeps the CPU busy for a part of a second.
fn spin(test: &Test, part: u64) {
    let end = nun::ticks() + test.init().ticks_per_second / part;
    while nun::ticks() < end {}
}

fn higher_priority_first(test: &mut Test) -> Verdict {
    for (cell, priority) in [(1, 50), (2, 200), (3, 0), (4, 64), (5, 63)] {
        start_at(test, priority.max(1), come, cell)?;
    }
    test.settle()?;
    check_eq!([1, 2, 3, 4, 5].map(get), [4, 1, 5, 2, 3]);
    Ok(())
}

fn equals_in_turn(test: &mut Test) -> Verdict {
    for cell in 1..=4 {
        start_at(test, 50, come, cell)?;
    }
    test.settle()?;
    check_eq!([1, 2, 3, 4].map(get), [1, 2, 3, 4]);
    Ok(())
}

fn equals_share_by_the_timer(test: &mut Test) -> Verdict {
    for cell in [1, 2] {
        start_at(test, USUAL.into(), bodies::spin, cell)?;
    }
    // Neither of the three ever yields, and each gets its turn again and again.
    for _ in 0..3 {
        let (one, two) = (get(1), get(2));
        check!(test.share_until(|| get(1) > one && get(2) > two)?);
    }
    Ok(())
}

fn a_woken_higher_one_runs_at_once(test: &mut Test) -> Verdict {
    let signal: NotificationPort = test.make(0)?;
    let bell = test.mint(signal, Rights::WRITE, 1)?;
    start_at(test, 60, bodies::wait, pack([index(signal), 1]))?;
    start_at(test, 50, bodies::spin, 2)?;
    test.set_priority(50)?;
    while get(2) == 0 {}
    // A spinning equal does not delay it, nor does init, which signals.
    bell.notify()?;
    check!(get(1) != 0);
    Ok(())
}

fn a_lower_one_waits(test: &mut Test) -> Verdict {
    start_at(test, 50, bodies::spin, 1)?;
    test.set_priority(51)?;
    spin(test, 20);
    yield_now()?;
    check_eq!(get(1), 0);
    Ok(())
}

fn yield_is_for_equals(test: &mut Test) -> Verdict {
    start_at(test, 50, bodies::visit, 1)?;
    start_at(test, 49, bodies::visit, 2)?;
    test.set_priority(50)?;
    yield_now()?;
    yield_now()?;
    check_eq!([get(1), get(2)], [1, 0]);
    Ok(())
}

fn a_new_priority_counts(test: &mut Test) -> Verdict {
    let first = start_at(test, 50, come, 1)?;
    start_at(test, 60, come, 2)?;
    first.configure_schedule(70, 0, 0)?;
    test.settle()?;
    check_eq!([get(1), get(2)], [1, 2]);
    Ok(())
}

fn a_call_lends_its_priority(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    start_at(test, 10, bodies::echo, pack([index(port), 1]))?;
    test.settle()?;
    start_at(test, USUAL.into(), bodies::visit, 2)?;
    // The server runs on what init lends it, before a visitor of higher priority than its own.
    port.call(&Message::new(0, [1]))?;
    check_eq!(get(2), 0);
    // The same on the general path.
    port.call(&Message::long(0, &[1; 20]))?;
    check_eq!(get(2), 0);
    test.settle()?;
    check_eq!(get(2), 1);
    Ok(())
}

fn priority_comes_back_with_the_reply(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    start_at(test, 200, bodies::echo, pack([index(port), 1]))?;
    test.settle()?;
    start_at(test, 50, bodies::visit, 2)?;
    test.set_priority(51)?;
    port.call(&Message::EMPTY)?;
    yield_now()?;
    check_eq!(get(2), 0);
    test.set_priority(50)?;
    yield_now()?;
    check_eq!(get(2), 1);
    Ok(())
}
