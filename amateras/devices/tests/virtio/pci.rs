//! What a guest finds on the bus, and how its devices interrupt.

use crate::machine::{
    DESCRIPTORS, EVENTS, INTERRUPT_STATUS, Machine, NEEDS_RESET, VERSION_1, WRITE,
};
use amateras_devices::Place;
use amateras_devices::virtio::{Entropy, Message};

fn machine() -> Machine {
    Machine::new(Entropy::description())
}

/// One whose driver runs, and has one buffer of 16 bytes available.
fn asking() -> Machine {
    let mut it = Machine::running(Entropy::description(), 0);
    it.describe(DESCRIPTORS, 3, 0x8000, 16, (WRITE, 0));
    it.offer(3);
    it
}

fn serve(it: &mut Machine) {
    let (transport, memory) = it.device();
    assert!(Entropy::serve::<8>(transport, memory, |bytes| {
        bytes.fill(7);
        bytes.len()
    }));
    it.get(0x14, 1);
}

/// Where the capabilities are: each with its number.
fn capabilities(it: &mut Machine) -> Vec<(u16, u32)> {
    let mut next = it.configuration(0x34, 1) as u16;
    let mut found = vec![];
    while next != 0 {
        found.push((next, it.configuration(next, 1)));
        next = it.configuration(next + 1, 1) as u16;
    }
    found
}

#[test]
fn the_bus_has_a_bridge_the_device_and_nothing_else() {
    let mut it = machine();
    let mut vendors = vec![];
    for device in 0..32 {
        for function in 0..8 {
            let address = 1 << 31 | device << 11 | function << 8;
            it.write(Place::Port(0xcf8), 4, address).unwrap();
            assert_eq!(it.read(Place::Port(0xcf8), 4), Some(address));
            vendors.push(it.read(Place::Port(0xcfc), 4).unwrap());
        }
    }
    let there: Vec<_> = (0..).zip(&vendors).filter(|(_, vendor)| **vendor != 0xffff_ffff).collect();
    assert_eq!(there, [(0, &0x0d57_8086), (8, &0x1044_1af4)]);
    it.write(Place::Port(0xcf8), 4, 0).unwrap();
    assert_eq!(it.read(Place::Port(0xcfc), 4), Some(0xffff_ffff), "no address is selected");
    assert_eq!(it.read(Place::Port(0xcf8), 1), None, "the address is four bytes, or not meant");
}

#[test]
fn a_bar_tells_its_size_and_can_be_moved() {
    let mut it = machine();
    assert_eq!((it.configuration(0x10, 4), it.configuration(0x14, 4)), (0xc001, 0xe000_0000));
    it.configure(0x10, 4, u32::MAX);
    it.configure(0x14, 4, u32::MAX);
    assert_eq!((it.configuration(0x10, 4), it.configuration(0x14, 4)), (0xffff_ff01, 0xffff_f000));
    it.configure(0x10, 4, 0xd000);
    assert_eq!(it.read(Place::Port(0xd012), 2), Some(1), "the number of queues");
    assert_eq!(it.read(Place::Port(0xc012), 2), None, "nothing is there any more");
    it.configure(4, 2, 6);
    assert_eq!(it.read(Place::Port(0xd012), 2), None, "it does not answer at ports");
    it.configure(0, 4, 0);
    assert_eq!(it.configuration(0, 4), 0x1044_1af4, "what it is cannot be written");
}

#[test]
fn the_capabilities_lead_to_all_parts() {
    let mut it = machine();
    let found = capabilities(&mut it);
    let kinds: Vec<_> = found
        .iter()
        .filter(|(_, number)| *number == 9)
        .map(|(at, _)| (it.configuration(at + 3, 1), it.configuration(at + 8, 4)))
        .collect();
    assert_eq!(kinds, [(1, 0), (3, 0x40), (4, 0x80), (2, 0x44), (5, 0)]);
    assert_eq!(found.iter().filter(|(_, number)| *number == 0x11).count(), 1);
}

#[test]
fn registers_are_reached_through_configuration_space_as_well() {
    let mut it = machine();
    let (access, _) = capabilities(&mut it)[4];
    it.configure(access + 8, 4, 0x14);
    it.configure(access + 12, 4, 1);
    it.configure(access + 16, 1, 3);
    assert_eq!(it.get(0x14, 1), 3, "the status was written");
    assert_eq!(it.configuration(access + 16, 1), 3);
    it.configure(access + 12, 4, 3);
    it.configure(access + 16, 1, 0);
    assert_eq!(it.get(0x14, 1), 3, "there is no access of three bytes");
}

