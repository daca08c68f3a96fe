//! One virtual machine: its process, its memory, and what it is doing.

use core::fmt::{self, Write};

use amateras_boot::{Image, Refused, Unbootable, Wishes};
use amateras_devices::{NoBus, Visit};
use amateras_machine::{Identity, Machine, Next, Stop};
use nun::abi::guest::{Exit, GuestVerdict, StateGroups};
use nun::abi::{Descriptor, MESSAGE_REGISTERS};
use nun::heapless::String;
use nun::memory::{Maker, Space};
use nun::{
    Culprit, Error, IpcPort, Message, Pcb, Reason, VectorState, VirtualAddressSpace, VirtualCpu,
    buffer, ticks,
};

use crate::clock::Clock;
use crate::memory::Memory;
use crate::state::{self, Cpu};

/// Most bytes of a command line, with what is added to it.
const COMMAND_LINE_BYTES: usize = 1024;

/// It is not in the state for that.
const BUSY: Error = Error::new(Reason::Busy, Culprit::OTHER);

/// What a virtual machine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of its memory: whole pages.
    pub memory: u64,
    /// Priority of its process: below its monitor's, which would not hear anything else.
    pub priority: u8,
    /// The CPU that it runs on.
    pub cpu: u64,
    /// Seconds since 1970 now.
    pub epoch: u64,
    /// Ticks of the time-stamp counter in a millisecond.
    pub ticks_per_millisecond: u64,
}

/// What runs in a virtual machine.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// The file of a Linux kernel.
    pub kernel: &'a [u8],
    /// Its initial file system.
    pub initrd: &'a [u8],
    /// Its command line. What only its machine knows is added: how fast the time-stamp counter is.
    pub command_line: &'a str,
}

