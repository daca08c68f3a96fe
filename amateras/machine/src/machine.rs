//! The machine of one guest: its devices, its processor's identity, and the answer to every exit.

use a9n_abi::guest::{
    Event, Exit, ExitReason, GuestInstruction, GuestVerdict, PortAccess, Situation,
};
use amateras_devices::{Board, Bus, NoBus, Place, Request, Time, Visit};

use crate::answer::{PROTECTION, UNDEFINED};
use crate::emulate::Emulator;
use crate::lengths::Lengths;
use crate::{Answer, Identity, Next, Processor, Stop, registers, string};

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine<B = NoBus> {
    /// Its devices.
    pub board: Board<B>,
    identity: Identity,
    lengths: Lengths,
    emulator: Emulator,
}

impl<B: Bus> Machine<B> {
    /// One that is switched on `epoch` seconds after 1970 began, with such a processor, and with the
    /// devices of `bus`.
    pub fn new(identity: Identity, epoch: u64, bus: B) -> Self {
        let board = Board::new(epoch, bus);
        Self { board, identity, lengths: Lengths::new(), emulator: Emulator::new() }
    }

    /// What becomes of the guest after an exit, for the reason with number `label`.
    pub fn exit(
        &mut self,
        label: u32,
        exit: &Exit,
        processor: &mut impl Processor,
        visit: Visit<'_>,
    ) -> Next {
        let now = visit.now;
        let Some(reason) = ExitReason::from_number(label) else {
            return Next::Stop(Stop::Unknown(label, exit.detail));
        };
        let number = exit.detail as u32;
        let length = self.lengths.of(reason, exit, processor, visit.memory);
        let length = || length.ok_or(Stop::NoInstruction(exit.instruction));
        let answer = match reason {
            ExitReason::Identify => length().map(|length| {
                let leaf = self.identity.answer(number, exit.value as u32);
                Answer::after(length).with_four(leaf.map(u64::from))
            }),
            ExitReason::Port => length().and_then(|length| {
                let done = if PortAccess(exit.detail).has(PortAccess::STRING) {
                    string::transfer(exit, length, processor, &mut self.board, visit)
                } else {
                    Ok(self.access_port(exit, length, visit))
                };
                self.heed(done, now)
            }),
            ExitReason::Halt => match length() {
                Ok(length) => return self.halt(exit, length, now),
                Err(stop) => Err(stop),
            },
            ExitReason::InterruptWindow | ExitReason::Kick => {
                return self.go_on(Answer::default(), exit, now);
            }
            ExitReason::ReadRegister => match registers::read(number, processor) {
                None => Ok(Answer::default().with_event(PROTECTION)),
                Some(value) => length().map(|length| Answer::after(length).with_pair(value)),
            },
            ExitReason::WriteRegister => match registers::write(number, exit.value, processor) {
                None => Ok(Answer::default().with_event(PROTECTION)),
                Some(()) => length().map(Answer::after),
            },
            ExitReason::Exception => Ok(Answer::default().with_event(Event(exit.detail))),
            ExitReason::Hypercall | ExitReason::SetExtended => {
                Ok(Answer::default().with_event(UNDEFINED))
            }
            ExitReason::Instruction => match exit.detail {
                // Caches are the machine's, and coherent.
                WRITE_BACK | INVALIDATE => length().map(Answer::after),
                READ_COUNTER => Ok(Answer::default().with_event(PROTECTION)),
                TASK_SWITCH => Err(Stop::Unknown(label, exit.detail)),
                _ => Ok(Answer::default().with_event(UNDEFINED)),
            },
            ExitReason::Memory => {
                let done = self.emulator.carry_out(exit, processor, &mut self.board, visit);
                self.heed(done, now)
            }
            ExitReason::Shutdown => Err(Stop::Reset),
            ExitReason::ControlRegister | ExitReason::Invalid | ExitReason::Other => {
                Err(Stop::Unknown(label, exit.detail))
            }
        };
        match answer {
            Ok(answer) => self.interrupt(answer, exit),
            Err(stop) => Next::Stop(stop),
        }
    }

    /// Switches it off and on again, `epoch` seconds after 1970 began.
    pub fn restart(&mut self, epoch: u64) {
        self.board.restart(epoch);
    }

    /// The pending interrupt, to be injected.
    pub fn take_interrupt(&mut self) -> Event {
        Event::interrupt(self.board.take_interrupt())
    }

    fn halt(&mut self, exit: &Exit, length: u8, now: Time) -> Next {
        if !exit.situation.has(Situation::INTERRUPTS) {
            return Next::Stop(Stop::Off);
        }
        self.board.advance(now);
        if !self.board.has_interrupt() {
            return Next::Halt(length);
        }
        Next::Run(Answer::after(length).with_event(self.take_interrupt()))
    }

    fn access_port(&mut self, exit: &Exit, length: u8, visit: Visit<'_>) -> Answer {
        let access = PortAccess(exit.detail);
        let (port, bytes) = (Place::Port(access.port()), access.bytes());
        let answer = Answer::after(length);
        if access.has(PortAccess::IN) {
            let read = self.board.read(port, bytes, visit);
            // Only a read of four bytes clears what is above.
            let kept = match bytes {
                1 => exit.value & !0xff,
                2 => exit.value & !0xffff,
                _ => 0,
            };
            answer.with_result(kept | read)
        } else {
            self.board.write(port, bytes, exit.value, visit);
            answer
        }
    }

    /// Does what an access asked of the whole machine.
    fn heed(&mut self, done: Result<Answer, Stop>, now: Time) -> Result<Answer, Stop> {
        if self.board.take_request() == Some(Request::Reset) {
            return Err(Stop::Reset);
        }
        self.board.advance(now);
        done
    }

    fn go_on(&mut self, answer: Answer, exit: &Exit, now: Time) -> Next {
        self.board.advance(now);
        self.interrupt(answer, exit)
    }

    /// Injects an interrupt if one is pending and can be; if it cannot be yet, the guest is left as
    /// soon as it can.
    fn interrupt(&mut self, answer: Answer, exit: &Exit) -> Next {
        if !self.board.has_interrupt() {
            return Next::Run(answer);
        }
        let is_done = answer.verdict.bytes_done() > 0;
        // What stands before an instruction that is done holds nothing off any more.
        let is_open = match is_done {
            true => exit.situation.has(Situation::INTERRUPTS),
            false => exit.situation.is_interruptible(),
        };
        let is_taken = exit.interrupted.is_valid() || answer.verdict.has(GuestVerdict::INJECT);
        if is_open && !is_taken {
            return Next::Run(answer.with_event(self.take_interrupt()));
        }
        let verdict = answer.verdict.with(GuestVerdict::WINDOW);
        Next::Run(Answer { verdict, ..answer })
    }
}

const READ_COUNTER: u64 = GuestInstruction::ReadCounter as u64;
const WRITE_BACK: u64 = GuestInstruction::WriteBack as u64;
const INVALIDATE: u64 = GuestInstruction::Invalidate as u64;
const TASK_SWITCH: u64 = GuestInstruction::TaskSwitch as u64;
