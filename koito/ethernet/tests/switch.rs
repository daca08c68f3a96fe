//! What a switch does with frames, those of ports that mean no good included.

use koito_ethernet::{
    Address, FLOODS, LEAST_FRAME, MOST_FRAME, Queue, Refused, Route, SLOTS, Switch,
};

const EVERYBODY: Address = Address([0xff; 6]);

fn frame(to: Address, from: Address) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[..6].copy_from_slice(&to.0);
    frame[6..12].copy_from_slice(&from.0);
    frame
}

/// An address that nobody was given.
fn foreign(number: u8) -> Address {
    Address([0x52, 0x54, 0, 1, 2, number])
}

#[test]
fn a_port_is_reached_by_the_address_that_it_was_given() {
    let mut switch = Switch::new(3, 0);
    let [first, second] = [0, 1].map(Address::of_port);
    assert_eq!(switch.route(0, &frame(second, first), 0), Ok(Route::To(1)));
    assert_eq!(switch.route(1, &frame(first, second), 0), Ok(Route::To(0)));
    assert_eq!(switch.route(1, &frame(second, second), 0), Ok(Route::Nowhere));
    assert_eq!(switch.route(0, &frame(EVERYBODY, first), 0), Ok(Route::All));
    assert_eq!(switch.route(0, &frame(Address::of_port(3), first), 0), Ok(Route::All));
    assert_eq!(first.to_string(), "02:41:39:4e:00:01");
    assert_eq!(Address::from_number(first.number()), first);
}

#[test]
fn addresses_behind_a_port_are_learned_move_and_are_forgotten() {
    let mut switch = Switch::new(3, 0);
    let to = frame(foreign(1), Address::of_port(0));
    let from = |to| frame(to, foreign(1));
    assert_eq!(switch.route(0, &to, 0), Ok(Route::All), "nobody knows it");
    assert_eq!(switch.route(1, &from(Address::of_port(0)), 0), Ok(Route::To(0)));
    assert_eq!(switch.route(0, &to, 1), Ok(Route::To(1)));
    assert_eq!(switch.route(2, &from(EVERYBODY), 2), Ok(Route::All));
    assert_eq!(switch.route(0, &to, 3), Ok(Route::To(2)), "it moved");
    assert_eq!(switch.route(2, &frame(foreign(1), foreign(2)), 3), Ok(Route::Nowhere));
    assert_eq!(switch.route(0, &to, 300_001), Ok(Route::To(2)));
    assert_eq!(switch.route(0, &to, 300_002), Ok(Route::All), "it was not heard of for long");
}

#[test]
fn what_cannot_be_goes_nowhere() {
    let mut switch = Switch::new(2, 0);
    let [first, second] = [0, 1].map(Address::of_port);
    let good = frame(second, first);
    for length in [0, 1, 12, LEAST_FRAME - 1] {
        assert_eq!(switch.route(0, &good[..length], 0), Err(Refused::Length));
    }
    assert_eq!(switch.route(0, &good[..LEAST_FRAME], 0), Ok(Route::To(1)));
    let mut long = good.clone();
    long.resize(MOST_FRAME, 0);
    assert_eq!(switch.route(0, &long, 0), Ok(Route::To(1)));
    long.push(0);
    assert_eq!(switch.route(0, &long, 0), Err(Refused::Length));
    for source in [second, EVERYBODY, Address([0; 6]), Address([0x33, 0x33, 0, 0, 0, 1])] {
        assert_eq!(switch.route(0, &frame(second, source), 0), Err(Refused::Source));
    }
    let pause = Address([0x01, 0x80, 0xc2, 0, 0, 1]);
    assert_eq!(switch.route(0, &frame(pause, first), 0), Ok(Route::Nowhere));
    let beyond = Address([0x01, 0x80, 0xc2, 0, 0, 16]);
    assert_eq!(switch.route(0, &frame(beyond, first), 0), Ok(Route::All));
}

#[test]
fn made_up_addresses_displace_only_the_port_s_own() {
    let mut switch = Switch::new(3, 0);
    let third = Address::of_port(2);
    assert_eq!(switch.route(1, &frame(third, foreign(0)), 0), Ok(Route::To(2)));
    for number in 1..=255 {
        let made_up = Address([0x52, 0x54, 0, 9, 9, number]);
        assert_eq!(switch.route(0, &frame(third, made_up), number.into()), Ok(Route::To(2)));
    }
    let known = |switch: &mut Switch, to| switch.route(2, &frame(to, third), 256) != Ok(Route::All);
    assert!(known(&mut switch, foreign(0)), "another port's stays");
    let of_first = |number| Address([0x52, 0x54, 0, 9, 9, number]);
    let kept = (1..=255).filter(|number| known(&mut switch, of_first(*number))).count();
    assert_eq!(kept, 16);
    assert!(known(&mut switch, of_first(255)) && !known(&mut switch, of_first(239)));
}

#[test]
fn a_port_floods_so_much_and_others_are_not_held_to_that() {
    let mut switch = Switch::new(3, 0);
    let shout = frame(EVERYBODY, Address::of_port(0));
    let shouts = |switch: &mut Switch, now| {
        (0..10 * FLOODS).filter(|_| switch.route(0, &shout, now) == Ok(Route::All)).count() as u64
    };
    assert_eq!(shouts(&mut switch, 0), FLOODS);
    assert_eq!(switch.route(0, &shout, 0), Err(Refused::Flood));
    assert_eq!(shouts(&mut switch, 7), 7);
    let other = frame(EVERYBODY, Address::of_port(1));
    assert_eq!(switch.route(1, &other, 7), Ok(Route::All));
    let direct = frame(Address::of_port(1), Address::of_port(0));
    assert_eq!(switch.route(0, &direct, 7), Ok(Route::To(1)), "that is no flood");
}

/// Lets port `owner` add as many frames as it may; answers how many.
fn fill(queue: &mut Queue, owner: usize, room: &mut usize) -> usize {
    let before = *room;
    while queue.admits(owner, *room) {
        queue.add(owner);
        *room -= 1;
    }
    before - *room
}

#[test]
fn there_is_always_room_for_who_has_nothing_there_yet() {
    let mut queue = Queue::default();
    let mut room = SLOTS;
    assert_eq!(fill(&mut queue, 0, &mut room), 32);
    assert_eq!(fill(&mut queue, 1, &mut room), 16);
    assert_eq!(fill(&mut queue, 2, &mut room), 8);
    assert_eq!(fill(&mut queue, 0, &mut room), 0);
    assert_eq!(room, 8);
    // The first 20 are taken: they were the first port's.
    room += 20;
    assert_eq!(fill(&mut queue, 0, &mut room), 8);
    assert_eq!((room, fill(&mut queue, 1, &mut room)), (20, 2));
    assert!(!queue.admits(8, SLOTS), "there is no such port");
}
