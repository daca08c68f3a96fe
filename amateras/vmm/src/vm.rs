//! One virtual machine, as the first thread of its monitor has it: how it begins, pauses, and ends.

use core::fmt::Write;
use core::sync::atomic::Ordering;

use amateras_boot::{COMMAND_LINE_BYTES, Image, Refused, Wishes};
use amateras_devices::pci::Pci;
use amateras_devices::virtio::{Kind, Malformed, Transport};
use amateras_devices::{Board, GuestMemory, Time, Visit};
use amateras_machine::{End, Identity, Machine};
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::StateGroups;
use nun::heapless::String;
use nun::memory::{Maker, Space};
use nun::{Culprit, Error, IpcPort, Message, NotificationPort, Reason, ticks};

use crate::order::Order;
use crate::processors::{Doing, VirtualProcessor, VirtualProcessors};
use crate::server::Server;
use crate::shared::{FIRST, Seat, Shared};
use crate::{Guest, Options, StartError, make, state};

/// Bytes that are added to a command line at most.
const ADDED_BYTES: usize = 40;

/// It is not in the state for that.
const BUSY: Error = Error::new(Reason::Busy, Culprit::OTHER);

/// A virtual machine, with devices on a bus.
///
/// Whatever stops or starts its processors must not be called while an exit of theirs is unanswered: all but
/// [`exit`](Self::exit) and what only asks.
pub struct Vm<'a> {
    shared: &'static Shared,
    server: Server,
    options: Options,
    guest: Guest<'a>,
    /// When it was made, and when its guest last began, in ticks.
    made: u64,
    begun: u64,
    /// Since when, in ticks, nothing is to be done for it.
    paused: Option<u64>,
    is_off: bool,
    /// Why it ended or began anew, until somebody asks.
    met: Option<End>,
}