/// Why a guest does not start.
#[derive(Clone, Copy, Debug)]
pub enum StartError {
    /// Its kernel cannot be used.
    Kernel(Unbootable),
    /// The machine is none for it.
    Machine(Refused),
    /// A kernel call failed.
    Refused(Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(error) => error.fmt(f),
            Self::Machine(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl From<Unbootable> for StartError {
    fn from(error: Unbootable) -> Self {
        Self::Kernel(error)
    }
}

impl From<Refused> for StartError {
    fn from(error: Refused) -> Self {
        Self::Machine(error)
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A virtual machine.
pub struct Vm<'a> {
    /// What the guest sees.
    pub machine: Machine,
    /// How often it was left.
    pub exits: u64,
    pcb: Pcb,
    memory: Memory,
    clock: Clock,
    options: Options,
    guest: Guest<'a>,
    /// It sleeps until an interrupt comes.
    halted: bool,
    /// Nothing is to be done for it.
    paused: bool,
    /// It will be left soon, since somebody asked for it.
    awaited: bool,
    ended: Option<Stop>,
}

impl<'a> Vm<'a> {
    /// Makes one of objects from `maker`, and starts `guest` in it. Its exits go to `resolver`. Its
    /// memory is mapped in the own address space `space`, too.
    pub fn start<M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        resolver: IpcPort,
        options: Options,
        guest: Guest<'a>,
    ) -> Result<Self, StartError> {
        let cpu: VirtualCpu = maker.make(0)?;
        let physical: VirtualAddressSpace = maker.make(0)?;
        let vectors: VectorState = maker.make(0)?;
        let pcb: Pcb = maker.make(0)?;
        pcb.configure_ports(resolver, Descriptor::NULL)?;
        pcb.configure_vector(vectors)?;
        pcb.configure_guest(cpu, physical)?;
        pcb.configure_schedule(options.priority.into(), options.cpu, 0)?;
        let identity = Identity::of(|leaf, second| {
            let answer = raw_cpuid::cpuid!(leaf, second);
            [answer.eax, answer.ebx, answer.ecx, answer.edx]
        });
        let mut vm = Self {
            machine: Machine::new(identity, options.epoch, NoBus),
            exits: 0,
            pcb,
            memory: Memory::new(maker, space, physical, options.memory)?,
            clock: Clock::new(ticks(), options.ticks_per_millisecond),
            options,
            guest,
            halted: false,
            paused: false,
            awaited: false,
            ended: None,
        };
        vm.load()?;
        vm.pcb.resume()?;
        Ok(vm)
    }

    /// What its process says by an exit with the label `label` and these words. Answers the reply.
    pub fn exit(&mut self, label: u32, words: &[u64; MESSAGE_REGISTERS]) -> Message {
        self.exits += 1;
        let exit = Exit::from_words(words);
        let now = self.clock.time(ticks());
        let visit = Visit { processor: 0, memory: &mut self.memory, now };
        let next = self.machine.exit(label, &exit, &mut Cpu(self.pcb), visit);
        let (verdict, words) = match next {
            Next::Run(answer) => {
                self.awaited = answer.verdict.has(GuestVerdict::WINDOW);
                (answer.verdict, answer.words)
            }
            Next::Halt(bytes) => {
                self.halted = true;
                (GuestVerdict::STOP.after(bytes), [0; MESSAGE_REGISTERS])
            }
            Next::Stop(Stop::Reset) if self.reload().is_ok() => {
                (GuestVerdict::RESUME, [0; MESSAGE_REGISTERS])
            }
            Next::Stop(stop) => {
                self.ended = Some(stop);
                (GuestVerdict::STOP, [0; MESSAGE_REGISTERS])
            }
        };
        Message::new(verdict.0, words)
    }

    /// Sees whether time or input brought an interrupt, and lets the guest have it.
    pub fn attend(&mut self) -> Result<(), Error> {
        if self.paused || self.ended.is_some() {
            return Ok(());
        }
        let now = self.clock.time(ticks());
        self.machine.board.advance(now);
        if !self.machine.board.has_interrupt() {
            return Ok(());
        }
        if self.halted {
            let event = self.machine.take_interrupt();
            buffer().write(MESSAGE_REGISTERS, event.0);
            buffer().write(MESSAGE_REGISTERS + 1, 0);
            self.pcb.write_guest(StateGroups::EVENTS)?;
            self.halted = false;
            self.pcb.resume()?;
        } else if !self.awaited {
            self.awaited = true;
            self.pcb.interrupt()?;
        }
        Ok(())
    }

    /// When [`attend`](Self::attend) has to be called next, in ticks, even if nothing else happens.
    pub fn deadline(&mut self) -> Option<u64> {
        if self.paused || self.ended.is_some() {
            return None;
        }
        self.machine.board.deadline().map(|time| self.clock.ticks(time))
    }

    /// Whether it waits for an interrupt.
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Why it does not go on, if it does not.
    pub const fn ended(&self) -> Option<Stop> {
        self.ended
    }

    /// Bytes of its memory.
    pub const fn memory_bytes(&self) -> u64 {
        self.options.memory
    }

    /// Whether it is [paused](Self::pause).
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Stops the guest where it is, until [`resume`](Self::resume). What it was left for and not yet
    /// answered, it will be left for again. Fails with *busy* if that is not its state.
    pub fn pause(&mut self) -> Result<(), Error> {
        if self.paused || self.ended.is_some() {
            return Err(BUSY);
        }
        self.paused = true;
        if self.halted { Ok(()) } else { self.pcb.suspend().map(|_| ()) }
    }

    /// Lets a paused guest go on.
    pub fn resume(&mut self) -> Result<(), Error> {
        if !self.paused || self.ended.is_some() {
            return Err(BUSY);
        }
        self.paused = false;
        if self.halted { self.attend() } else { self.pcb.resume() }
    }

    /// Lets it begin again, whatever it does.
    pub fn reset(&mut self) -> Result<(), StartError> {
        self.pcb.suspend()?;
        self.reload()?;
        Ok(self.pcb.resume()?)
    }

    /// The same for a guest whose process waits for an answer, or is stopped.
    fn reload(&mut self) -> Result<(), StartError> {
        (self.halted, self.paused, self.awaited, self.ended) = (false, false, false, None);
        let epoch = self.options.epoch + self.clock.time(ticks()).0 / 1_000_000_000;
        self.clock = Clock::new(ticks(), self.options.ticks_per_millisecond);
        self.machine.restart(epoch);
        self.load()
    }

    /// Puts the guest into memory, and its processor before it.
    fn load(&mut self) -> Result<(), StartError> {
        let Guest { kernel, initrd, command_line } = self.guest;
        let mut text = String::<COMMAND_LINE_BYTES>::new();
        let kilohertz = self.options.ticks_per_millisecond;
        write!(text, "{command_line} tsc_early_khz={kilohertz}")
            .map_err(|_| Refused::CommandLine { most: COMMAND_LINE_BYTES })?;
        let command_line = &text;
        let wishes = Wishes { memory: self.options.memory, command_line, initrd };
        let image = Image::parse(kernel)?;
        let plan = image.plan(wishes)?;
        plan.load(&mut self.memory).map_err(|_| Refused::Memory {
            needed: self.options.memory,
            given: self.options.memory,
        })?;
        let groups = state::prepare(&plan);
        Ok(self.pcb.write_guest(groups)?)
    }
}
