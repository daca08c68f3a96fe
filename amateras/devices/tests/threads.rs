//! A board with several threads before it, as a monitor has on several CPUs.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use amateras_devices::{Board, LOCAL_APIC_ADDRESS, NoBus, Place, Time, Visit};

const NOW: Time = Time(0);
const VECTOR: u64 = 0x41;
/// Registers of a local APIC.
const END: u64 = 0xb0;
const SPURIOUS: u64 = 0xf0;
const COMMAND: u64 = 0x300;
const COMMAND_TO: u64 = 0x310;
/// How often the two answer each other.
const TIMES: u32 = 200;
/// Looks after which an interrupt counts as lost.
const PATIENCE: u32 = 20_000_000;

/// A board, and whose threads were rung for.
struct Monitor {
    board: Board,
    rung: AtomicU32,
}

impl Monitor {
    fn write(&self, processor: usize, place: Place, value: u64) {
        let memory = &mut &mut [][..];
        self.board.write(place, 4, value, Visit { processor, memory, now: NOW });
    }

    fn set(&self, processor: usize, register: u64, value: u64) {
        self.write(processor, Place::Memory(LOCAL_APIC_ADDRESS + register), value);
    }

    /// What a thread does after each exit: it rings for those to whom something came.
    fn tell(&self) {
        self.rung.fetch_or(self.board.take_reached(), Ordering::AcqRel);
    }

    /// `processor`, which has halted, waits until it is rung for, and takes its interrupt.
    fn wake(&self, processor: usize) -> Option<u8> {
        let bit = 1 << processor;
        for _ in 0..PATIENCE {
            if self.rung.fetch_and(!bit, Ordering::AcqRel) & bit != 0
                && let Some(vector) = self.board.take_interrupt(processor)
            {
                self.set(processor, END, 0);
                return Some(vector);
            }
            hint::spin_loop();
            thread::yield_now();
        }
        None
    }
}

#[test]
fn interrupts_between_two_processors_arrive_while_a_third_is_at_the_devices() {
    let monitor = Monitor { board: Board::new(0, 3, NoBus), rung: AtomicU32::new(0) };
    let over = AtomicBool::new(false);
    for processor in 0..3 {
        monitor.set(processor, SPURIOUS, 0x1ff);
    }
    thread::scope(|scope| {
        let players = [0, 1].map(|me: usize| {
            let monitor = &monitor;
            scope.spawn(move || {
                for round in 0..TIMES {
                    if me == 0 || round > 0 {
                        monitor.set(me, COMMAND_TO, (1 - me as u64) << 24);
                        monitor.set(me, COMMAND, VECTOR);
                        monitor.tell();
                    }
                    assert_eq!(monitor.wake(me), Some(VECTOR as u8), "processor {me}, {round}");
                }
                // The last word, so that the other is not left waiting.
                if me == 1 {
                    monitor.set(me, COMMAND_TO, 0);
                    monitor.set(me, COMMAND, VECTOR);
                    monitor.tell();
                }
            })
        });
        let at_devices = scope.spawn(|| {
            let (mut sent, mut taken) = (0, 0);
            while !over.load(Ordering::Acquire) {
                monitor.write(2, Place::Port(0x3f8), u64::from(b'x'));
                monitor.tell();
                sent += 1;
                taken += monitor.board.take_output(&mut [0; 8]);
            }
            (sent, taken)
        });
        for player in players {
            player.join().expect("no interrupt is lost");
        }
        over.store(true, Ordering::Release);
        let (sent, taken) = at_devices.join().expect("it goes on");
        assert_eq!(sent, taken, "each byte came out");
    });
}
