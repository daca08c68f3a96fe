//! The machine of one guest: its devices, its processor's identity, and the answer to every exit.

use a9n_abi::guest::{
    Event, Exit, ExitReason, GuestInstruction, GuestVerdict, PortAccess, Situation, StateGroups,
};
use amateras_devices::{
    Board, Bus, LOCAL_APIC_ADDRESS, LocalApic, NoBus, Place, Request, Time, Timeline, Visit,
};

use crate::answer::{PROTECTION, UNDEFINED};
use crate::emulate::Emulator;
use crate::lengths::Lengths;
use crate::processor::XCR0;
use crate::{Answer, Identity, Next, Processor, Stop, registers, string};

/// A machine, which several threads may have before them.
#[derive(Debug)]
pub struct Machine<B = NoBus> {
    /// Its devices.
    pub board: Board<B>,
    identity: Identity,
}

/// What a thread that answers exits has to itself.
#[derive(Clone, Debug)]
pub struct Notes {
    /// The machine's time.
    pub timeline: Timeline,
    lengths: Lengths,
    emulator: Emulator,
}

impl Notes {
    /// One where no instruction is known yet.
    pub fn new(timeline: Timeline) -> Self {
        Self { timeline, lengths: Lengths::new(), emulator: Emulator::new() }
    }
}

impl<B: Bus> Machine<B> {
    /// One that is switched on `epoch` seconds after 1970 began, with so many such processors, and with
    /// the devices of `bus`.
    pub fn new(identity: Identity, processors: usize, epoch: u64, bus: B) -> Self {
        Self { board: Board::new(epoch, processors, bus), identity }
    }

    /// What becomes of the guest after an exit, for the reason with number `label`.
    pub fn exit(
        &self,
        notes: &mut Notes,
        label: u32,
        exit: &Exit,
        processor: &mut impl Processor,
        visit: Visit<'_>,
    ) -> Next {
        let (now, me) = (visit.now, visit.processor);
        let Notes { timeline, lengths, emulator } = notes;
        let Some(reason) = ExitReason::from_number(label) else {
            return Next::Stop(Stop::Unknown(label, exit.detail));
        };
        let number = exit.detail as u32;
        let length = lengths.of(reason, exit, processor, visit.memory);
        let length = || length.ok_or(Stop::NoInstruction(exit.instruction));
        let answer = match reason {
            ExitReason::Identify => length().map(|length| {
                let leaf = self.identity.answer(number, exit.value as u32, me, processor);
                Answer::after(length).with_four(leaf.map(u64::from))
            }),
            ExitReason::Port => length().and_then(|length| {
                let done = if PortAccess(exit.detail).has(PortAccess::STRING) {
                    string::transfer(exit, length, processor, &self.board, visit)
                } else {
                    Ok(self.access_port(exit, length, visit))
                };
                self.heed(done, me, now)
            }),
            ExitReason::Halt => match length() {
                Ok(length) => return self.halt(exit, length, visit),
                Err(stop) => Err(stop),
            },
            ExitReason::InterruptWindow | ExitReason::Kick => {
                return self.go_on(Answer::default(), exit, visit);
            }
            ExitReason::ReadRegister => match self.read_register(number, processor, timeline, me) {
                None => Ok(Answer::default().with_event(PROTECTION)),
                Some(value) => length().map(|length| Answer::after(length).with_pair(value)),
            },
            ExitReason::WriteRegister => {
                match self.write_register(number, exit.value, processor, timeline, me) {
                    None => Ok(Answer::default().with_event(PROTECTION)),
                    Some(()) => self.heed(length().map(Answer::after), me, now),
                }
            }
            ExitReason::Exception => Ok(Answer::default().with_event(Event(exit.detail))),
            ExitReason::SetExtended => {
                let is_kernel = exit.situation.privilege() == 0;
                if is_kernel && number == 0 && self.identity.extended().admit(exit.value) {
                    processor.set(StateGroups::CONTROL, XCR0, exit.value);
                    length().map(Answer::after)
                } else {
                    Ok(Answer::default().with_event(PROTECTION))
                }
            }
            ExitReason::Hypercall => Ok(Answer::default().with_event(UNDEFINED)),
            ExitReason::Instruction => match exit.detail {
                // Caches are the machine's, and coherent.
                WRITE_BACK | INVALIDATE => length().map(Answer::after),
                READ_COUNTER => Ok(Answer::default().with_event(PROTECTION)),
                TASK_SWITCH => Err(Stop::Unknown(label, exit.detail)),
                _ => Ok(Answer::default().with_event(UNDEFINED)),
            },
            ExitReason::Memory => {
                let done = emulator.carry_out(exit, processor, &self.board, visit);
                self.heed(done, me, now)
            }
            ExitReason::Shutdown => Err(Stop::TripleFault),
            ExitReason::ControlRegister | ExitReason::Invalid | ExitReason::Other => {
                Err(Stop::Unknown(label, exit.detail))
            }
        };
        match answer {
            Ok(answer) => self.interrupt(answer, exit, me),
            Err(stop) => Next::Stop(stop),
        }
    }

