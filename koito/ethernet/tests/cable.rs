//! Cables between ends that keep to the rules, that come and go, and that write what they like.

use std::cell::RefCell;
use std::rc::Rc;

use koito_ethernet::{CABLE_BYTES, Cable, CableMemory, MOST_FRAME, SLOTS, Side};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Memory {
    fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![0; CABLE_BYTES])))
    }
}

impl CableMemory for Memory {
    fn bytes(&self) -> usize {
        self.0.borrow().len()
    }

    fn read(&self, offset: usize) -> u64 {
        let mut word = [0; 8];
        self.copy_to(offset, &mut word);
        u64::from_le_bytes(word)
    }

    fn write(&self, offset: usize, value: u64) {
        self.copy_from(offset, &value.to_le_bytes());
    }

    fn copy_from(&self, offset: usize, bytes: &[u8]) {
        self.0.borrow_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn copy_to(&self, offset: usize, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0.borrow()[offset..offset + bytes.len()]);
    }
}

fn ends(memory: &Memory) -> (Cable<Memory>, Cable<Memory>) {
    let end = |side| Cable::new(memory.clone(), side).expect("the memory is long enough");
    (end(Side::Client), end(Side::Switch))
}

fn receive(end: &mut Cable<Memory>) -> Option<Vec<u8>> {
    let mut frame = [0; MOST_FRAME];
    let length = end.receive(&mut frame)?;
    Some(frame[..length].to_vec())
}

#[test]
fn frames_arrive_whole_and_in_order_both_ways() {
    let (mut client, mut switch) = ends(&Memory::new());
    for round in 0..3 * SLOTS {
        let there = vec![round as u8; 14 + round];
        let back = vec![!(round as u8); MOST_FRAME - round];
        assert!(client.send(&there) && switch.send(&back));
        assert_eq!(receive(&mut switch), Some(there));
        assert_eq!(receive(&mut client), Some(back));
        assert_eq!((receive(&mut switch), receive(&mut client)), (None, None));
    }
    assert!(!client.send(&[0; MOST_FRAME + 1]));
    assert_eq!(receive(&mut switch), None);
}

#[test]
fn a_full_cable_takes_nothing_and_says_when_it_does_again() {
    let (mut client, mut switch) = ends(&Memory::new());
    assert!(!switch.is_waited_for());
    for number in 0..SLOTS {
        assert_eq!(client.room(), SLOTS - number);
        assert!(client.send(&[number as u8; 60]));
    }
    assert!(!client.send(&[0; 60]) && !client.wait_for_room());
    assert_eq!(receive(&mut switch), Some(vec![0; 60]));
    assert!(switch.is_waited_for() && !switch.is_waited_for(), "it is rung once");
    assert!(client.wait_for_room() && client.send(&[64; 60]));
    for number in 1..=SLOTS {
        assert_eq!(receive(&mut switch), Some(vec![number as u8; 60]));
    }
    assert_eq!(receive(&mut switch), None);
}

#[test]
fn who_takes_an_end_over_begins_where_the_other_is() {
    let memory = Memory::new();
    let (mut client, mut switch) = ends(&memory);
    for _ in 0..5 {
        assert!(client.send(b"lost to the switch") && switch.send(b"lost to the client"));
    }
    assert_eq!(receive(&mut switch), Some(b"lost to the switch".to_vec()));
    let mut switch = Cable::new(memory.clone(), Side::Switch).unwrap();
    assert!((client.room(), switch.room()) == (SLOTS, SLOTS) && !client.has_frame());
    assert!(client.send(b"after the switch died"));
    assert_eq!(receive(&mut switch), Some(b"after the switch died".to_vec()));
    assert!(switch.send(b"lost to the client"));
    let mut client = Cable::new(memory.clone(), Side::Client).unwrap();
    assert_eq!(receive(&mut client), None);
    assert!(switch.send(b"after the client died"));
    assert_eq!(receive(&mut client), Some(b"after the client died".to_vec()));
    assert!(switch.is_plugged());
}

#[test]
fn a_full_cable_is_good_again_for_the_next_client_after_one_that_wrote_over_the_counts() {
    let memory = Memory::new();
    let (_, mut switch) = ends(&memory);
    while switch.send(b"for nobody") {}
    memory.write(64, SLOTS as u64 - 3);
    assert!(!switch.send(b"no room"));
    let mut client = Cable::new(memory, Side::Client).unwrap();
    assert!(switch.send(b"an answer"));
    assert_eq!(receive(&mut client), Some(b"an answer".to_vec()));
}

#[test]
fn no_cable_lies_in_too_little_memory() {
    let memory = Memory(Rc::new(RefCell::new(vec![0; CABLE_BYTES - 1])));
    assert!(Cable::new(memory, Side::Client).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the client writes into the memory, the switch's end answers something for each call, takes no
    /// more than a ring holds without another word of the client's, and works again for the next client.
    #[test]
    fn a_client_may_write_what_it_likes(
        writes in prop::collection::vec((0..CABLE_BYTES / 8, any::<u64>()), 1..60),
    ) {
        let memory = Memory::new();
        let (_, mut switch) = ends(&memory);
        for (word, value) in writes {
            let near = switch.room() as u64 + value % 200;
            memory.write(if value % 3 == 0 { 8 * (word % 10) } else { 8 * word }, near);
            let taken = (0..=2 * SLOTS).take_while(|_| receive(&mut switch).is_some()).count();
            prop_assert!(taken <= SLOTS && switch.room() <= SLOTS);
            switch.send(&[7; 99]);
            switch.is_waited_for();
        }
        let mut client = Cable::new(memory.clone(), Side::Client).unwrap();
        while receive(&mut switch).is_some() {}
        prop_assert!(client.room() == SLOTS && client.send(b"an honest frame"));
        prop_assert_eq!(receive(&mut switch), Some(b"an honest frame".to_vec()));
        prop_assert!(switch.send(b"an answer"));
        prop_assert_eq!(receive(&mut client), Some(b"an answer".to_vec()));
    }
}
