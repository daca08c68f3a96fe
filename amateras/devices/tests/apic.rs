//! The local APICs and the I/O APIC, by their registers, with their messages to one another.

use amateras_devices::{
    Board, IO_APIC_ADDRESS, LOCAL_APIC_ADDRESS, Line, NoBus, Place, Start, Time, Visit,
};
use proptest::prelude::*;

const START: Time = Time(0);

/// Offsets of registers of a local APIC.
const TASK_PRIORITY: u64 = 0x80;
const END: u64 = 0xb0;
const LOGICAL: u64 = 0xd0;
const FORMAT: u64 = 0xe0;
const SPURIOUS: u64 = 0xf0;
const IN_SERVICE: u64 = 0x100;
const ERROR: u64 = 0x280;
const COMMAND: u64 = 0x300;
const COMMAND_TO: u64 = 0x310;
const TIMER: u64 = 0x320;
const LINE_0: u64 = 0x350;
const COUNT: u64 = 0x380;
const LEFT: u64 = 0x390;
const DIVISOR: u64 = 0x3e0;
const MASKED: u32 = 1 << 16;

/// A machine whose local APICs are on, without what is left of the old controllers.
struct Machine(Board);

impl Machine {
    fn new(processors: usize) -> Self {
        let mut machine = Self(Board::new(0, processors, NoBus));
        for processor in 0..processors {
            machine.write(processor, SPURIOUS, 0x1ff);
            machine.write(processor, LOGICAL, 1 << (24 + processor));
            machine.write(processor, LINE_0, MASKED);
        }
        machine
    }

    fn access(&mut self, processor: usize, place: Place, value: Option<u32>, now: Time) -> u32 {
        let visit = Visit { processor, memory: &mut &mut [][..], now };
        match value {
            None => self.0.read(place, 4, visit) as u32,
            Some(value) => {
                self.0.write(place, 4, value.into(), visit);
                0
            }
        }
    }

    fn read_at(&mut self, processor: usize, register: u64, now: Time) -> u32 {
        self.access(processor, Place::Memory(LOCAL_APIC_ADDRESS + register), None, now)
    }

    fn read(&mut self, processor: usize, register: u64) -> u32 {
        self.read_at(processor, register, START)
    }

    fn write(&mut self, processor: usize, register: u64, value: u32) {
        let place = Place::Memory(LOCAL_APIC_ADDRESS + register);
        self.access(processor, place, Some(value), START);
    }

    /// Writes a line's entry, its upper half first.
    fn route(&mut self, line: u32, destination: u8, entry: u32) {
        for (register, value) in [(0x11, u32::from(destination) << 24), (0x10, entry)] {
            let (select, window) = (IO_APIC_ADDRESS, IO_APIC_ADDRESS + 0x10);
            self.access(0, Place::Memory(select), Some(register + 2 * line), START);
            self.access(0, Place::Memory(window), Some(value), START);
        }
    }

    fn set_line(&mut self, line: u8, high: bool) {
        self.0.with_interrupts(|it| it.set_line(Line::new(line).unwrap(), high));
    }

    fn message(&mut self, address: u64, data: u32) {
        self.0.with_interrupts(|it| it.message(address, data));
    }

    fn take(&mut self, processor: usize) -> Option<u8> {
        self.0.take_interrupt(processor)
    }

    fn end(&mut self, processor: usize) {
        self.write(processor, END, 0);
    }

    /// All that are taken, each ended at once.
    fn all(&mut self, processor: usize) -> Vec<u8> {
        let mut taken = vec![];
        while let Some(vector) = self.take(processor) {
            taken.push(vector);
            self.end(processor);
        }
        taken
    }
}

