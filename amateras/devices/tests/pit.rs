//! The timer, against its data sheet.

use amateras_devices::{PIT_HERTZ, Pit, Time};
use proptest::prelude::*;

/// The moment at which cycle `count` begins.
fn cycle(count: u64) -> Time {
    Time::of_cycle(count, PIT_HERTZ)
}

/// A timer whose counter 0 was given this control word's mode and count in cycle 0: it counts from
/// cycle 1 on.
fn counting(mode: u8, count: u16) -> Pit {
    let mut pit = Pit::default();
    pit.write(0x43, 0x30 | mode << 1, Time(0));
    let [low, high] = count.to_le_bytes();
    pit.write(0x40, low, Time(0));
    pit.write(0x40, high, Time(0));
    pit
}

/// The count of counter 0, latched.
fn count(pit: &mut Pit, now: Time) -> u16 {
    pit.write(0x43, 0x00, now);
    u16::from_le_bytes([pit.read(0x40, now), pit.read(0x40, now)])
}

#[test]
fn a_cycle_begins_where_it_is_counted() {
    for count in [0, 1, 2, 1000, PIT_HERTZ, 3 * PIT_HERTZ + 7] {
        let begin = cycle(count);
        assert_eq!(begin.cycles(PIT_HERTZ), count);
        assert!(count == 0 || Time(begin.0 - 1).cycles(PIT_HERTZ) == count - 1);
    }
}

#[test]
fn once_rises_at_the_end_and_goes_on_counting() {
    let mut pit = counting(0, 100);
    assert_eq!(pit.timer().next_rise(), Some(cycle(101)));
    assert!(!pit.timer().output(cycle(100)));
    assert_eq!(pit.timer().take_rises(cycle(100)), 0);
    assert!(pit.timer().output(cycle(101)));
    assert_eq!(pit.timer().take_rises(cycle(500)), 1);
    assert_eq!((pit.timer().take_rises(cycle(9000)), pit.timer().next_rise()), (0, None));
    assert_eq!(count(&mut pit, cycle(102)), 0xffff);
}

#[test]
fn the_first_byte_of_a_new_count_stops_mode_0() {
    let mut pit = counting(0, 100);
    pit.write(0x40, 10, cycle(50));
    assert_eq!(pit.timer().take_rises(cycle(1000)), 0);
    pit.write(0x40, 0, cycle(1000));
    assert_eq!(pit.timer().next_rise(), Some(cycle(1011)));
}

#[test]
fn a_rate_falls_for_its_last_cycle() {
    let mut pit = counting(2, 10);
    let low: Vec<u64> = (0..41).filter(|it| !pit.timer().output(cycle(*it))).collect();
    assert_eq!(low, [10, 20, 30, 40]);
    assert_eq!(pit.timer().take_rises(cycle(41)), 4);
    assert_eq!(pit.timer().next_rise(), Some(cycle(51)));
}

#[test]
fn a_square_wave_has_two_halves_the_first_not_shorter() {
    let mut pit = counting(3, 5);
    let wave: Vec<bool> = (1..11).map(|it| pit.timer().output(cycle(it))).collect();
    assert_eq!(wave, [true, true, true, false, false, true, true, true, false, false]);
    let mut pit = counting(3, 8);
    let counts: Vec<u16> = (1..6).map(|it| count(&mut pit, cycle(it))).collect();
    assert_eq!(counts, [8, 6, 4, 2, 8], "by twos");
}

#[test]
fn a_new_count_of_a_rate_holds_from_its_next_period_on() {
    let mut pit = counting(2, 100);
    pit.write(0x40, 30, cycle(50));
    pit.write(0x40, 0, cycle(50));
    assert_eq!(pit.timer().next_rise(), Some(cycle(101)));
    assert_eq!(pit.timer().take_rises(cycle(161)), 3, "at 101, 131 and 161");
}

#[test]
fn a_strobe_rises_a_cycle_after_its_end() {
    let mut pit = counting(4, 20);
    assert!(pit.timer().output(cycle(20)) && !pit.timer().output(cycle(21)));
    assert_eq!(pit.timer().take_rises(cycle(21)), 0);
    assert_eq!(pit.timer().take_rises(cycle(22)), 1);
    assert_eq!(pit.timer().next_rise(), None);
}

