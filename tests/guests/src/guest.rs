//! A guest, as its monitor sees it.

use a9n_cases::{Failure, READ_WRITE};
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{Exit, ExitReason, GuestVerdict, Segment, Situation, StateGroups};
use nun::mapped::Mapped;
use nun::{
    AddressSpace, Descriptor, Error, Frame, IpcPort, Message, Pcb, Received, VectorState,
    VirtualAddressSpace, VirtualCpu, Window, buffer,
};

use crate::test::Test;

/// Logarithm of a guest's memory, which begins at its address 0.
const MEMORY_BITS: u8 = 18;
/// Where a guest's program lies, and begins.
pub const CODE: u64 = 0x1000;
/// Where its stack ends.
pub const STACK: u64 = 0x8000;
/// Where page tables, segment descriptors and gates lie.
const TABLES: usize = 0x2000;
const GDT: usize = 0x5000;
const IDT: usize = 0x6000;
/// Priority of guests, below init's.
const PRIORITY: u64 = 100;

/// A guest that has not run yet, or waits for an answer.
pub struct Guest {
    pub pcb: Pcb,
    pub port: IpcPort,
    pub cpu: VirtualCpu,
    pub vectors: VectorState,
    pub space: AddressSpace,
    /// Its memory, and the window through which it sees it.
    pub frame: Frame,
    pub window: Window,
    /// Its memory, for the monitor.
    pub memory: Mapped,
}

/// What an exit said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub reason: Option<ExitReason>,
    pub exit: Exit,
}

/// What a monitor answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    pub verdict: GuestVerdict,
    pub words: [u64; MESSAGE_REGISTERS],
}

impl Answer {
    /// On as it is.
    pub const RESUME: Self = Self { verdict: GuestVerdict::RESUME, words: [0; MESSAGE_REGISTERS] };

    /// On after an instruction of `bytes` bytes.
    pub const fn after(bytes: u8) -> Self {
        Self { verdict: GuestVerdict::RESUME.after(bytes), ..Self::RESUME }
    }
}

impl Guest {
    /// One with `code`, on CPU `cpu`, as a reset leaves a processor.
    pub fn on(test: &mut Test, cpu: u64, code: &[u8]) -> Result<Self, Error> {
        let pages = 1 << (MEMORY_BITS - 12);
        let (virtual_cpu, space): (VirtualCpu, VirtualAddressSpace) =
            (test.make(0)?, test.make(0)?);
        let (vectors, pcb, port): (VectorState, Pcb, IpcPort) =
            (test.make(0)?, test.make(0)?, test.make(0)?);
        let frame: Frame = test.make(MEMORY_BITS)?;
        let address = test.room(pages);
        let own = test.space();
        test.map(own, frame, address, pages, READ_WRITE)?;
        let memory = Mapped::in_workspace(address, 1 << MEMORY_BITS);
        memory.copy_from(CODE as usize, code);
        pcb.configure_ports(port, Descriptor::NULL)?;
        pcb.configure_vector(vectors)?;
        pcb.configure_guest(virtual_cpu, space)?;
        pcb.configure_schedule(PRIORITY, cpu, 0)?;
        let space = AddressSpace::at(space.descriptor());
        let window = test.map(space, frame, 0, pages, READ_WRITE)?;
        Ok(Self { pcb, port, cpu: virtual_cpu, vectors, space, frame, window, memory })
    }

    /// One with `code` in real mode, on the first CPU.
    pub fn real(test: &mut Test, code: &[u8]) -> Result<Self, Error> {
        let mut guest = Self::on(test, 0, code)?;
        guest.begin_real()?;
        Ok(guest)
    }