#[test]
fn who_is_more_urgent_goes_first_and_interrupts_the_others() {
    let mut machine = Machine::new(1);
    for vector in [0x31, 0x52, 0x51] {
        machine.message(0xfee0_0000, vector);
    }
    assert_eq!(machine.take(0), Some(0x52));
    assert_eq!(machine.take(0), None, "one of its class is in service");
    machine.message(0xfee0_0000, 0x61);
    assert_eq!(machine.take(0), Some(0x61));
    assert_eq!(machine.read(0, IN_SERVICE + 0x20), 1 << 18);
    assert_eq!(machine.read(0, IN_SERVICE + 0x30), 1 << 1);
    machine.end(0);
    machine.end(0);
    assert_eq!(machine.take(0), Some(0x51));
    machine.end(0);
    machine.write(0, TASK_PRIORITY, 0x3f);
    assert!(!machine.0.has_interrupt(0), "the task is as urgent");
    machine.write(0, TASK_PRIORITY, 0x2f);
    assert_eq!(machine.take(0), Some(0x31));
    machine.end(0);
    machine.end(0);
    assert_eq!(machine.take(0), None);
}

#[test]
fn a_controller_that_is_off_takes_nothing_and_masks_its_entries() {
    let mut machine = Machine::new(1);
    machine.write(0, TIMER, 0x40);
    machine.write(0, SPURIOUS, 0xff);
    assert_eq!(machine.read(0, TIMER), 0x40 | MASKED);
    machine.write(0, TIMER, 0x40);
    assert_eq!(machine.read(0, TIMER), 0x40 | MASKED, "as long as it is off");
    machine.message(0xfee0_0000, 0x31);
    machine.write(0, SPURIOUS, 0x1ff);
    assert_eq!(machine.take(0), None);
}

#[test]
fn the_old_controllers_interrupt_through_the_first_processors_entry() {
    let board = Board::new(0, 2, NoBus);
    for (port, value) in [(0x20, 0x11), (0x21, 0x30), (0x21, 0x04), (0x21, 0x01), (0x21, 0)] {
        let visit = Visit { processor: 0, memory: &mut &mut [][..], now: START };
        board.write(Place::Port(port), 1, value, visit);
    }
    let mut machine = Machine(board);
    machine.set_line(4, true);
    assert!(machine.0.has_interrupt(0), "as firmware leaves it");
    assert!(!machine.0.has_interrupt(1));
    machine.write(0, SPURIOUS, 0x1ff);
    machine.write(0, LINE_0, 0x700 | MASKED);
    assert!(!machine.0.has_interrupt(0));
    machine.write(0, LINE_0, 0x700);
    assert_eq!(machine.take(0), Some(0x34));
}

#[test]
fn the_timer_counts_once_again_and_again_or_to_a_deadline() {
    let mut machine = Machine::new(1);
    machine.write(0, DIVISOR, 0b1011);
    machine.write(0, TIMER, 0x40);
    machine.write(0, COUNT, 1_000);
    assert_eq!(machine.read_at(0, LEFT, Time(400)), 600);
    assert_eq!(machine.0.deadline(), Some(Time(1_000)));
    machine.0.advance(Time(999));
    assert_eq!(machine.take(0), None);
    machine.0.advance(Time(1_000));
    assert_eq!(machine.all(0), [0x40]);
    assert_eq!((machine.0.deadline(), machine.read_at(0, LEFT, Time(1_001))), (None, 0));

    machine.write(0, DIVISOR, 0b0010);
    machine.write(0, TIMER, 0x41 | 1 << 17);
    machine.write(0, COUNT, 100);
    assert_eq!(machine.0.deadline(), Some(Time(800)), "eight nanoseconds each");
    machine.0.advance(Time(2_500));
    assert_eq!(machine.all(0), [0x41], "three are one");
    assert_eq!(machine.0.deadline(), Some(Time(3_200)));
    machine.write(0, TIMER, 0x41 | 1 << 17 | MASKED);
    assert_eq!(machine.0.deadline(), None, "nobody hears it");

    machine.write(0, TIMER, 0x42 | 2 << 17);
    machine.write(0, COUNT, 100);
    assert_eq!(machine.0.deadline(), None, "it takes no counts now");
    let timer =
        |machine: &mut Machine| machine.0.locals().with(0, |it| it.timer().clone()).unwrap();
    machine.0.locals().with(0, |it| it.timer().set_deadline(77, Time(5_000)));
    assert_eq!((machine.0.deadline(), timer(&mut machine).deadline()), (Some(Time(5_000)), 77));
    machine.0.advance(Time(5_000));
    assert_eq!((machine.all(0), timer(&mut machine).deadline()), (vec![0x42], 0));
    for divisor in [0, 1, 2, 3, 8, 9, 10, 11] {
        machine.write(0, DIVISOR, divisor);
        assert_eq!(machine.read(0, DIVISOR), divisor);
    }
}

