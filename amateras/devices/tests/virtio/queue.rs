//! Queues in the guest's memory: what an honest driver gets, and what any other cannot.

use std::ops::Range;

use crate::machine::{
    AVAILABLE, DESCRIPTORS, EVENTS, INDIRECT, INTERRUPT_STATUS, MEMORY, Machine, NEEDS_RESET, NEXT,
    SIZE, TABLE, USED, WRITE,
};
use amateras_devices::GuestMemory;
use amateras_devices::virtio::{Block, BlockSize, MOST_BUFFERS, Transport};
use proptest::prelude::*;

/// Where an honest driver has its buffers, and its tables of descriptors.
const BUFFERS: u64 = 0x8000;
const TABLES: u64 = 0x4000;

fn machine(features: u64) -> Machine {
    let block = Block::new(BlockSize { sectors: 64, read_only: false }, "disk");
    Machine::running(block.description(), features)
}

fn status(it: &mut Machine) -> u32 {
    it.get(0x14, 1)
}

/// A chain of an honest driver: lengths of what is read, of what is written.
#[derive(Clone, Debug)]
struct Lengths(Vec<u32>, Vec<u32>);

fn lengths() -> impl Strategy<Value = Lengths> {
    let some = || prop::collection::vec(0..200_u32, 0..4);
    (some(), some())
        .prop_filter("a chain has a buffer", |(read, write)| read.len() + write.len() > 0)
        .prop_map(|(read, write)| Lengths(read, write))
}

/// Puts a chain into memory, in a table if `table`. Answers what is to be read.
fn put(it: &mut Machine, Lengths(read, write): &Lengths, table: bool) -> Vec<u8> {
    let all: Vec<_> =
        read.iter().map(|bytes| (*bytes, 0)).chain(write.iter().map(|it| (*it, WRITE))).collect();
    let place = if table { TABLES } else { DESCRIPTORS };
    let (mut address, mut contents) = (BUFFERS, vec![]);
    for (number, (bytes, flags)) in (0..).zip(&all) {
        let last = usize::from(number) + 1 == all.len();
        let next = if last { 0 } else { NEXT };
        it.describe(place, number, address, *bytes, (flags | next, number + 1));
        if *flags == 0 {
            let range = address as usize..address as usize + *bytes as usize;
            contents.extend_from_slice(&it.memory.bytes[range]);
        }
        address += u64::from(*bytes) + 1;
    }
    if table {
        it.describe(DESCRIPTORS, 0, TABLES, all.len() as u32 * 16, (TABLE, 0));
    }
    it.offer(0);
    contents
}