    /// Another processor of the same guest, on CPU `cpu`, as a reset leaves it.
    pub fn sibling(&self, test: &mut Test, cpu: u64) -> Result<Self, Error> {
        let (virtual_cpu, vectors): (VirtualCpu, VectorState) = (test.make(0)?, test.make(0)?);
        let (pcb, port): (Pcb, IpcPort) = (test.make(0)?, test.make(0)?);
        pcb.configure_ports(port, Descriptor::NULL)?;
        pcb.configure_vector(vectors)?;
        pcb.configure_guest(virtual_cpu, self.space.descriptor())?;
        pcb.configure_schedule(PRIORITY, cpu, 0)?;
        let (space, frame, window) = (self.space, self.frame, self.window);
        let memory = self.memory.part(0, self.memory.bytes());
        Ok(Self { pcb, port, cpu: virtual_cpu, vectors, space, frame, window, memory })
    }

    /// Makes it begin as a start-up message with `vector` makes a processor begin.
    pub fn begin_at(&mut self, vector: u8) -> Result<(), Error> {
        let mut segments = self.read::<16>(StateGroups::SEGMENTS)?;
        segments[2] = segments[2] & !0xffff | u64::from(vector) << 8;
        segments[3] = u64::from(vector) << 12;
        self.write(StateGroups::SEGMENTS, &segments)?;
        self.write(StateGroups::EXECUTION, &[0, 2])
    }

    /// Makes it begin its program in real mode, with all segments at 0.
    pub fn begin_real(&mut self) -> Result<(), Error> {
        let mut segments = self.read::<16>(StateGroups::SEGMENTS)?;
        for low in [0, 2, 4, 6] {
            segments[low] &= !0xffff;
            segments[low + 1] = 0;
        }
        self.write(StateGroups::SEGMENTS, &segments)?;
        self.set_general(7, STACK)?;
        self.write(StateGroups::EXECUTION, &[CODE, 2])
    }

    /// Makes it begin its program in protected mode, in flat segments of 32 bits.
    pub fn begin_protected(&mut self) -> Result<(), Error> {
        self.begin_real()?;
        self.set_segments(0xc9b)?;
        let mut control = self.read::<7>(StateGroups::CONTROL)?;
        control[0] = 0x11;
        self.write(StateGroups::CONTROL, &control)
    }

    /// Makes it begin its program in long mode, with the first 2 MiB mapped as they are.
    pub fn begin_long(&mut self) -> Result<(), Error> {
        self.begin_real()?;
        self.prepare_tables();
        self.set_segments(0xa9b)?;
        self.write(StateGroups::TABLES, &[GDT as u64, 0x1f, IDT as u64, 0xfff])?;
        let mut control = self.read::<7>(StateGroups::CONTROL)?;
        (control[0], control[2], control[3], control[5]) =
            (0x8000_0011, TABLES as u64, 0x20, 0x500);
        self.write(StateGroups::CONTROL, &control)
    }

    /// Puts page tables and segment descriptors into its memory.
    pub fn prepare_tables(&self) {
        const WRITABLE: u64 = 3;
        const LARGE: u64 = 0x83;
        self.memory.write(TABLES, (TABLES as u64 + 0x1000) | WRITABLE);
        self.memory.write(TABLES + 0x1000, (TABLES as u64 + 0x2000) | WRITABLE);
        self.memory.write(TABLES + 0x2000, LARGE);
        for (number, descriptor) in
            [0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff, 0x00cf_9b00_0000_ffff]
                .into_iter()
                .enumerate()
        {
            self.memory.write(GDT + 8 * number, descriptor);
        }
    }

    /// Lets exception `vector` go to `handler` in long mode.
    pub fn set_gate(&self, vector: usize, handler: u64) -> Result<(), Error> {
        const CODE_GATE: u64 = 8 << 16 | 0x8e00 << 32;
        let gate = handler & 0xffff | CODE_GATE | (handler >> 16 & 0xffff) << 48;
        self.memory.write(IDT + 16 * vector, gate);
        self.memory.write(IDT + 16 * vector + 8, handler >> 32);
        Ok(())
    }

    /// A window at `address` of its memory, beyond what it has, in which nothing is mapped.
    pub fn window_at(&self, test: &mut Test, address: u64) -> Result<Window, Error> {
        let slot = test.slot();
        self.frame.attach(self.space, address, 12, test.node(), slot)?;
        Ok(Window::slot(slot))
    }