#[test]
fn a_count_of_0_is_the_largest() {
    let mut pit = counting(2, 0);
    assert_eq!(pit.timer().next_rise(), Some(cycle(0x1_0001)));
}

#[test]
fn bytes_are_read_and_written_as_chosen() {
    let mut pit = Pit::default();
    pit.write(0x43, 0x14, Time(0));
    pit.write(0x40, 200, Time(0));
    assert_eq!(pit.read(0x40, cycle(11)), 190);
    pit.write(0x43, 0x24, Time(0));
    pit.write(0x40, 0x12, Time(0));
    assert_eq!(pit.timer().next_rise(), Some(cycle(0x1201)));
}

#[test]
fn a_latched_count_stays_until_it_is_read() {
    let mut pit = counting(2, 1000);
    pit.write(0x43, 0x00, cycle(101));
    pit.write(0x43, 0x00, cycle(201));
    let later = cycle(301);
    let read = u16::from_le_bytes([pit.read(0x40, later), pit.read(0x40, later)]);
    assert_eq!(read, 900);
    assert_eq!(count(&mut pit, later), 700);
}

#[test]
fn a_read_back_gives_status_before_count() {
    let mut pit = counting(2, 1000);
    pit.write(0x43, 0xc2, cycle(11));
    let [status, low, high] = [(); 3].map(|()| pit.read(0x40, cycle(12)));
    assert_eq!((status, u16::from_le_bytes([low, high])), (0xb4, 990));
    pit.write(0x43, 0x30, cycle(12));
    pit.write(0x43, 0xe2, cycle(12));
    assert_eq!(pit.read(0x40, cycle(12)), 0x70, "low, and no count");
}

/// As Linux finds out how fast the processor is.
#[test]
fn counter_2_counts_while_its_gate_is_open() {
    let mut pit = Pit::default();
    pit.write(0x43, 0xb0, Time(0));
    pit.write(0x42, 100, Time(0));
    pit.write(0x42, 0, Time(0));
    assert_eq!(pit.read_speaker(cycle(500)) & 0x21, 0, "the gate is closed");
    pit.write_speaker(1, cycle(1000));
    assert_eq!(pit.read_speaker(cycle(1099)) & 0x21, 0x01);
    assert_eq!(pit.read_speaker(cycle(1100)) & 0x21, 0x21);
}

#[test]
fn a_closed_gate_stops_and_an_opened_one_starts_anew() {
    let mut pit = Pit::default();
    pit.write_speaker(1, Time(0));
    pit.write(0x43, 0xb6, Time(0));
    pit.write(0x42, 10, Time(0));
    pit.write(0x42, 0, Time(0));
    assert_eq!(pit.read_speaker(cycle(7)) & 0x20, 0);
    pit.write_speaker(0, cycle(7));
    assert_eq!(pit.read_speaker(cycle(8)) & 0x20, 0x20);
    pit.write_speaker(1, cycle(20));
    assert_eq!(pit.read_speaker(cycle(22)) & 0x20, 0x20);
    assert_eq!(pit.read_speaker(cycle(26)) & 0x20, 0);
}

proptest! {
    /// However often one looks: the output rises once a period, and the next rise is foretold.
    #[test]
    fn rises_are_counted_once(
        mode in 2u8..4,
        period in 2u16..500,
        steps in prop::collection::vec(1u64..700, 1..40),
    ) {
        let mut pit = counting(mode, period);
        let (mut now, mut rises) = (0, 0);
        for step in steps {
            now += step;
            let foretold = pit.timer().next_rise().unwrap();
            let risen = pit.timer().take_rises(cycle(now));
            prop_assert_eq!(risen > 0, cycle(now) >= foretold);
            rises += risen;
            prop_assert_eq!(rises, (now - 1) / u64::from(period));
        }
    }

    /// The output read off its wave rises as often as is told.
    #[test]
    fn what_is_told_is_what_is_seen(mode in 0u8..6, period in 2u16..40, until in 1u64..200) {
        let mut pit = counting(mode, period);
        let mut before = pit.timer().output(Time(0));
        let mut seen = 0;
        for now in 1..=until {
            let output = pit.timer().output(cycle(now));
            seen += u64::from(output && !before);
            before = output;
        }
        prop_assert_eq!(pit.timer().take_rises(cycle(until)), seen);
    }
}