#[test]
fn processors_interrupt_one_another() {
    let mut machine = Machine::new(3);
    let send = |machine: &mut Machine, to: u8, command: u32| {
        machine.write(1, COMMAND_TO, u32::from(to) << 24);
        machine.write(1, COMMAND, command);
        [0, 1, 2].map(|processor| machine.all(processor).len())
    };
    assert_eq!(send(&mut machine, 2, 0x40), [0, 0, 1], "by number");
    assert_eq!(send(&mut machine, 0xff, 0x40), [1, 1, 1]);
    assert_eq!(send(&mut machine, 0b101, 0x840), [1, 0, 1], "by logical number");
    assert_eq!(send(&mut machine, 0, 0x4_0040), [0, 1, 0], "itself");
    assert_eq!(send(&mut machine, 0, 0x8_0040), [1, 1, 1], "all");
    assert_eq!(send(&mut machine, 0, 0xc_0040), [1, 0, 1], "all others");
    assert_eq!(send(&mut machine, 0b110, 0x940).iter().sum::<usize>(), 1, "one of them");
    assert_eq!(send(&mut machine, 2, 0x0f), [0, 0, 0], "no such vector");
    machine.write(1, ERROR, 0);
    assert_eq!(machine.read(1, ERROR), 1 << 5);
    for processor in 0..3 {
        machine.write(processor, FORMAT, 0x0fff_ffff);
        machine.write(processor, LOGICAL, 0x2000_0000 | 1 << (24 + processor));
    }
    assert_eq!(send(&mut machine, 0x26, 0x840), [0, 1, 1], "in clusters");
    assert_eq!(send(&mut machine, 0x16, 0x840), [0, 0, 0], "another cluster");
}

#[test]
fn processors_start_one_another() {
    let mut machine = Machine::new(2);
    machine.write(1, TIMER, 0x40);
    machine.write(0, COMMAND_TO, 1 << 24);
    machine.write(0, COMMAND, 0x4500);
    assert_eq!(machine.0.take_start(1), Some(Start::Wait));
    assert_eq!(machine.read(1, TIMER), MASKED, "it is as after a reset");
    machine.write(0, COMMAND, 0x8500);
    assert_eq!(machine.0.take_start(1), None, "that is the end of it");
    machine.write(0, COMMAND, 0x0699);
    assert_eq!(machine.0.take_start(1), Some(Start::At(0x99)));
    assert_eq!(machine.0.take_start(1), None);
    machine.write(1, COMMAND, 0x8_4500);
    assert_eq!(machine.0.take_start(0), None, "the first is not reset");
}

#[test]
fn a_line_with_an_edge_interrupts_once_for_each() {
    let mut machine = Machine::new(2);
    machine.set_line(5, true);
    machine.route(5, 1, 0x45);
    assert_eq!(machine.all(1), [], "that was before");
    machine.set_line(5, false);
    machine.set_line(5, true);
    machine.set_line(5, true);
    assert_eq!((machine.all(1), machine.all(0)), (vec![0x45], vec![]));
    machine.route(5, 1, 0x45 | MASKED);
    machine.set_line(5, false);
    machine.set_line(5, true);
    assert_eq!(machine.all(1), []);
}