    /// Makes its stack begin at `base`, in real mode.
    pub fn set_stack_segment(&self, base: u64) -> Result<(), Error> {
        let mut segments = self.read::<16>(StateGroups::SEGMENTS)?;
        (segments[4], segments[5]) = (segments[4] & !0xffff | base, base << 4);
        self.write(StateGroups::SEGMENTS, &segments)
    }

    /// Flat segments with `code` as the attributes of the code segment.
    fn set_segments(&mut self, code: u16) -> Result<(), Error> {
        let mut segments = self.read::<16>(StateGroups::SEGMENTS)?;
        let flat =
            |selector, attributes| Segment { selector, attributes, limit: !0, base: 0 }.words();
        for (number, segment) in
            [(0, flat(16, 0xc93)), (1, flat(8, code)), (2, flat(16, 0xc93)), (3, flat(16, 0xc93))]
        {
            [segments[2 * number], segments[2 * number + 1]] = segment;
        }
        self.write(StateGroups::SEGMENTS, &segments)
    }

    /// The words of `groups`, which are so many.
    pub fn read<const WORDS: usize>(&self, groups: StateGroups) -> Result<[u64; WORDS], Error> {
        self.pcb.read_guest(groups)?;
        Ok(core::array::from_fn(|number| buffer().read(MESSAGE_REGISTERS + number)))
    }

    /// Replaces the words of `groups`.
    pub fn write(&self, groups: StateGroups, words: &[u64]) -> Result<(), Error> {
        put(words);
        self.pcb.write_guest(groups)
    }

    /// General register `number`.
    pub fn general(&self, number: usize) -> Result<u64, Error> {
        Ok(self.read::<16>(StateGroups::GENERAL)?[number])
    }

    /// Sets one.
    pub fn set_general(&self, number: usize, value: u64) -> Result<(), Error> {
        let mut registers = self.read::<16>(StateGroups::GENERAL)?;
        registers[number] = value;
        self.write(StateGroups::GENERAL, &registers)
    }

    /// Lets it begin, and waits until it is left.
    #[track_caller]
    pub fn start(&mut self) -> Result<Left, Failure> {
        self.pcb.resume()?;
        left(self.port.receive()?)
    }

    /// Goes on behind an instruction of `bytes` bytes, when its last exit can be answered no more,
    /// since another guest's came.
    #[track_caller]
    pub fn go_on(&mut self, bytes: u8) -> Result<Left, Failure> {
        let [instruction, flags] = self.read::<2>(StateGroups::EXECUTION)?;
        self.write(StateGroups::EXECUTION, &[instruction + u64::from(bytes), flags])?;
        self.start()
    }

    /// Answers its last exit and waits for the next.
    #[track_caller]
    pub fn answer(&mut self, answer: Answer) -> Result<Left, Failure> {
        left(self.port.reply_receive(&message(answer))?)
    }
}

/// `answer` as it travels.
pub fn message(answer: Answer) -> Message {
    Message::guest_verdict(answer.verdict, answer.words)
}

/// Puts `words` where groups stand.
pub fn put(words: &[u64]) {
    for (number, word) in words.iter().enumerate() {
        buffer().write(MESSAGE_REGISTERS + number, *word);
    }
}

/// The exit that was received.
#[track_caller]
pub fn left(received: Received) -> Result<Left, Failure> {
    match received {
        Received::Exit { left, .. } => Ok(Left { reason: left.reason(), exit: left.exit }),
        other => {
            let place = core::panic::Location::caller();
            let text = format_args!("received {other:?}");
            Err(Failure::new(place.file(), place.line(), text))
        }
    }
}

impl Left {
    /// Whether it is `reason`, with `detail` and `value`.
    pub fn is(&self, reason: ExitReason, detail: u64, value: u64) -> bool {
        (self.reason, self.exit.detail, self.exit.value) == (Some(reason), detail, value)
    }

    /// Bytes of the instruction: as told, else `usual`.
    pub fn length(&self, usual: u8) -> u8 {
        self.exit.situation.length().unwrap_or(usual)
    }

    /// How the processor stood.
    pub fn situation(&self) -> Situation {
        self.exit.situation
    }
}
