//! The devices together, at their ports.

use amateras_devices::{Board, Bus, Line, NoBus, Place, Request, Time, Visit, World, power};
use proptest::prelude::*;

const START: Time = Time(0);

fn second(count: u64) -> Time {
    Time(count * 1_000_000_000)
}

/// What processor 0 of a machine without memory reads.
fn read<B: Bus>(board: &mut Board<B>, place: Place, bytes: u8, now: Time) -> u64 {
    board.read(place, bytes, Visit { processor: 0, memory: &mut &mut [][..], now })
}

fn read_port(board: &mut Board, port: u16, bytes: u8, now: Time) -> u32 {
    read(board, Place::Port(port), bytes, now) as u32
}

/// What processor 0 of a machine without memory writes.
fn write_place<B: Bus>(board: &mut Board<B>, place: Place, bytes: u8, value: u64, now: Time) {
    board.write(place, bytes, value, Visit { processor: 0, memory: &mut &mut [][..], now });
}

fn write(board: &mut Board, bytes: &[(u16, u8)]) {
    for (port, value) in bytes {
        write_place(board, Place::Port(*port), 1, (*value).into(), START);
    }
}

/// A board whose controllers are set up as Linux does, with nothing masked.
fn board() -> Board {
    let mut board = Board::new(0, 1, NoBus);
    write(&mut board, &[(0x20, 0x11), (0x21, 0x30), (0x21, 0x04), (0x21, 0x01)]);
    write(&mut board, &[(0xa0, 0x11), (0xa1, 0x38), (0xa1, 0x02), (0xa1, 0x01)]);
    board
}

#[test]
fn the_timer_interrupts_when_it_said_it_would() {
    let mut board = board();
    write(&mut board, &[(0x43, 0x34), (0x40, 0xa9), (0x40, 0x04)]);
    let deadline = board.deadline().unwrap();
    assert!((999_000..1_002_000).contains(&deadline.0), "1193 cycles are a millisecond");
    board.advance(Time(deadline.0 - 1));
    assert!(!board.has_interrupt(0));
    board.advance(deadline);
    assert_eq!(board.take_interrupt(0), Some(0x30));
    assert!(!board.has_interrupt(0));
    board.advance(second(1));
    assert!(!board.has_interrupt(0), "the first is in service");
    write(&mut board, &[(0x20, 0x20)]);
    assert_eq!(board.take_interrupt(0), Some(0x30));
}

#[test]
fn a_masked_timer_has_no_deadline_but_is_remembered() {
    let mut board = board();
    write(&mut board, &[(0x21, 0x01), (0x43, 0x30), (0x40, 1), (0x40, 0)]);
    assert_eq!(board.deadline(), None);
    write(&mut board, &[(0x21, 0x00)]);
    board.advance(second(1));
    assert!(board.has_interrupt(0));
}

#[test]
fn the_serial_port_interrupts_on_line_4() {
    let mut board = board();
    write(&mut board, &[(0x3fa, 0x01), (0x3fc, 0x0b), (0x3f9, 0x01)]);
    board.input(b"x");
    assert_eq!(board.take_interrupt(0), Some(0x34));
    assert_eq!(read_port(&mut board, 0x3f8, 1, START), u32::from(b'x'));
    write(&mut board, &[(0x3f8, b'y')]);
    let mut bytes = [0; 4];
    assert_eq!((board.take_output(&mut bytes), bytes[0]), (1, b'y'));
}

/// What `date -u -d @1709210096` says: 2024-02-29 12:34:56, a Thursday.
#[test]
fn the_clock_tells_the_date_and_is_never_in_an_update() {
    let mut board = Board::new(1_709_210_090, 1, NoBus);
    let mut read = |index, now| {
        write(&mut board, &[(0x70, index)]);
        read_port(&mut board, 0x71, 1, now)
    };
    let now = second(6);
    let fields = [0, 2, 4, 6, 7, 8, 9, 0x32].map(|index| read(index, now));
    assert_eq!(fields, [0x56, 0x34, 0x12, 5, 0x29, 0x02, 0x24, 0x20]);
    assert_eq!((read(0x0a, now) & 0x80, read(0x0b, now), read(0x0d, now)), (0, 2, 0x80));
    assert_eq!(read(0, second(10)), 0, "a minute has sixty seconds");
}

#[test]
fn where_nothing_is_all_bits_are_set() {
    let mut board = board();
    write(&mut board, &[(0xcf8, 0), (0x80, 1), (0xed, 1)]);
    assert_eq!(read_port(&mut board, 0xcfc, 4, START), u32::MAX);
    assert_eq!(read_port(&mut board, 0x2f8, 1, START), 0xff);
    assert_eq!(read_port(&mut board, 0xffff, 2, START), 0xffff, "past the last port, too");
    assert_eq!(read_port(&mut board, 0x3f9, 2, START), 0x0100, "two registers");
}

