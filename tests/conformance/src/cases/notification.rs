//! Signals.

use a9n_cases::{Verdict, cases, check_eq, check_refused, index};
use nun::{
    Culprit, Descriptor, Error, IpcPort, Message, NotificationPort, Pcb, Reason, Received, Rights,
};

use crate::bodies;
use crate::cells::{FINE, get};
use crate::test::{Test, pack};

cases!("notification": collects_bits, wakes_a_waiter, waiters_in_order, without_bits_is_nothing,
    is_not_lost_between_waits, bound_ends_a_receive, bound_comes_before_messages,
    bound_is_also_polled, bound_to_one_process, unbound_with_its_process, dies_with_an_error);

/// A Notification Port under names that set bits 0 and 3.
fn signals(test: &mut Test) -> Result<[NotificationPort; 3], Error> {
    let port: NotificationPort = test.make(0)?;
    let low = test.mint(port, Rights::WRITE, 0b0001)?;
    let high = test.mint(port, Rights::WRITE, 0b1000)?;
    Ok([port, low, high])
}

fn collects_bits(test: &mut Test) -> Verdict {
    let [port, low, high] = signals(test)?;
    check_eq!(port.poll(), Ok(0));
    low.notify()?;
    low.notify()?;
    high.notify()?;
    check_eq!(port.poll(), Ok(0b1001));
    check_eq!(port.poll(), Ok(0));
    high.notify()?;
    check_eq!(port.wait(), Ok(0b1000));
    check_eq!(port.poll(), Ok(0));
    Ok(())
}

fn wakes_a_waiter(test: &mut Test) -> Verdict {
    let [port, low, high] = signals(test)?;
    test.start(bodies::wait, pack([index(port), 1]))?;
    test.settle()?;
    check_eq!(get(1), 0);
    high.notify()?;
    // That signal is taken already.
    low.notify()?;
    test.settle()?;
    check_eq!(get(1), FINE + 0b1000);
    check_eq!(port.poll(), Ok(1));
    Ok(())
}

fn waiters_in_order(test: &mut Test) -> Verdict {
    let [port, low, high] = signals(test)?;
    for cell in 1..=3 {
        test.start(bodies::wait, pack([index(port), cell]))?;
        test.settle()?;
    }
    low.notify()?;
    high.notify()?;
    test.settle()?;
    check_eq!([get(1), get(2), get(3)], [FINE + 1, FINE + 8, 0]);
    Ok(())
}

fn without_bits_is_nothing(test: &mut Test) -> Verdict {
    let [port, ..] = signals(test)?;
    test.start(bodies::wait, pack([index(port), 1]))?;
    test.settle()?;
    // The original has no identifier, so it sets nothing.
    port.notify()?;
    test.settle()?;
    check_eq!(get(1), 0);
    Ok(())
}

fn is_not_lost_between_waits(test: &mut Test) -> Verdict {
    let [port, low, _] = signals(test)?;
    test.start(bodies::notify, pack([index(low), 1]))?;
    // Init waits first; the thread runs only then.
    check_eq!(port.wait(), Ok(1));
    test.settle()?;
    check_eq!(get(1), FINE);
    Ok(())
}

fn bind(pcb: Pcb, port: NotificationPort) -> Result<(), Error> {
    pcb.configure_ports(Descriptor::NULL, port)
}

fn bound_ends_a_receive(test: &mut Test) -> Verdict {
    let [signal, low, _] = signals(test)?;
    let port: IpcPort = test.make(0)?;
    let pcb = test.thread(bodies::receive, pack([index(port), 1]))?;
    bind(pcb, signal)?;
    pcb.resume()?;
    test.settle()?;
    check_eq!(get(1), 0);
    low.notify()?;
    test.settle()?;
    check_eq!(get(1), FINE + 1);
    check_eq!(signal.poll(), Ok(0));
    // It does not stand in the port's queue any more.
    check_refused!(port.try_send(&Message::EMPTY), WouldBlock, Culprit::DESCRIPTOR);
    Ok(())
}

fn bound_comes_before_messages(test: &mut Test) -> Verdict {
    let [signal, _, high] = signals(test)?;
    let port: IpcPort = test.make(0)?;
    test.start(bodies::send, pack([index(port), 5, 1]))?;
    test.settle()?;
    bind(test.own_pcb(), signal)?;
    high.notify()?;
    check_eq!(port.receive()?, Received::Signals { bits: 8 });
    check_eq!(bodies::first_word(port.receive()), Ok(5));
    high.notify()?;
    check_eq!(port.try_receive()?, Received::Signals { bits: 8 });
    check_refused!(port.try_receive(), WouldBlock, Culprit::DESCRIPTOR);
    Ok(())
}

fn bound_is_also_polled(test: &mut Test) -> Verdict {
    let [signal, low, _] = signals(test)?;
    let port: IpcPort = test.make(0)?;
    bind(test.own_pcb(), signal)?;
    low.notify()?;
    check_eq!(signal.poll(), Ok(1));
    check_refused!(port.try_receive(), WouldBlock, Culprit::DESCRIPTOR);
    Ok(())
}

fn bound_to_one_process(test: &mut Test) -> Verdict {
    let [signal, ..] = signals(test)?;
    let one = test.thread(bodies::visit, 1)?;
    let two = test.thread(bodies::visit, 1)?;
    bind(one, signal)?;
    check_refused!(bind(two, signal), Busy, 2);
    bind(one, signal)?;
    check_refused!(bind(two, NotificationPort::at(one.into())), InvalidDescriptor, 2);
    Ok(())
}

fn unbound_with_its_process(test: &mut Test) -> Verdict {
    let [signal, low, _] = signals(test)?;
    let one = test.thread(bodies::visit, 1)?;
    bind(one, signal)?;
    test.node().remove(index(one))?;
    low.notify()?;
    check_eq!(signal.poll(), Ok(1));
    let two = test.thread(bodies::visit, 1)?;
    check_eq!(bind(two, signal), Ok(()));
    Ok(())
}

fn dies_with_an_error(test: &mut Test) -> Verdict {
    let [signal, ..] = signals(test)?;
    test.start(bodies::wait, pack([index(signal), 1]))?;
    test.start(bodies::wait, pack([index(signal), 2]))?;
    test.settle()?;
    test.node().remove(index(signal))?;
    test.settle()?;
    let died = u64::from(Error::new(Reason::PartnerDied, Culprit::OTHER).to_label());
    check_eq!([get(1), get(2)], [died; 2]);
    Ok(())
}