    /// The interrupt that `processor` takes, if one is pending.
    pub fn take_interrupt(&self, processor: usize) -> Option<Event> {
        self.board.take_interrupt(processor).map(Event::interrupt)
    }

    fn read_register(
        &self,
        number: u32,
        processor: &mut impl Processor,
        timeline: &Timeline,
        me: usize,
    ) -> Option<u64> {
        match number {
            APIC_BASE => Some(LOCAL_APIC_ADDRESS | APIC_ON | if me == 0 { APIC_FIRST } else { 0 }),
            ADJUSTMENT => {
                let ahead = processor.get(StateGroups::TIME, 0);
                Some(ahead.wrapping_sub(timeline.ahead()))
            }
            DEADLINE => self.board.locals().with(me, |local| local.timer().deadline()),
            _ => registers::read(number, processor),
        }
    }

    fn write_register(
        &self,
        number: u32,
        value: u64,
        processor: &mut impl Processor,
        timeline: &Timeline,
        me: usize,
    ) -> Option<()> {
        match number {
            // It stays where it is, and on.
            APIC_BASE => {
                let stands = self.read_register(number, processor, timeline, me);
                (Some(value) == stands).then_some(())
            }
            ADJUSTMENT => {
                processor.set(StateGroups::TIME, 0, value.wrapping_add(timeline.ahead()));
                Some(())
            }
            DEADLINE => {
                let ahead = processor.get(StateGroups::TIME, 0);
                let end = timeline.time(value.wrapping_sub(ahead));
                let set = |local: &mut LocalApic| local.timer().set_deadline(value, end);
                self.board.locals().with(me, set)
            }
            _ => registers::write(number, value, processor),
        }
    }

    fn halt(&self, exit: &Exit, length: u8, visit: Visit<'_>) -> Next {
        if !exit.situation.has(Situation::INTERRUPTS) {
            // Nothing but another processor gets it out of this.
            return Next::Wait;
        }
        self.board.advance_local(visit.processor, visit.now);
        match self.take_interrupt(visit.processor) {
            None => Next::Halt(length),
            Some(event) => Next::Run(Answer::after(length).with_event(event)),
        }
    }

    fn access_port(&self, exit: &Exit, length: u8, visit: Visit<'_>) -> Answer {
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
    fn heed(&self, done: Result<Answer, Stop>, me: usize, now: Time) -> Result<Answer, Stop> {
        match self.board.take_request() {
            Some(Request::Reset) => return Err(Stop::Reset),
            Some(Request::Off) => return Err(Stop::Off),
            None => {}
        }
        self.board.advance_local(me, now);
        done
    }

    fn go_on(&self, answer: Answer, exit: &Exit, visit: Visit<'_>) -> Next {
        self.board.advance_local(visit.processor, visit.now);
        self.interrupt(answer, exit, visit.processor)
    }

    /// Injects an interrupt if one is pending and can be; if it cannot be yet, the guest is left as
    /// soon as it can.
    fn interrupt(&self, answer: Answer, exit: &Exit, processor: usize) -> Next {
        if !self.board.has_interrupt(processor) {
            return Next::Run(answer);
        }
        let is_done = answer.verdict.bytes_done() > 0;
        // What stands before an instruction that is done holds nothing off any more.
        let is_open = match is_done {
            true => exit.situation.has(Situation::INTERRUPTS),
            false => exit.situation.is_interruptible(),
        };
        let is_taken = exit.interrupted.is_valid() || answer.verdict.has(GuestVerdict::INJECT);
        if is_open
            && !is_taken
            && let Some(event) = self.take_interrupt(processor)
        {
            return Next::Run(answer.with_event(event));
        }
        let verdict = answer.verdict.with(GuestVerdict::WINDOW);
        Next::Run(Answer { verdict, ..answer })
    }
}

/// Where the local interrupt controller is; that it is on; that it is the first processor's.
const APIC_BASE: u32 = 0x1b;
const APIC_ON: u64 = 1 << 11;
const APIC_FIRST: u64 = 1 << 8;
/// What the guest lets its time-stamp counter be ahead.
const ADJUSTMENT: u32 = 0x3b;
/// When it interrupts, by the time-stamp counter.
const DEADLINE: u32 = 0x6e0;

const READ_COUNTER: u64 = GuestInstruction::ReadCounter as u64;
const WRITE_BACK: u64 = GuestInstruction::WriteBack as u64;
const INVALIDATE: u64 = GuestInstruction::Invalidate as u64;
const TASK_SWITCH: u64 = GuestInstruction::TaskSwitch as u64;