impl<'a> Vm<'a> {
    /// Makes the one of this program, of objects from `maker`, and starts `guest` in it. Exits of processors
    /// on the machine's first CPU go to `port`, with their numbers as identifiers; `bell`, which may be
    /// notified, rings there if there is something to [attend](Self::attend) to. Other CPUs get threads,
    /// whose faults go to `port` as well. The guest's memory is mapped in the own address space `space`, too.
    pub fn start<M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        (port, bell): (IpcPort, NotificationPort),
        options: Options,
        guest: Guest<'a>,
    ) -> Result<Self, StartError> {
        let machine = |processors: &VirtualProcessors| {
            let extended = processors.first().map_or(0, VirtualProcessor::extended_states);
            let identity = Identity::of(processors.len(), extended, |leaf, second| {
                let answer = raw_cpuid::cpuid!(leaf, second);
                [answer.eax, answer.ebx, answer.ecx, answer.edx]
            });
            let mut pci = Pci::default();
            guest.devices.iter().for_each(|device| pci.plug(*device));
            Machine::new(identity, processors.len(), options.epoch, pci)
        };
        let first = Seat { port, bell, notification: bell };
        let shared = make::shared(maker, space, first, &options, machine)?;
        let server = Server::new(shared, FIRST);
        let now = ticks();
        let (made, begun, paused) = (now, now, None);
        let (is_off, met) = (true, None);
        let mut vm = Self { shared, server, options, guest, made, begun, paused, is_off, met };
        vm.begin()?;
        Ok(vm)
    }

    /// What the process of processor `number` says by an exit with the label `label` and these words.
    /// Answers the reply.
    pub fn exit(
        &mut self,
        number: u64,
        label: u32,
        words: &[u64; MESSAGE_REGISTERS],
    ) -> Result<Message, Error> {
        self.server.exit(number, label, words)
    }

    /// The devices.
    pub const fn board(&self) -> &'static Board<Pci> {
        &self.shared.machine.board
    }

    /// Does something for the first device of this kind on its bus, with the memory that it works on; `None`
    /// if there is no such device. [`attend`](Self::attend) is due afterwards.
    pub fn with_device<T>(
        &mut self,
        kind: Kind,
        act: impl FnOnce(&mut Transport, &mut dyn GuestMemory) -> T,
    ) -> Option<T> {
        let (now, mut memory) = (self.now(), self.shared.memory);
        let visit = Visit { processor: 0, memory: &mut memory, now };
        self.board().with_bus(visit, |pci, world| {
            let done = pci.device(kind).map(|device| act(device, world.memory));
            pci.connect(&mut world.interrupts);
            done
        })
    }

    /// How a driver broke the protocol of its device, if one did since this was last asked.
    pub fn take_complaint(&mut self) -> Option<(Kind, Malformed)> {
        let (now, mut memory) = (self.now(), self.shared.memory);
        let visit = Visit { processor: 0, memory: &mut memory, now };
        self.board().with_bus(visit, |pci, _| pci.take_complaint())
    }

    /// Whether a processor or a thread has something for [`attend`](Self::attend), since this was last asked.
    pub fn take_call(&self) -> bool {
        self.shared.take_call()
    }

    /// Sees whether time, input, a device or a processor brought something, and lets the guest have it.
    pub fn attend(&mut self) -> Result<(), Error> {
        if let Some(end) = self.shared.take_end().filter(|_| !self.is_off) {
            (self.is_off, self.met) = (true, Some(end));
            self.order(Order::BeginAt { origin: ticks() })?;
            if end.stop.is_reset() {
                // Without it the guest is at its end.
                let _ = self.reset();
            }
        }
        if self.paused.is_some() || self.is_off {
            return Ok(());
        }
        self.board().advance(self.now());
        self.server.attend()?;
        self.shared.tell(FIRST)
    }

    /// When the alarm has to ring, in ticks, if that is before it rings anyway: it is set for that now.
    pub fn take_alarm(&self) -> Option<u64> {
        if self.paused.is_some() || self.is_off {
            return None;
        }
        let deadline = self.board().deadline()?;
        self.shared.take_alarm(self.server.notes.timeline.ticks(deadline))
    }

    /// The same for a time of the monitor's own.
    pub fn take_alarm_at(&self, deadline: u64) -> Option<u64> {
        self.shared.take_alarm(deadline)
    }

    /// The alarm rang.
    pub fn rang(&self) {
        self.shared.rang();
    }

    /// How often its processors left it.
    pub fn exits(&self) -> u64 {
        self.shared.processors.iter().map(|it| it.exits.load(Ordering::Relaxed)).sum()
    }

    /// Whether all its processors wait for something.
    pub fn is_halted(&self) -> bool {
        self.shared.processors.iter().all(|processor| processor.doing() != Doing::Running)
    }

    /// Whether it is at its end, and goes on only when it begins anew.
    pub const fn is_off(&self) -> bool {
        self.is_off
    }

    /// Why it ended or began anew by itself, if it did since this was last asked.
    pub const fn take_end(&mut self) -> Option<End> {
        self.met.take()
    }

    /// How many processors it has.
    pub fn processors(&self) -> usize {
        self.shared.processors.len()
    }

    /// Milliseconds since its guest last began.
    pub fn uptime(&self) -> u64 {
        (ticks() - self.begun) / self.options.ticks_per_millisecond
    }

    /// Bytes of its memory.
    pub const fn memory_bytes(&self) -> u64 {
        self.options.memory
    }

    /// Whether it is [paused](Self::pause).
    pub const fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Stops the guest where it is, until [`resume`](Self::resume). What it was left for and not yet
    /// answered, it will be left for again. Fails with *busy* if that is not its state.
    pub fn pause(&mut self) -> Result<(), Error> {
        if self.is_paused() || self.is_off {
            return Err(BUSY);
        }
        self.paused = Some(ticks());
        self.order(Order::Pause)
    }

    /// Lets a paused guest go on; it does not notice that time has passed.
    pub fn resume(&mut self) -> Result<(), Error> {
        let since = self.paused.take().filter(|_| !self.is_off).ok_or(BUSY)?;
        self.order(Order::GoOn { passed: ticks().saturating_sub(since) })?;
        self.attend()
    }

    /// Lets it begin again, whatever it does.
    pub fn reset(&mut self) -> Result<(), StartError> {
        self.begin()
    }

    /// Puts the machine and its memory into the state before the guest begins, and lets it begin.
    fn begin(&mut self) -> Result<(), StartError> {
        self.begun = ticks();
        self.order(Order::BeginAt { origin: self.begun })?;
        let seconds = (self.begun - self.made) / self.options.ticks_per_millisecond / 1000;
        self.board().restart(self.options.epoch + seconds);
        // Nor does it run if it cannot be read again.
        (self.paused, self.is_off) = (None, true);
        let groups = self.load()?;
        // What the guest wanted before does not count any more.
        self.shared.take_end();
        self.is_off = false;
        let first = self.shared.processors.first().ok_or(BUSY)?;
        first.pcb.write_guest(groups)?;
        Ok(first.resume()?)
    }

    /// Has all threads do the same with their processors, this one among them.
    fn order(&mut self, order: Order) -> Result<(), Error> {
        for seat in self.shared.others() {
            order.give(seat.port)?;
        }
        self.server.obey(order)
    }

    fn now(&self) -> Time {
        self.server.notes.timeline.time(ticks())
    }

    /// Puts the guest into memory. Answers the groups of the first processor's state.
    fn load(&mut self) -> Result<StateGroups, StartError> {
        let Guest { kernel, initrd, command_line, .. } = self.guest;
        let too_long = Refused::CommandLine { most: COMMAND_LINE_BYTES };
        let kilohertz = self.options.ticks_per_millisecond;
        let mut text = String::<{ COMMAND_LINE_BYTES + ADDED_BYTES }>::new();
        if command_line.len() > COMMAND_LINE_BYTES {
            return Err(too_long.into());
        }
        write!(text, "{command_line} tsc_early_khz={kilohertz}").map_err(|_| too_long)?;
        let wishes = Wishes {
            memory: self.options.memory,
            processors: self.shared.processors.len(),
            command_line: &text,
            initrd,
        };
        let image = Image::parse(kernel)?;
        let plan = image.plan(wishes)?;
        let mut memory = self.shared.memory;
        plan.load(&mut memory)?;
        Ok(state::prepare(&plan))
    }
}
