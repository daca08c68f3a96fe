//! The interrupt controller of a processor, by its registers in memory (Intel SDM, volume 3, chapter 11).

use crate::Time;
use crate::apic_timer::ApicTimer;
use crate::delivery::{Delivery, Destination, Kind};
use crate::vectors::Vectors;

/// Where its registers are.
pub const ADDRESS: u64 = 0xfee0_0000;
/// Bytes of them.
pub const BYTES: u64 = 0x1000;

/// Version of an integrated one, with six local entries.
const VERSION: u32 = 0x0005_0014;
/// Entry: masked.
const MASKED: u32 = 1 << 16;
/// Entry: the old controllers are asked for the vector. That is what firmware leaves behind.
const EXTERNAL: u32 = 7 << 8;
/// Bits of an entry that can be written: all but those that tell what goes on.
const ENTRY: u32 = 0x0007_afff;
/// Spurious vector: the controller is on.
const ON: u32 = 1 << 8;
/// Bits of it that can be written.
const SPURIOUS: u32 = 0x1ff;
/// Vectors below are not received. The error of one that is sent or received nevertheless.
const FIRST: u8 = 16;
const BAD_SENT: u32 = 1 << 5;
const BAD_RECEIVED: u32 = 1 << 6;

/// Numbers of registers: their offset by 16.
mod register {
    pub const ID: u64 = 0x2;
    pub const VERSION: u64 = 0x3;
    pub const TASK_PRIORITY: u64 = 0x8;
    pub const PROCESSOR_PRIORITY: u64 = 0xa;
    pub const END: u64 = 0xb;
    pub const LOGICAL: u64 = 0xd;
    pub const FORMAT: u64 = 0xe;
    pub const SPURIOUS: u64 = 0xf;
    pub const IN_SERVICE: u64 = 0x10;
    pub const LEVELS: u64 = 0x18;
    pub const REQUESTS: u64 = 0x20;
    pub const PAST_REQUESTS: u64 = 0x28;
    pub const ERROR: u64 = 0x28;
    pub const COMMAND: u64 = 0x30;
    pub const COMMAND_TO: u64 = 0x31;
    pub const ENTRIES: u64 = 0x32;
    pub const LAST_ENTRY: u64 = 0x37;
    pub const INITIAL_COUNT: u64 = 0x38;
    pub const CURRENT_COUNT: u64 = 0x39;
    pub const DIVISOR: u64 = 0x3e;
}

/// Local entries: of the timer; where the old controllers are; of errors.
const TIMER: usize = 0;
const LINE_0: usize = 3;
const ERROR: usize = 5;
const ENTRIES: usize = 6;

/// What a write leads to beyond the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// An interrupt is sent.
    Send(Delivery),
    /// The interrupt of a level-triggered line ends.
    End(u8),
}

/// A controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalApic {
    id: u8,
    task_priority: u8,
    logical: u8,
    /// The highest four bits: how logical numbers are read.
    format: u8,
    spurious: u32,
    requests: Vectors,
    in_service: Vectors,
    levels: Vectors,
    error: u32,
    /// Errors since the register was last written.
    new_error: u32,
    command: u32,
    command_to: u8,
    entries: [u32; ENTRIES],
    timer: ApicTimer,
}

impl LocalApic {
    /// That of processor `id`, as firmware leaves it to an operating system.
    pub const fn new(id: u8) -> Self {
        let mut entries = [MASKED; ENTRIES];
        if id == 0 {
            entries[LINE_0] = EXTERNAL;
        }
        Self {
            id,
            task_priority: 0,
            logical: 0,
            format: 15,
            spurious: 0xff,
            requests: Vectors::NONE,
            in_service: Vectors::NONE,
            levels: Vectors::NONE,
            error: 0,
            new_error: 0,
            command: 0,
            command_to: 0,
            entries,
            timer: ApicTimer::OFF,
        }
    }

    /// Whether an interrupt that processor `sender` sends is for it.
    pub fn is_meant(&self, to: Destination, sender: u8) -> bool {
        match to {
            Destination::Physical(id) => id == self.id || id == u8::MAX,
            // In clusters of four, or each with a bit.
            Destination::Logical(number) if self.format == 0 => {
                number >> 4 == self.logical >> 4 && number & self.logical & 15 != 0
            }
            Destination::Logical(number) => number & self.logical != 0,
            Destination::Sender => sender == self.id,
            Destination::All => true,
            Destination::Others => sender != self.id,
        }
    }

    /// Takes an interrupt; while it is off, that is lost.
    pub fn request(&mut self, vector: u8, is_level: bool) {
        if vector < FIRST {
            self.fail(BAD_RECEIVED);
        } else if self.spurious & ON != 0 {
            self.requests.set(vector, true);
            self.levels.set(vector, is_level);
        }
    }

    /// Whether the old controllers may interrupt the processor.
    pub const fn lets_old_in(&self) -> bool {
        self.entries[LINE_0] & (MASKED | EXTERNAL) == EXTERNAL
    }

