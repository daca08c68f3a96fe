//! The interrupt controllers, against their data sheet.

use amateras_devices::{Line, Pic, Pics};
use proptest::prelude::*;

/// A controller set up at vector 0x20 with the fourth byte `mode`.
fn ready(mode: u8) -> Pic {
    let mut pic = Pic::default();
    pic.write(false, 0x11);
    for byte in [0x20, 0x04, mode] {
        pic.write(true, byte);
    }
    pic
}

fn rise(pic: &mut Pic, line: u8) {
    pic.set_line(line, false);
    pic.set_line(line, true);
}

#[test]
fn the_most_urgent_line_comes_first_and_blocks_the_others_until_its_end() {
    let mut pic = ready(1);
    rise(&mut pic, 5);
    rise(&mut pic, 3);
    assert_eq!(pic.acknowledge(), 0x23);
    assert_eq!(pic.pending(), None, "line 5 waits");
    rise(&mut pic, 1);
    assert_eq!(pic.acknowledge(), 0x21, "what is more urgent does not");
    pic.write(false, 0x20);
    assert_eq!(pic.pending(), None, "it ended line 1, not line 3");
    pic.write(false, 0x20);
    assert_eq!(pic.acknowledge(), 0x25);
}

#[test]
fn an_end_can_name_its_line() {
    let mut pic = ready(1);
    rise(&mut pic, 6);
    pic.acknowledge();
    rise(&mut pic, 2);
    pic.acknowledge();
    pic.write(false, 0x60 | 6);
    pic.write(false, 0x0b);
    assert_eq!(pic.read(false), 1 << 2);
}

#[test]
fn masked_lines_are_remembered() {
    let mut pic = ready(1);
    pic.write(true, 0xff);
    rise(&mut pic, 4);
    assert_eq!((pic.pending(), pic.read(true)), (None, 0xff));
    pic.write(true, 0xef);
    assert_eq!(pic.acknowledge(), 0x24);
}

#[test]
fn nothing_pending_is_the_least_urgent_vector_and_not_in_service() {
    let mut pic = ready(1);
    assert_eq!(pic.acknowledge(), 0x27);
    pic.write(false, 0x0b);
    assert_eq!(pic.read(false), 0);
}

#[test]
fn an_automatic_end_leaves_nothing_in_service_and_may_turn() {
    let mut pic = ready(3);
    rise(&mut pic, 2);
    rise(&mut pic, 4);
    assert_eq!((pic.acknowledge(), pic.acknowledge()), (0x22, 0x24));
    pic.write(false, 0x80);
    rise(&mut pic, 2);
    assert_eq!(pic.acknowledge(), 0x22);
    rise(&mut pic, 2);
    rise(&mut pic, 3);
    assert_eq!(pic.acknowledge(), 0x23, "line 2 had its turn");
}

#[test]
fn ends_that_turn_make_the_line_the_least_urgent() {
    let mut pic = ready(1);
    rise(&mut pic, 3);
    pic.acknowledge();
    rise(&mut pic, 3);
    rise(&mut pic, 4);
    pic.write(false, 0xa0);
    assert_eq!(pic.acknowledge(), 0x24);
    pic.write(false, 0xe0 | 4);
    pic.write(false, 0xc0 | 2);
    rise(&mut pic, 4);
    assert_eq!(pic.acknowledge(), 0x23, "after 2 comes 3");
}

#[test]
fn a_level_is_a_request_as_long_as_it_is_high() {
    let mut pic = ready(1);
    pic.set_level_triggered(1 << 5);
    pic.set_line(5, true);
    assert_eq!(pic.acknowledge(), 0x25);
    pic.write(false, 0x20);
    assert_eq!(pic.pending(), Some(5), "still high");
    pic.set_line(5, false);
    assert_eq!(pic.pending(), None);
}

#[test]
fn in_the_special_mask_mode_a_masked_line_blocks_nobody() {
    let mut pic = ready(1);
    rise(&mut pic, 1);
    pic.acknowledge();
    rise(&mut pic, 6);
    pic.write(true, 1 << 1);
    assert_eq!(pic.pending(), None);
    pic.write(false, 0x68);
    assert_eq!(pic.pending(), Some(6));
}

#[test]
fn a_poll_takes_the_interrupt() {
    let mut pic = ready(1);
    rise(&mut pic, 3);
    pic.write(false, 0x0c);
    assert_eq!(pic.read(false), 0x83);
    pic.write(false, 0x0c);
    assert_eq!(pic.read(false), 0);
    pic.write(false, 0x0b);
    assert_eq!(pic.read(false), 1 << 3);
}

/// Both, set up as Linux does.
fn pair() -> Pics {
    let mut pics = Pics::default();
    for (port, base, cascade) in [(0x20, 0x30, 0x04), (0xa0, 0x38, 0x02)] {
        pics.write(port, 0x11);
        for byte in [base, cascade, 0x01, 0x00] {
            pics.write(port + 1, byte);
        }
    }
    pics
}

#[test]
fn the_second_controller_interrupts_through_the_first() {
    let mut pics = pair();
    let line = Line::new(10).unwrap();
    pics.set_line(line, true);
    assert_eq!(pics.acknowledge(), 0x3a);
    pics.set_line(Line::new(8).unwrap(), true);
    assert!(!pics.is_pending(), "line 2 of the first is in service");
    pics.write(0xa0, 0x60 | 2);
    pics.write(0x20, 0x60 | 2);
    assert_eq!(pics.acknowledge(), 0x38);
}

#[test]
fn a_second_controller_that_changed_its_mind_is_a_spurious_interrupt_of_its_own() {
    let mut pics = pair();
    let line = Line::new(9).unwrap();
    pics.write_triggers(0x4d1, 1 << 1);
    pics.set_line(line, true);
    assert!(pics.is_pending());
    pics.set_line(line, false);
    assert!(!pics.is_pending(), "it follows at once");
    assert_eq!(pics.acknowledge(), 0x37);
}

#[test]
fn some_lines_stay_edges() {
    let mut pics = pair();
    pics.write_triggers(0x4d0, 0xff);
    pics.write_triggers(0x4d1, 0xff);
    assert_eq!((pics.read_triggers(0x4d0), pics.read_triggers(0x4d1)), (0xf8, 0xde));
    assert_eq!(Line::new(2), None);
}

proptest! {
    /// In whatever order lines rise: they are taken in the order of their numbers if each ends
    /// before the next is looked at, and each once.
    #[test]
    fn each_rise_is_taken_once(lines in prop::collection::vec(0u8..8, 1..12), masked: u8) {
        let mut pic = ready(1);
        lines.iter().for_each(|line| rise(&mut pic, *line));
        pic.write(true, masked);
        let mut expected: Vec<_> = lines.iter().copied().filter(|it| masked >> it & 1 == 0).collect();
        expected.sort_unstable();
        expected.dedup();
        let mut taken = vec![];
        while let Some(line) = pic.pending() {
            prop_assert_eq!(pic.acknowledge(), 0x20 + line);
            taken.push(line);
            pic.write(false, 0x20);
        }
        prop_assert_eq!(taken, expected);
    }

    /// Whatever bytes are written: what is acknowledged is a vector of the eight, and nothing
    /// overflows.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec((any::<bool>(), any::<u8>(), 0u8..8), 0..64)) {
        let mut pic = ready(1);
        for (odd, byte, line) in bytes {
            pic.write(odd, byte);
            rise(&mut pic, line);
            pic.read(odd);
            if let Some(line) = pic.pending() {
                prop_assert_eq!(pic.acknowledge() & 7, line);
            }
        }
    }
}