proptest! {
    /// Every chain arrives whole and in order, goes back with what was written, and the driver hears of it if
    /// it wants to.
    #[test]
    fn an_honest_driver_is_served(
        chains in prop::collection::vec((lengths(), any::<bool>(), any::<bool>()), 1..40),
        events in any::<bool>(),
    ) {
        let features = INDIRECT | if events { EVENTS } else { 0 };
        let mut it = machine(features);
        for (address, byte) in (0_u32..).zip(&mut it.memory.bytes[BUFFERS as usize..]) {
            *byte = (address % 251) as u8;
        }
        for (number, (chain, table, wants)) in (1_u16..).zip(&chains) {
            // Both ways of saying whether it wants to hear of this one.
            let quiet = u16::from(!wants);
            let event = if *wants { number - 1 } else { number };
            it.memory.bytes[..].store(AVAILABLE, quiet).unwrap();
            it.memory.bytes[..].store(AVAILABLE + 4 + 2 * u64::from(SIZE), event).unwrap();
            let expected = put(&mut it, chain, *table);
            let (transport, memory) = it.device();
            let taken = transport.take(0, memory).expect("there is one");
            let Lengths(_, write) = chain;
            prop_assert_eq!(taken.readable(), expected.len() as u64);
            prop_assert_eq!(taken.writable(), write.iter().map(|it| u64::from(*it)).sum::<u64>());
            let mut read = vec![0; expected.len()];
            prop_assert_eq!(taken.read(memory, 0, &mut read), Ok(()));
            prop_assert_eq!(&read, &expected);
            prop_assert!(taken.read(memory, 1, &mut read).is_err() || read.is_empty());
            let filled = vec![0xee; taken.writable() as usize];
            prop_assert_eq!(taken.write(memory, 0, &filled), Ok(()));
            transport.put(0, memory, &taken, 17);
            prop_assert!(transport.take(0, memory).is_none());
            prop_assert_eq!(it.used(), (number, 0, 17));
            prop_assert_eq!(it.get(INTERRUPT_STATUS, 1), u32::from(*wants));
            if events {
                let told = it.memory.bytes[..].load(USED + 4 + 8 * u64::from(SIZE)).unwrap();
                prop_assert_eq!(told, number, "it wants to hear of the next");
            }
        }
        prop_assert_eq!(status(&mut it) & NEEDS_RESET, 0);
    }

    /// Whatever is in the queue: the device ends soon, writes to nothing but its ring and what it was given to
    /// write to, and stands still as soon as it sees that something is wrong.
    #[test]
    fn no_queue_leads_the_device_astray(
        descriptors in prop::collection::vec(descriptor(), usize::from(SIZE)),
        table in prop::collection::vec(descriptor(), usize::from(SIZE)),
        ring in prop::collection::vec(prop_oneof![4 => 0..SIZE, 1 => any::<u16>()], usize::from(SIZE)),
        index in prop_oneof![8 => 0..=SIZE, 1 => any::<u16>()],
        features in prop::sample::select(vec![0, INDIRECT, EVENTS, INDIRECT | EVENTS]),
    ) {
        let mut it = machine(features);
        let used = USED..USED + 6 + 8 * u64::from(SIZE);
        let mut writable = Vec::from([used]);
        for (place, entries) in [(DESCRIPTORS, &descriptors), (TABLES, &table)] {
            for (number, (address, bytes, flags, next)) in (0..).zip(entries) {
                it.describe(place, number, *address, *bytes, (*flags, *next));
                if flags & WRITE != 0 {
                    writable.push(*address..address.saturating_add((*bytes).into()));
                }
            }
        }
        for (number, head) in (0..).zip(&ring) {
            it.memory.bytes[..].store(AVAILABLE + 4 + 2 * number, *head).unwrap();
        }
        it.memory.bytes[..].store(AVAILABLE + 2, index).unwrap();
        let (transport, memory) = it.device();
        let mut taken = 0;
        loop {
            memory.reads.set(0);
            let chain = transport.take(0, memory);
            prop_assert!(memory.reads.get() <= 5 + 2 * usize::from(SIZE), "it ends soon");
            let Some(chain) = chain else { break };
            taken += 1;
            prop_assert!(taken <= SIZE, "there are no more than were available");
            let room = chain.writable().min(MEMORY as u64) as usize;
            prop_assert_eq!(chain.write(memory, 0, &vec![0; room]), Ok(()));
            transport.put(0, memory, &chain, 1);
        }
        for range in &it.memory.written {
            let within = |of: &Range<u64>| of.start <= range.start && range.end <= of.end;
            prop_assert!(writable.iter().any(within), "{range:x?} was written");
        }
        let stands = status(&mut it) & NEEDS_RESET != 0;
        prop_assert!(stands || taken == index, "what was available was taken");
        it.start(0);
        prop_assert_eq!(status(&mut it) & NEEDS_RESET, 0, "a reset heals it");
    }
}

/// A descriptor, now and then one that could be.
fn descriptor() -> impl Strategy<Value = (u64, u32, u16, u16)> {
    let address = prop_oneof![
        6 => BUFFERS..MEMORY as u64,
        2 => Just(TABLES),
        1 => any::<u64>(),
    ];
    let bytes =
        prop_oneof![6 => 0..64_u32, 2 => (0..9_u32).prop_map(|it| it * 16), 1 => any::<u32>()];
    let flags = prop_oneof![8 => 0..4_u16, 2 => 4..8_u16, 1 => any::<u16>()];
    let next = prop_oneof![8 => 0..SIZE, 1 => any::<u16>()];
    (address, bytes, flags, next)
}

