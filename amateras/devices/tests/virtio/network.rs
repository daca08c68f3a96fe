//! A network card: frames, as a driver moves them and as nobody should.

use amateras_devices::GuestMemory;
use amateras_devices::virtio::{FRAME_BYTES, Link, Network};

use crate::machine::{DESCRIPTORS, INTERRUPT_STATUS, Machine, NEEDS_RESET, NEXT, WRITE};

const ADDRESS: [u8; 6] = [2, 3, 4, 5, 6, 7];
/// Where a header and a frame are.
const HEADER: u64 = 0x4000;
const FRAME: u64 = 0x8000;
/// Features: an address, a status.
const FEATURES: u64 = 1 << 5 | 1 << 16;
/// Its own registers: the address, then the status.
const OWN: u16 = 0x80;
const STATUS: u16 = OWN + 6;
const GENERATION: u16 = 0x15;

/// A machine whose driver uses that queue.
fn card(queue: u16) -> Machine {
    let mut it = Machine::new(Network::description(ADDRESS, Link::Up));
    it.start_queue(queue, FEATURES);
    it
}

/// The driver sends `frame`, behind `header`.
fn send(it: &mut Machine, header: &[u8], frame: &[u8]) {
    it.memory.bytes[..].write(HEADER, header).unwrap();
    it.memory.bytes[..].write(FRAME, frame).unwrap();
    it.describe(DESCRIPTORS, 0, HEADER, header.len() as u32, (NEXT, 1));
    it.describe(DESCRIPTORS, 1, FRAME, frame.len() as u32, (0, 0));
    it.offer_in(1, 0);
}

fn take(it: &mut Machine) -> Option<Vec<u8>> {
    let mut frame = [0; FRAME_BYTES];
    let (transport, memory) = it.device();
    let length = Network::take(transport, memory, &mut frame)?;
    Some(frame[..length].to_vec())
}

fn give(it: &mut Machine, frame: &[u8]) -> bool {
    let (transport, memory) = it.device();
    Network::give(transport, memory, |bytes| {
        bytes[..frame.len()].copy_from_slice(frame);
        frame.len()
    })
}

fn needs_reset(it: &mut Machine) -> bool {
    it.get(0x14, 1) & NEEDS_RESET != 0
}

#[test]
fn what_the_guest_sends_comes_out_without_its_header() {
    let mut it = card(1);
    let frame: Vec<u8> = (0..FRAME_BYTES).map(|it| it as u8).collect();
    for length in [FRAME_BYTES, 60, 1, 0] {
        send(&mut it, &[0; 12], &frame[..length]);
        assert_eq!(take(&mut it).as_deref(), Some(&frame[..length]));
    }
    assert_eq!(take(&mut it), None);
    assert_eq!(it.used().0, 4);
    assert_eq!(it.get(INTERRUPT_STATUS, 1), 1);
    // What has no meaning without wishes may be anything.
    send(&mut it, &[0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], b"frame");
    assert_eq!(take(&mut it).as_deref(), Some(&b"frame"[..]));
}

#[test]
fn a_frame_that_is_too_long_is_given_back_and_goes_nowhere() {
    let mut it = card(1);
    for length in [FRAME_BYTES + 1, 9000, 0x8000] {
        send(&mut it, &[0; 12], &vec![7; length]);
        assert_eq!(take(&mut it), Some(vec![]));
    }
    assert_eq!(it.used().0, 3);
    assert!(!needs_reset(&mut it));
}

#[test]
fn a_guest_that_asks_for_what_was_not_offered_has_its_card_stand_still() {
    let wishes: [&[u8]; 3] =
        [&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 11]];
    for header in wishes {
        let mut it = card(1);
        let frame: &[u8] = if header.len() < 12 { b"" } else { b"frame" };
        send(&mut it, header, frame);
        assert_eq!(take(&mut it), None);
        assert!(needs_reset(&mut it), "{header:?}");
    }
}

#[test]
fn what_the_guest_receives_has_a_header_and_a_buffer() {
    let mut it = card(0);
    assert!(!give(&mut it, b"nobody made room"));
    it.describe(DESCRIPTORS, 0, HEADER, 10, (WRITE | NEXT, 1));
    it.describe(DESCRIPTORS, 1, FRAME, 102, (WRITE, 0));
    it.offer(0);
    assert!(give(&mut it, &[0x5a; 100]));
    assert_eq!(it.used(), (1, 0, 112));
    assert_eq!(it.memory.bytes[HEADER as usize..][..10], [0; 10]);
    assert_eq!(it.memory.bytes[FRAME as usize..][..2], [1, 0], "it lies in one buffer");
    assert_eq!(it.memory.bytes[FRAME as usize + 2..][..100], [0x5a; 100]);
    assert_eq!(it.get(INTERRUPT_STATUS, 1), 1);
}

#[test]
fn a_buffer_that_no_frame_has_room_in_stops_the_card() {
    for (bytes, flags) in [(111, WRITE), (11, WRITE), (500, 0)] {
        let mut it = card(0);
        it.describe(DESCRIPTORS, 0, FRAME, bytes, (flags, 0));
        it.offer(0);
        assert!(give(&mut it, &[0x5a; 100]));
        assert!(needs_reset(&mut it), "{bytes} {flags}");
        assert!(!give(&mut it, &[0x5a; 100]));
    }
}

#[test]
fn the_driver_learns_its_address_and_when_the_link_changes() {
    let mut it = card(0);
    let address: Vec<u8> = (0..6).map(|at| it.get(OWN + at, 1) as u8).collect();
    assert_eq!((address, it.get(STATUS, 2)), (ADDRESS.to_vec(), 1));
    let before = it.get(GENERATION, 1);
    Network::set_link(it.device().0, Link::Up);
    assert_eq!((it.get(INTERRUPT_STATUS, 1), it.get(GENERATION, 1)), (0, before));
    Network::set_link(it.device().0, Link::Down);
    assert_eq!((it.get(STATUS, 2), it.get(INTERRUPT_STATUS, 1)), (0, 2));
    assert_ne!(it.get(GENERATION, 1), before);
    // A reset of the device is none of the link.
    it.set(0x14, 1, 0);
    assert_eq!(it.get(STATUS, 2), 0);
    Network::set_link(it.device().0, Link::Up);
    assert_eq!((it.get(STATUS, 2), it.get(INTERRUPT_STATUS, 1)), (1, 0), "nobody drives it");
}