#[test]
fn features_that_were_not_offered_are_not_taken() {
    for (half, features, taken) in [(1, 1, true), (1, 0, false), (1, 3, false)] {
        let mut it = machine();
        it.set(0x08, 4, half);
        it.set(0x0c, 4, features);
        it.set(0x14, 1, 0xb);
        assert_eq!(it.get(0x14, 1) & 8 != 0, taken, "{features}");
    }
    let mut it = machine();
    let offered: u64 = (0..2)
        .map(|half| {
            it.set(0, 4, half);
            u64::from(it.get(4, 4)) << (32 * half)
        })
        .sum();
    assert_eq!(offered & (VERSION_1 | EVENTS), VERSION_1 | EVENTS);
    it.set(0, 4, 2);
    assert_eq!(it.get(4, 4), 0, "there are only two halves");
}

#[test]
fn the_line_is_up_until_the_driver_looks_why() {
    let mut it = asking();
    assert!(!it.locals.is_pending(0));
    serve(&mut it);
    assert_eq!(
        (it.used(), &it.memory.bytes[0x8000..0x8009]),
        ((1, 3, 8), &[7, 7, 7, 7, 7, 7, 7, 7, 0][..])
    );
    assert_eq!(it.configuration(6, 1) & 8, 8, "the status says so");
    assert_eq!(it.get(INTERRUPT_STATUS, 1), 1);
    assert_eq!(it.get(INTERRUPT_STATUS, 1), 0);
    assert_eq!(it.configuration(6, 1) & 8, 0);
}

#[test]
fn a_message_goes_where_the_table_says_once_it_may() {
    let mut it = asking();
    let (at, _) = *capabilities(&mut it).iter().find(|(_, number)| *number == 0x11).unwrap();
    let table = Place::Memory(0xe000_0010);
    it.write(table, 8, 0xfee0_1000).unwrap();
    it.write(Place::Memory(0xe000_0018), 4, 0x4041).unwrap();
    assert_eq!(it.read(table, 8), Some(0xfee0_1000));
    it.set(0x1a, 2, 1);
    assert_eq!(it.get(0x1a, 2), 1);
    it.configure(at + 2, 2, 0x8000);
    serve(&mut it);
    let pending = Place::Memory(0xe000_0800);
    assert_eq!(it.device().0.take_message(), None, "the vector is masked");
    assert_eq!(it.read(pending, 1), Some(2), "and waits");
    it.configure(at + 2, 2, 0xc000);
    it.write(Place::Memory(0xe000_001c), 4, 0).unwrap();
    assert_eq!(it.device().0.take_message(), None, "all of them wait");
    assert_eq!(it.read(pending, 1), Some(2));
    it.configure(at + 2, 2, 0x8000);
    assert_eq!(it.read(pending, 1), Some(0), "it was sent");
    it.offer(3);
    let (transport, memory) = it.device();
    assert!(Entropy::serve::<8>(transport, memory, |_| 0));
    let message = Message { address: 0xfee0_1000, data: 0x4041 };
    assert_eq!(transport.take_message(), Some(message));
    assert_eq!(transport.take_message(), None);
    assert_eq!(it.get(INTERRUPT_STATUS, 1), 0, "the line is another way");
    it.set(0x1a, 2, 4);
    assert_eq!(it.get(0x1a, 2), 0xffff, "there is no such vector");
}

#[test]
fn without_the_bus_nothing_is_done() {
    let mut it = asking();
    it.configure(4, 2, 3);
    let (transport, memory) = it.device();
    assert!(!Entropy::serve::<8>(transport, memory, |_| unreachable!()));
    assert_eq!(it.used().0, 0);
}

#[test]
fn a_reset_forgets_what_was_under_way() {
    let mut it = asking();
    assert!(it.pci.is_notified());
    let resets = it.device().0.resets();
    it.set(0x14, 1, 0);
    assert!(!it.pci.is_notified());
    assert_eq!((it.get(0x14, 1), it.device().0.resets()), (0, resets + 1));
    it.start(0);
    let (transport, memory) = it.device();
    assert!(!Entropy::serve::<8>(transport, memory, |_| unreachable!()));
    assert_eq!(it.get(0x14, 1) & NEEDS_RESET, 0);
}

#[test]
fn a_queue_that_cannot_be_is_refused() {
    for (register, bytes, value) in
        [(0x18, 2, 0), (0x18, 2, 6), (0x18, 2, 512), (0x20, 4, 8), (0x28, 4, 1), (0x34, 4, 1 << 31)]
    {
        let mut it = machine();
        it.set(0x14, 1, 3);
        it.set(register, bytes, value);
        it.set(0x1c, 2, 1);
        assert_eq!(it.get(0x1c, 2), 0, "{register:#x}");
        assert_eq!(it.get(0x14, 1) & NEEDS_RESET, NEEDS_RESET, "{register:#x}");
    }
}