/// What becomes of a queue whose first chain is described so: whether the device stands still.
fn refuses(features: u64, describe: impl FnOnce(&mut Machine)) -> bool {
    let mut it = machine(features);
    describe(&mut it);
    let (transport, memory) = it.device();
    let taken: Option<_> = Transport::take(transport, 0, memory);
    let stands = it.get(0x14, 1) & NEEDS_RESET != 0;
    assert_eq!(taken.is_none(), stands);
    assert_eq!(it.pci.take_complaint().is_some(), stands);
    if stands {
        assert_eq!(it.get(INTERRUPT_STATUS, 1), 2, "the driver hears of it");
        it.offer(0);
        let (transport, memory) = it.device();
        assert!(transport.take(0, memory).is_none(), "until a reset");
    }
    stands
}

#[test]
fn every_way_to_break_the_protocol_is_seen() {
    let one = |address, bytes, flags, next| {
        move |it: &mut Machine| {
            it.describe(DESCRIPTORS, 0, address, bytes, (flags, next));
            it.offer(0);
        }
    };
    assert!(!refuses(0, one(BUFFERS, 16, 0, 0)), "a chain as it should be");
    assert!(!refuses(0, one(MEMORY as u64 - 16, 16, WRITE, 0)), "the end of memory");
    assert!(refuses(0, one(MEMORY as u64 - 16, 17, WRITE, 0)), "behind memory");
    assert!(refuses(0, one(u64::MAX, 2, 0, 0)), "around the end of all addresses");
    assert!(refuses(0, one(BUFFERS, u32::MAX, 0, 0)), "an absurd length");
    assert!(refuses(0, one(BUFFERS, 1, NEXT, 0)), "a loop");
    assert!(refuses(0, one(BUFFERS, 1, NEXT, SIZE)), "a descriptor that is not there");
    assert!(refuses(0, one(BUFFERS, 16, TABLE, 0)), "a table that was not agreed upon");
    assert!(refuses(INDIRECT, one(BUFFERS, 0, TABLE, 0)), "a table of nothing");
    assert!(refuses(INDIRECT, one(BUFFERS, 24, TABLE, 0)), "a table of one and a half");
    assert!(refuses(INDIRECT, one(BUFFERS, 16, TABLE | NEXT, 1)), "a table before another");
    assert!(refuses(INDIRECT, one(u64::MAX - 7, 16, TABLE, 0)), "a table nowhere");
    assert!(refuses(INDIRECT, one(BUFFERS, 16 * 9, TABLE, 0)), "a table longer than the queue");
    assert!(
        refuses(INDIRECT, |it| {
            it.describe(TABLES + 64, 0, BUFFERS, 1, (0, 0));
            it.describe(TABLES, 0, TABLES + 64, 16, (TABLE, 0));
            it.describe(DESCRIPTORS, 0, TABLES, 16, (TABLE, 0));
            it.offer(0);
        }),
        "a table in a table"
    );
    assert!(
        refuses(0, |it| {
            it.describe(DESCRIPTORS, 0, BUFFERS, 1, (WRITE | NEXT, 1));
            it.describe(DESCRIPTORS, 1, BUFFERS, 1, (0, 0));
            it.offer(0);
        }),
        "to be read behind what is to be written"
    );
    assert!(refuses(0, |it| it.offer(SIZE)), "a head that is not there");
    assert!(
        refuses(0, |it| {
            it.available = SIZE;
            it.offer(0);
        }),
        "more than the queue has room for"
    );
}

#[test]
fn a_chain_has_no_more_buffers_than_there_is_room_for() {
    for (buffers, refused) in [(MOST_BUFFERS, false), (MOST_BUFFERS + 1, true)] {
        let long = |it: &mut Machine| {
            it.set(0x14, 1, 0);
            it.start_with(0, 64, 0);
            for number in 0..buffers as u16 {
                let next = if usize::from(number) + 1 < buffers { NEXT } else { 0 };
                it.describe(DESCRIPTORS, number, BUFFERS, 1, (next, number + 1));
            }
            it.offer(0);
        };
        assert_eq!(refuses(0, long), refused);
    }
}