#[test]
fn all_ways_to_reset_are_understood() {
    for (port, value) in [(0x64, 0xfe), (0x92, 0x01), (0xcf9, 0x06)] {
        let mut board = board();
        assert_eq!(board.take_request(), None);
        write(&mut board, &[(port, value)]);
        assert_eq!(board.take_request(), Some(Request::Reset));
        assert_eq!(board.take_request(), None);
    }
    let mut board = board();
    write_place(&mut board, Place::Port(0xcf8), 4, 0xffff_ffff, START);
    assert_eq!(board.take_request(), None, "that is how PCI is looked for");
}

/// A bus with a register of eight bytes at one place, which interrupts on line 10 while it is not zero.
#[derive(Default)]
struct Register(u64);

impl Register {
    const PLACE: Place = Place::Memory(0xe000_0000);
}

impl Bus for Register {
    fn read(&mut self, place: Place, _: u8, _: &mut World<'_>) -> Option<u64> {
        (place == Self::PLACE).then_some(self.0)
    }

    fn write(&mut self, place: Place, _: u8, value: u64, world: &mut World<'_>) -> Option<()> {
        (place == Self::PLACE).then(|| {
            self.0 = value;
            world.interrupts.set_line(Line::new(10).unwrap(), value != 0);
        })
    }

    fn reset(&mut self) {
        self.0 = 0;
    }
}

#[test]
fn a_bus_answers_at_its_places_and_interrupts() {
    let mut board = Board::new(0, 1, Register::default());
    for (port, value) in [(0x20, 0x11), (0x21, 0x30), (0x21, 0x04), (0x21, 0x01)] {
        write_place(&mut board, Place::Port(port), 1, value, START);
    }
    for (port, value) in [(0xa0, 0x11), (0xa1, 0x38), (0xa1, 0x02), (0xa1, 0x01)] {
        write_place(&mut board, Place::Port(port), 1, value, START);
    }
    write_place(&mut board, Register::PLACE, 2, 0xffff_1234, START);
    assert_eq!(read(&mut board, Register::PLACE, 8, START), 0x1234, "no more than is written");
    assert_eq!(read(&mut board, Register::PLACE, 1, START), 0x34, "no more than is read");
    assert_eq!(board.take_interrupt(0), Some(0x3a));
    write_place(&mut board, Place::Memory(0xe000_0008), 8, 0, START);
    assert_eq!(read(&mut board, Place::Memory(0xe000_0008), 4, START), 0xffff_ffff, "nobody's");
    board.restart(0);
    assert_eq!(read(&mut board, Register::PLACE, 8, START), 0);
}

proptest! {
    /// Whatever a guest does at its ports, nothing overflows, and no more bits come than were asked.
    #[test]
    fn any_access_is_survived(
        accesses in prop::collection::vec(
            (prop_oneof![any::<u16>(), 0x20u16..0x72, 0xa0u16..0xa2, 0x3f8u16..0x400],
             prop::sample::select(vec![1u8, 2, 4]), any::<u32>(), any::<bool>(), 0u64..1 << 40),
            0..200,
        ),
    ) {
        let mut board = board();
        let mut now = Time(0);
        for (port, bytes, value, is_read, step) in accesses {
            now.0 += step;
            board.advance(now);
            if is_read {
                prop_assert_eq!(u64::from(read_port(&mut board, port, bytes, now)) >> (bytes * 8), 0);
            } else {
                write_place(&mut board, Place::Port(port), bytes, value.into(), now);
            }
            board.input(&[value as u8]);
            if board.has_interrupt(0) {
                board.take_interrupt(0);
            }
            board.take_output(&mut [0; 3]);
        }
    }
}

#[test]
fn the_machine_is_switched_off_by_its_kind_of_sleep_and_no_other() {
    let mut board = board();
    assert_eq!(read_port(&mut board, power::CONTROL, 2, START) & 1, 1, "ACPI is on");
    for (value, expected) in
        [(5 << 10, None), (4 << 10 | 1 << 13, None), (5 << 10 | 1 << 13, Some(Request::Off))]
    {
        write_place(&mut board, Place::Port(power::CONTROL), 2, value, START);
        assert_eq!(board.take_request(), expected, "{value:x}");
    }
    write_place(&mut board, Place::Port(power::EVENT + 2), 2, 0x120, START);
    assert_eq!(read_port(&mut board, power::EVENT, 4, START), 0x120 << 16, "nothing happened");
}

#[test]
fn the_power_timer_counts_its_cycles() {
    let mut board = board();
    assert_eq!(read_port(&mut board, power::TIMER, 4, second(1)), 3_579_545);
    let wrapped = read_port(&mut board, power::TIMER, 4, second(1_200));
    assert_eq!(u64::from(wrapped), 1_200 * 3_579_545 - (1 << 32));
}
