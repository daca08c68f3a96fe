//! One virtual machine: its process, its memory, and what it is doing.

use core::fmt::{self, Write};

use amateras_boot::{Image, Refused, Unbootable, Wishes};
use amateras_devices::pci::Pci;
use amateras_devices::virtio::{Description, Kind, Transport};
use amateras_devices::{GuestMemory, MOST_PROCESSORS, Start, Timeline, Visit};
use amateras_machine::{Answer, Identity, Machine, Next, Processor, Stop};
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{Exit, GuestVerdict, StateGroups};
use nun::heapless::String;
use nun::memory::{Maker, Space};
use nun::{Culprit, Error, IpcPort, Message, Pcb, Reason, VirtualAddressSpace, ticks};

use crate::memory::Memory;
use crate::processors::{Doing, VirtualProcessor, VirtualProcessors};
use crate::{processors, state};

/// Most bytes of a command line, with what is added to it.
const COMMAND_LINE_BYTES: usize = 1024;

type CommandLine = String<COMMAND_LINE_BYTES>;

/// It is not in the state for that.
const BUSY: Error = Error::new(Reason::Busy, Culprit::OTHER);

/// What a virtual machine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of its memory: whole pages.
    pub memory: u64,
    /// Its processors: at least one, at most [`MOST_PROCESSORS`].
    pub processors: usize,
    /// Priority of their processes, or one less: below the monitor's, which would not hear anything else.
    pub priority: u8,
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
    /// What is plugged into its bus.
    pub devices: &'a [Description],
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

/// A virtual machine, with devices on a bus.
pub struct Vm<'a> {
    /// What the guest sees.
    pub machine: Machine<Pci>,
    /// How often it was left.
    pub exits: u64,
    processors: VirtualProcessors,
    memory: Memory,
    options: Options,
    guest: Guest<'a>,
    /// The command line that it was given in place of the first.
    given: Option<CommandLine>,
    /// The processor whose exit was answered, while its monitor has not sent the answer.
    answered: Option<usize>,
    /// Since when, in ticks, nothing is to be done for it.
    paused: Option<u64>,
    ended: Option<Stop>,
}