#[test]
fn a_line_with_a_level_interrupts_until_it_falls() {
    let mut machine = Machine::new(1);
    machine.route(11, 0, 0x51 | 1 << 15);
    machine.set_line(11, true);
    assert_eq!(machine.take(0), Some(0x51));
    machine.set_line(11, false);
    machine.set_line(11, true);
    assert_eq!(machine.take(0), None, "it is in service");
    machine.end(0);
    assert_eq!(machine.take(0), Some(0x51), "still high");
    machine.set_line(11, false);
    machine.end(0);
    assert_eq!(machine.take(0), None);
    machine.route(11, 0, 0x51 | 1 << 15 | MASKED);
    machine.set_line(11, true);
    assert_eq!(machine.take(0), None);
    machine.route(11, 0, 0x51 | 1 << 15);
    assert_eq!(machine.take(0), Some(0x51), "it waited");
}

#[test]
fn two_lines_may_share_a_vector() {
    let mut machine = Machine::new(1);
    machine.route(10, 0, 0x51 | 1 << 15);
    machine.route(11, 0, 0x51 | 1 << 15);
    machine.set_line(10, true);
    machine.set_line(11, true);
    assert_eq!(machine.take(0), Some(0x51));
    machine.set_line(10, false);
    machine.end(0);
    assert_eq!(machine.take(0), Some(0x51), "the other one");
    machine.set_line(11, false);
    machine.end(0);
    assert_eq!(machine.take(0), None);
}

#[test]
fn the_timers_line_is_where_the_cascade_would_be() {
    let mut machine = Machine::new(1);
    machine.route(2, 0, 0x30);
    for (port, value) in [(0x43, 0x30), (0x40, 1), (0x40, 0)] {
        machine.access(0, Place::Port(port), Some(value), START);
    }
    assert!(machine.0.deadline().is_some());
    machine.0.advance(Time(1_000_000));
    assert_eq!(machine.all(0), [0x30]);
}

#[test]
fn messages_say_who_and_what() {
    let mut machine = Machine::new(2);
    machine.message(0xfee0_1000, 0x4061);
    assert_eq!((machine.all(0), machine.all(1)), (vec![], vec![0x61]));
    machine.message(0xfee0_300c, 0x4162);
    let one = machine.all(0).len() + machine.all(1).len();
    assert_eq!(one, 1, "one of two");
    machine.message(0xfed0_0000, 0x61);
    machine.message(0x1_fee0_0000, 0x61);
    assert_eq!(machine.all(0), [], "that is memory");
}

proptest! {
    /// Whatever processors write to their controllers, and whatever lines do: nothing overflows, and
    /// what is taken was asked for by somebody and is above what was in service.
    #[test]
    fn any_registers_are_survived(
        steps in prop::collection::vec(
            (0usize..3, any::<bool>(), 0u64..0x400, prop_oneof![0u32..0x100, any::<u32>()],
             0u8..24, 0u64..1 << 32),
            0..200,
        ),
    ) {
        let mut machine = Machine::new(3);
        let mut now = Time(0);
        for (processor, local, offset, value, line, step) in steps {
            now.0 += step;
            let base = if local { LOCAL_APIC_ADDRESS } else { IO_APIC_ADDRESS };
            let offset = if local { offset } else { offset & 0x10 };
            let place = Place::Memory(base + offset);
            machine.access(processor, place, Some(value), now);
            machine.access(processor, place, None, now);
            if let Some(line) = Line::new(line) {
                machine.0.with_interrupts(|it| it.set_line(line, value & 1 != 0));
            }
            machine.message(0xfee0_0000 | u64::from(value) << 3, value);
            machine.0.advance(now);
            prop_assert!(machine.0.deadline().is_none_or(|next| next > now));
            let is_asked = machine.0.has_interrupt(processor);
            let taken = machine.take(processor);
            prop_assert_eq!(is_asked, taken.is_some());
            prop_assert!(taken.is_none_or(|vector| vector >= 16 || processor == 0));
        }
    }
}