    /// The vector that the processor is to be interrupted with.
    pub fn pending(&self) -> Option<u8> {
        self.requests.highest().filter(|vector| vector >> 4 > self.priority() >> 4)
    }

    /// The processor takes it.
    pub fn take(&mut self) -> Option<u8> {
        let vector = self.pending()?;
        self.requests.set(vector, false);
        self.in_service.set(vector, true);
        Some(vector)
    }

    /// Its timer.
    pub const fn timer(&mut self) -> &mut ApicTimer {
        &mut self.timer
    }

    /// When the timer interrupts next.
    pub fn deadline(&self) -> Option<Time> {
        self.timer.end().filter(|_| self.entries[TIMER] & MASKED == 0)
    }

    /// Lets happen what happens by itself up to `now`. Whether something did.
    pub fn advance(&mut self, now: Time) -> bool {
        let is_over = self.timer.take_end(now) && self.entries[TIMER] & MASKED == 0;
        if is_over {
            self.request(self.entries[TIMER] as u8, false);
        }
        is_over
    }

    /// Reads register `number`.
    pub fn read(&self, number: u64, now: Time) -> u32 {
        let part = |vectors: &Vectors| vectors.part(number as usize & 7);
        match number {
            register::ID => u32::from(self.id) << 24,
            register::VERSION => VERSION,
            register::TASK_PRIORITY => self.task_priority.into(),
            register::PROCESSOR_PRIORITY => self.priority().into(),
            register::LOGICAL => u32::from(self.logical) << 24,
            register::FORMAT => u32::from(self.format) << 28 | 0x0fff_ffff,
            register::SPURIOUS => self.spurious,
            register::IN_SERVICE..register::LEVELS => part(&self.in_service),
            register::LEVELS..register::REQUESTS => part(&self.levels),
            register::REQUESTS..register::PAST_REQUESTS => part(&self.requests),
            register::ERROR => self.error,
            register::COMMAND => self.command,
            register::COMMAND_TO => u32::from(self.command_to) << 24,
            register::ENTRIES..=register::LAST_ENTRY => {
                self.entries.get((number - register::ENTRIES) as usize).copied().unwrap_or(0)
            }
            register::INITIAL_COUNT => self.timer.initial(),
            register::CURRENT_COUNT => self.timer.current(now),
            register::DIVISOR => self.timer.divisor(),
            _ => 0,
        }
    }

    /// Writes register `number`.
    pub fn write(&mut self, number: u64, value: u32, now: Time) -> Effect {
        let highest = (value >> 24) as u8;
        match number {
            register::TASK_PRIORITY => self.task_priority = value as u8,
            register::END => return self.end(),
            register::LOGICAL => self.logical = highest,
            register::FORMAT => self.format = highest >> 4,
            register::SPURIOUS => {
                self.spurious = value & SPURIOUS;
                if value & ON == 0 {
                    self.entries.iter_mut().for_each(|entry| *entry |= MASKED);
                }
            }
            register::ERROR => self.error = core::mem::take(&mut self.new_error),
            register::COMMAND => {
                self.command = value & 0x000c_cfff;
                return self.send();
            }
            register::COMMAND_TO => self.command_to = highest,
            register::ENTRIES..=register::LAST_ENTRY => {
                let number = (number - register::ENTRIES) as usize;
                if number == TIMER {
                    self.timer.set_mode(value);
                }
                if let Some(entry) = self.entries.get_mut(number) {
                    let masked = if self.spurious & ON == 0 { MASKED } else { 0 };
                    *entry = value & ENTRY | masked;
                }
            }
            register::INITIAL_COUNT => self.timer.set_initial(value, now),
            register::DIVISOR => self.timer.set_divisor(value),
            _ => {}
        }
        Effect::None
    }

    fn send(&mut self) -> Effect {
        match Delivery::of_command(self.command, self.command_to) {
            Some(Delivery { kind: Kind::Fixed | Kind::Lowest, vector: ..FIRST, .. }) => {
                self.fail(BAD_SENT);
                Effect::None
            }
            Some(delivery) => Effect::Send(delivery),
            None => Effect::None,
        }
    }

    fn end(&mut self) -> Effect {
        let Some(vector) = self.in_service.highest() else { return Effect::None };
        self.in_service.set(vector, false);
        if self.levels.has(vector) { Effect::End(vector) } else { Effect::None }
    }

    /// How urgent an interrupt has to be: by classes of 16 vectors.
    pub fn priority(&self) -> u8 {
        let in_service = self.in_service.highest().unwrap_or(0);
        if self.task_priority >> 4 >= in_service >> 4 {
            self.task_priority
        } else {
            in_service & 0xf0
        }
    }

    fn fail(&mut self, error: u32) {
        self.new_error |= error;
        let entry = self.entries[ERROR];
        if entry & MASKED == 0 && entry as u8 >= FIRST {
            self.request(entry as u8, false);
        }
    }
}
