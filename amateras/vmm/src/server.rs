//! What a thread of a monitor does at its seat: it answers the exits of its processors, wakes and starts
//! them, and stops them when it is ordered to. Nobody else touches them.

use core::sync::atomic::Ordering;

use amateras_devices::{Start, Timeline, Visit};
use amateras_machine::{Answer, End, Next, Notes, Processor as _, Stand, Stop};
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{Exit, ExitReason, GuestVerdict, StateGroups};
use nun::{Error, Message, ticks};

use crate::order::Order;
use crate::processors::{Doing, Registers, VirtualProcessor};
use crate::shared::Shared;
use crate::state;

/// The words of time: what the counter is ahead.
const TIME: StateGroups = StateGroups::TIME;

/// A thread's part.
#[derive(Debug)]
pub struct Server {
    shared: &'static Shared,
    seat: usize,
    /// What it knows by itself; the time of the machine with it.
    pub notes: Notes,
    is_paused: bool,
}

impl Server {
    /// That of the thread at `seat`. The first order says when the machine is switched on.
    pub fn new(shared: &'static Shared, seat: usize) -> Self {
        let timeline = Timeline::new(0, shared.ticks_per_millisecond);
        Self { shared, seat, notes: Notes::new(timeline), is_paused: false }
    }

    /// What processor `number` says by an exit with the label `label` and these words. Answers the reply.
    pub fn exit(
        &mut self,
        number: u64,
        label: u32,
        words: &[u64; MESSAGE_REGISTERS],
    ) -> Result<Message, Error> {
        let (number, shared) = (number as usize, self.shared);
        let Some(processor) = shared.processors.get(number) else {
            return Ok(stopped_after(0));
        };
        processor.exits.fetch_add(1, Ordering::Relaxed);
        // Whoever has something for it from now on makes it leave again, unless it is seen here.
        processor.set_awaited(false);
        let exit = Exit::from_words(words);
        let now = self.notes.timeline.time(ticks());
        let mut memory = shared.memory;
        let visit = Visit { processor: number, memory: &mut memory, now };
        let mut registers = Registers(processor.pcb);
        let next = shared.machine.exit(&mut self.notes, label, &exit, &mut registers, visit);
        let mut end = |stop| {
            shared.end(End { stop, stand: Stand::of(number, &exit, &mut registers) });
            shared.call_first(self.seat)
        };
        let reply = match next {
            Next::Run(Answer { verdict, words }) => {
                if verdict.has(GuestVerdict::WINDOW) {
                    processor.set_awaited(true);
                }
                Message::new(verdict.0, words)
            }
            Next::Halt(bytes) => {
                processor.set_doing(Doing::Halted);
                // Who brought something before that took it for running.
                if shared.machine.board.has_interrupt(number) {
                    shared.ring(self.seat, self.seat)?;
                }
                stopped_after(bytes)
            }
            Next::Wait => {
                processor.set_doing(Doing::Waiting);
                if shared.is_dead() {
                    end(Stop::Halted)?;
                }
                stopped_after(0)
            }
            Next::Stop(stop) => {
                processor.set_doing(Doing::Waiting);
                end(stop)?;
                stopped_after(0)
            }
        };
        if can_concern_first(label) && self.concerns_first(number) {
            shared.call_first(self.seat)?;
        }
        shared.tell(self.seat)?;
        Ok(reply)
    }

    /// Whether there is something that only the first thread does: for devices, or another alarm.
    fn concerns_first(&self, number: usize) -> bool {
        let board = &self.shared.machine.board;
        let deadline = board.deadline_of(number);
        let is_sooner = |time| self.shared.is_sooner(self.notes.timeline.ticks(time));
        board.calls() || deadline.is_some_and(is_sooner)
    }

    /// Somebody rang: looks after those that halted or wait.
    pub fn attend(&mut self) -> Result<(), Error> {
        if self.is_paused {
            return Ok(());
        }
        for (number, processor) in self.own() {
            self.start(number, processor)?;
            match processor.doing() {
                Doing::Halted => {
                    if let Some(event) = self.shared.machine.take_interrupt(number) {
                        processor.wake(event)?;
                    }
                }
                // Somebody rang for it while it was woken for something else.
                Doing::Running if self.shared.machine.board.has_interrupt(number) => {
                    processor.kick()?;
                }
                Doing::Running | Doing::Waiting => {}
            }
        }
        Ok(())
    }

    /// Does to `processor` what another did to it.
    fn start(&self, number: usize, processor: &VirtualProcessor) -> Result<(), Error> {
        match self.shared.machine.board.take_start(number) {
            Some(Start::Wait) => {
                suspend(processor)?;
                processor.set_doing(Doing::Waiting);
            }
            // One that waits for that is started, and no other.
            Some(Start::At(page)) if processor.doing() == Doing::Waiting => {
                processor.pcb.write_guest(state::prepare_start(page))?;
                processor.resume()?;
            }
            Some(Start::At(_)) | None => {}
        }
        Ok(())
    }

    /// Does what the first thread orders.
    pub fn obey(&mut self, order: Order) -> Result<(), Error> {
        let timeline = &mut self.notes.timeline;
        match order {
            Order::Pause => {
                self.is_paused = true;
                self.own().try_for_each(|(_, processor)| suspend(processor))
            }
            Order::GoOn { passed } => {
                *timeline = timeline.without(passed);
                self.is_paused = false;
                for (_, processor) in self.own() {
                    let mut registers = Registers(processor.pcb);
                    let ahead = registers.get(TIME, 0);
                    registers.set(TIME, 0, ahead.wrapping_sub(passed));
                    if processor.doing() == Doing::Running {
                        processor.resume()?;
                    }
                }
                self.attend()
            }
            Order::BeginAt { origin } => {
                *timeline = Timeline::new(origin, self.shared.ticks_per_millisecond);
                self.is_paused = false;
                for (_, processor) in self.own() {
                    suspend(processor)?;
                    processor.set_doing(Doing::Waiting);
                    Registers(processor.pcb).set(TIME, 0, 0);
                }
                Ok(())
            }
        }
    }

    /// Its processors, with their numbers.
    fn own(&self) -> impl Iterator<Item = (usize, &'static VirtualProcessor)> + use<> {
        let seat = self.seat;
        self.shared.processors.iter().enumerate().filter(move |(_, it)| it.seat == seat)
    }
}

fn suspend(processor: &VirtualProcessor) -> Result<(), Error> {
    match processor.doing() {
        Doing::Running => processor.pcb.suspend().map(|_| ()),
        Doing::Halted | Doing::Waiting => Ok(()),
    }
}

/// Whether exits for this reason can be anything to the first thread.
fn can_concern_first(label: u32) -> bool {
    use ExitReason::{Memory, Port, WriteRegister};
    matches!(ExitReason::from_number(label), Some(Port | Memory | WriteRegister))
}

/// The answer that leaves a processor stopped, after an instruction of so many bytes.
const fn stopped_after(bytes: u8) -> Message {
    Message::new(GuestVerdict::STOP.after(bytes).0, [])
}