impl<'a> Vm<'a> {
    /// Makes one of objects from `maker`, and starts `guest` in it. Exits of its processors go to
    /// `resolver`, with their numbers as identifiers. Its memory is mapped in the own address space
    /// `space`, too.
    pub fn start<M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        resolver: IpcPort,
        options: Options,
        guest: Guest<'a>,
    ) -> Result<Self, StartError> {
        let physical: VirtualAddressSpace = maker.make(0)?;
        let mut processors = VirtualProcessors::new();
        for number in 0..options.processors.clamp(1, MOST_PROCESSORS) {
            let pcb = processors::make(maker, physical, resolver, options.priority, number as u64)?;
            let doing = if number == 0 { Doing::Running } else { Doing::Waiting };
            // There is room for the most that there can be.
            let _ = processors.push(VirtualProcessor { pcb, doing, awaited: false });
        }
        let extended = processors.first_mut().map_or(0, VirtualProcessor::extended_states);
        let identity = Identity::of(processors.len(), extended, |leaf, second| {
            let answer = raw_cpuid::cpuid!(leaf, second);
            [answer.eax, answer.ebx, answer.ecx, answer.edx]
        });
        let mut pci = Pci::default();
        guest.devices.iter().for_each(|device| pci.plug(*device));
        let time = (Timeline::new(ticks(), options.ticks_per_millisecond), options.epoch);
        let mut vm = Self {
            machine: Machine::new(identity, processors.len(), time, pci),
            exits: 0,
            processors,
            memory: Memory::new(maker, space, physical, options.memory)?,
            options,
            guest,
            given: None,
            answered: None,
            paused: None,
            ended: None,
        };
        let groups = vm.load()?;
        vm.prepare(groups)?.resume()?;
        Ok(vm)
    }

    /// What the process of processor `number` says by an exit with the label `label` and these words.
    /// Answers the reply. If something else comes after that is sent, [`sent`](Self::sent) is due.
    pub fn exit(&mut self, number: u64, label: u32, words: &[u64; MESSAGE_REGISTERS]) -> Message {
        self.exits += 1;
        self.answered = None;
        let number = number as usize;
        let Some(processor) = self.processors.get_mut(number) else {
            return Message::new(GuestVerdict::STOP.0, [0; MESSAGE_REGISTERS]);
        };
        let exit = Exit::from_words(words);
        let now = self.machine.timeline.time(ticks());
        let visit = Visit { processor: number, memory: &mut self.memory, now };
        let next = self.machine.exit(label, &exit, processor, visit);
        let (doing, answer) = match next {
            Next::Run(answer) => (Doing::Running, answer),
            Next::Halt(bytes) => (Doing::Halted, stopped_after(bytes)),
            Next::Wait => (Doing::Waiting, stopped_after(0)),
            Next::Stop(stop) => {
                processor.doing = Doing::Waiting;
                return Message::new(self.leave(number, stop).0, []);
            }
        };
        (processor.doing, processor.awaited) = (doing, answer.verdict.has(GuestVerdict::WINDOW));
        self.answered = Some(number);
        // It only fails for who has no guest.
        let _ = self.tell();
        Message::new(answer.verdict.0, answer.words)
    }

    /// The answer to the last exit was sent: from now on its processor can be told what comes for it.
    pub fn sent(&mut self) -> Result<(), Error> {
        if self.answered.take().is_none() || self.paused.is_some() || self.ended.is_some() {
            return Ok(());
        }
        self.tell()
    }

    /// Does something for the first device of this kind on its bus, with the memory that it works on; `None`
    /// if there is no such device. [`attend`](Self::attend) is due afterwards.
    pub fn with_device<T>(
        &mut self,
        kind: Kind,
        act: impl FnOnce(&mut Transport, &mut dyn GuestMemory) -> T,
    ) -> Option<T> {
        let now = self.machine.timeline.time(ticks());
        let visit = Visit { processor: 0, memory: &mut self.memory, now };
        self.machine.board.with_bus(visit, |pci, world| {
            let done = pci.device(kind).map(|device| act(device, world.memory));
            pci.connect(world.interrupts);
            done
        })
    }

    /// Sees whether time, input or a device brought an interrupt, and lets the guest have it.
    pub fn attend(&mut self) -> Result<(), Error> {
        if self.paused.is_some() || self.ended.is_some() {
            return Ok(());
        }
        self.machine.board.advance(self.machine.timeline.time(ticks()));
        self.tell()
    }

    /// Tells processors, but not the one that waits for an answer, what came for them.
    fn tell(&mut self) -> Result<(), Error> {
        for (number, processor) in self.processors.iter_mut().enumerate() {
            if self.answered == Some(number) {
                continue;
            }
            let interrupts = self.machine.board.interrupts();
            match interrupts.take_start(number) {
                None => {}
                Some(Start::Wait) => {
                    processor.pcb.suspend()?;
                    processor.doing = Doing::Waiting;
                }
                // One that waits for that is started, and no other.
                Some(Start::At(page)) if processor.doing == Doing::Waiting => {
                    processor.pcb.write_guest(state::prepare_start(page))?;
                    processor.doing = Doing::Running;
                    processor.pcb.resume()?;
                }
                Some(Start::At(_)) => {}
            }
            if processor.doing == Doing::Waiting || !interrupts.is_pending(number) {
                continue;
            }
            match processor.doing {
                Doing::Halted => {
                    if let Some(event) = self.machine.take_interrupt(number) {
                        processor.wake(event)?;
                    }
                }
                _ => processor.kick()?,
            }
        }
        Ok(())
    }

    /// When [`attend`](Self::attend) has to be called next, in ticks, even if nothing else happens.
    pub fn deadline(&mut self) -> Option<u64> {
        if self.paused.is_some() || self.ended.is_some() {
            return None;
        }
        self.machine.board.deadline().map(|time| self.machine.timeline.ticks(time))
    }

    /// Whether all its processors wait for something.
    pub fn is_halted(&self) -> bool {
        self.processors.iter().all(|processor| processor.doing != Doing::Running)
    }

    /// Why it does not go on, if it does not.
    pub const fn ended(&self) -> Option<Stop> {
        self.ended
    }

    /// Bytes of its memory.
    pub const fn memory_bytes(&self) -> u64 {
        self.options.memory
    }

    /// How many processors it has.
    pub fn processors(&self) -> usize {
        self.processors.len()
    }

    /// Whether it is [paused](Self::pause).
    pub const fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Stops the guest where it is, until [`resume`](Self::resume). What it was left for and not yet
    /// answered, it will be left for again. Fails with *busy* if that is not its state.
    pub fn pause(&mut self) -> Result<(), Error> {
        if self.is_paused() || self.ended.is_some() {
            return Err(BUSY);
        }
        (self.paused, self.answered) = (Some(ticks()), None);
        self.suspend()
    }

    /// Lets a paused guest go on; it does not notice that time has passed.
    pub fn resume(&mut self) -> Result<(), Error> {
        let since = self.paused.take().filter(|_| self.ended.is_none()).ok_or(BUSY)?;
        let passed = ticks().saturating_sub(since);
        self.machine.timeline = self.machine.timeline.without(passed);
        for processor in &mut self.processors {
            let ahead = processor.get(StateGroups::TIME, 0);
            processor.set(StateGroups::TIME, 0, ahead.wrapping_sub(passed));
            // Whoever asked before did so in vain, perhaps.
            processor.awaited = false;
            if processor.doing == Doing::Running {
                processor.pcb.resume()?;
            }
        }
        self.attend()
    }

    /// Lets it begin again, whatever it does, with another command line. One that is too long changes
    /// nothing.
    pub fn boot(&mut self, command_line: &str) -> Result<(), StartError> {
        let given = CommandLine::try_from(command_line);
        let given = given.map_err(|_| Refused::CommandLine { most: COMMAND_LINE_BYTES })?;
        self.given = Some(given);
        self.reset()
    }

    /// Lets it begin again, whatever it does.
    pub fn reset(&mut self) -> Result<(), StartError> {
        self.suspend()?;
        let groups = self.reload()?;
        Ok(self.prepare(groups)?.resume()?)
    }

    /// It ends, or begins again, while processor `number` waits for an answer: this one.
    fn leave(&mut self, number: usize, stop: Stop) -> GuestVerdict {
        self.ended = Some(stop);
        if self.suspend().is_err() || stop != Stop::Reset {
            return GuestVerdict::STOP;
        }
        // Without them the guest is at its end.
        let Ok(groups) = self.reload() else { return GuestVerdict::STOP };
        let begun = self.prepare(groups).and_then(|first| match number {
            0 => Ok(GuestVerdict::RESUME),
            _ => first.resume().map(|()| GuestVerdict::STOP),
        });
        begun.unwrap_or(GuestVerdict::STOP)
    }

    /// Puts the first processor before the guest, by what was written of `groups`. Answers its process.
    fn prepare(&mut self, groups: StateGroups) -> Result<Pcb, Error> {
        let first = self.processors.first_mut().ok_or(BUSY)?;
        first.pcb.write_guest(groups)?;
        first.doing = Doing::Running;
        Ok(first.pcb)
    }

    fn suspend(&mut self) -> Result<(), Error> {
        let mut running = self.processors.iter().filter(|it| it.doing == Doing::Running);
        running.try_for_each(|processor| processor.pcb.suspend().map(|_| ()))
    }

    /// Puts the machine and its memory into the state before the guest begins; its processors do not
    /// run. Answers the groups of the first one's state that are to be written.
    fn reload(&mut self) -> Result<StateGroups, StartError> {
        (self.answered, self.paused, self.ended) = (None, None, None);
        let timeline = &mut self.machine.timeline;
        let epoch = self.options.epoch + timeline.time(ticks()).0 / 1_000_000_000;
        self.machine.restart(Timeline::new(ticks(), self.options.ticks_per_millisecond), epoch);
        for processor in &mut self.processors {
            (processor.doing, processor.awaited) = (Doing::Waiting, false);
            processor.set(StateGroups::TIME, 0, 0);
        }
        self.load()
    }

    /// Puts the guest into memory. Answers the groups of the first processor's state.
    fn load(&mut self) -> Result<StateGroups, StartError> {
        let Guest { kernel, initrd, command_line, .. } = self.guest;
        let command_line = self.given.as_deref().unwrap_or(command_line);
        let mut text = CommandLine::new();
        let kilohertz = self.options.ticks_per_millisecond;
        write!(text, "{command_line} tsc_early_khz={kilohertz}")
            .map_err(|_| Refused::CommandLine { most: COMMAND_LINE_BYTES })?;
        let command_line = &text;
        let wishes = Wishes {
            memory: self.options.memory,
            processors: self.processors.len(),
            command_line,
            initrd,
        };
        let image = Image::parse(kernel)?;
        let plan = image.plan(wishes)?;
        plan.load(&mut self.memory).map_err(|_| Refused::Memory {
            needed: self.options.memory,
            given: self.options.memory,
        })?;
        Ok(state::prepare(&plan))
    }
}

/// The answer that leaves a processor stopped, after an instruction of so many bytes.
fn stopped_after(bytes: u8) -> Answer {
    Answer { verdict: GuestVerdict::STOP.after(bytes), ..Answer::default() }
}
