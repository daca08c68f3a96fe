//! A kernel on a simulated machine, and processes played by the test.

#![allow(dead_code, reason = "each test file uses its part")]

mod fast;
pub mod history;

use a9n_abi::boot::{InitSegment, MemoryKind, MemoryRegion};
use a9n_abi::init::{InitInfo, slot};
use a9n_abi::{
    Access, Descriptor, Error, MessageInfo, ObjectType, Reason, Source, Word, generic, node,
    operation_word, pcb,
};
use a9n_core::check::{SpaceCensus, Surroundings};
use a9n_core::{Boot, Kernel};
use a9n_hal::{CallFrame, Fault, Interrupt, PhysicalAddress, Ticks};
use a9n_hal_sim::{Answer, BASE, Departure, Resumption, SimCpu, SimMachine};
use a9n_store::{Node, Object, Process, Ref};

/// Memory of the simulated machine.
pub const MEMORY: usize = 4 << 20;

/// CPUs of the simulated machine. Tests play the first unless they say otherwise.
pub const CPUS: u32 = 3;

/// Bytes at the end of memory that hold init's image.
const IMAGE_PAGES: u64 = 2;

/// First slot that tests may use.
pub const FREE: u64 = 1024;

/// The smallest Generic that tests make for themselves: 1 MiB.
pub const GENERIC: u64 = FREE - 1;

/// What came of a kernel call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The caller goes on with this.
    Answered(Answer),
    /// The caller does not run at the moment.
    Blocked,
}

/// A booted kernel.
pub struct System {
    pub kernel: Kernel<SimMachine>,
    pub init: Ref<Process>,
    cpu: SimCpu,
    /// Who runs on the CPU that the test plays.
    pub current: Option<Ref<Process>>,
    /// Who runs on the other CPUs, by number.
    pub elsewhere: [Option<Ref<Process>>; CPUS as usize],
    known: Vec<Ref<Process>>,
    marks: Vec<history::Mark>,
    /// Init's root node.
    root: Ref<Node>,
    /// What is mapped for init from the beginning.
    boot_pages: Vec<(u64, u64)>,
    /// Whether call and reply_receive try their fast paths first.
    pub fast: bool,
    /// Whether the last kernel call was repeated by the kernel's wish.
    pub restarted: bool,
    /// How many kernel calls a fast path did.
    pub fast_calls: u64,
}

impl System {
    /// Boots, and makes Generic [`GENERIC`] of 1 MiB.
    pub fn new() -> Self {
        let mut kernel = Kernel::new(SimMachine::new(MEMORY));
        let pages = MEMORY as u64 / 4096;
        let image = BASE + (pages - IMAGE_PAGES) * 4096;
        let region = |start, pages, kind| MemoryRegion { start, pages, kind, reserved: 0 };
        let memory = [
            region(BASE, pages - IMAGE_PAGES, MemoryKind::Usable as u32),
            region(image, IMAGE_PAGES, MemoryKind::Init as u32),
            region(0xfe00_0000, 16, MemoryKind::Device as u32),
        ];
        let segment = InitSegment {
            virtual_address: 0x20_0000,
            physical_address: image,
            pages: IMAGE_PAGES,
            access: InitSegment::READ | InitSegment::EXECUTE,
        };
        kernel
            .boot(&Boot {
                memory: &memory,
                segments: &[segment],
                entry: 0x20_0000,
                modules: &[],
                command_line: b"test",
                acpi_root: 0,
                framebuffer: Default::default(),
                entry_ticks: 0,
                cpus: CPUS,
            })
            .expect("boots");
        let init = kernel.timer(0, None).expect("init is ready");
        let root = kernel.root_node(init).expect("init has a root node");
        let space = kernel.context(init).root().expect("init has an address space");
        let pages = kernel.hal().mappings(space).pages;
        let boot_pages = pages.iter().map(|(address, page, ..)| (address.0, page.0)).collect();
        let mut system = Self {
            root,
            boot_pages,
            kernel,
            init,
            cpu: SimCpu::default(),
            current: Some(init),
            elsewhere: [None; CPUS as usize],
            known: vec![init],
            marks: vec![],
            fast: true,
            restarted: false,
            fast_calls: 0,
        };
        let large = system.large_generic();
        system.convert(large, ObjectType::Generic, 20, 1, GENERIC).expect("memory is there");
        system
    }

    /// Slot of a Generic of at least 1 MiB.
    fn large_generic(&mut self) -> u64 {
        (slot::FIRST_LISTED..FREE)
            .find(|slot| {
                let words = self.ask(*slot, generic::word::Information, &[]);
                words.is_ok_and(|words| words[1] >= 20 && words[3] == 0)
            })
            .expect("init has a large Generic")
    }

    /// Checks every invariant of the kernel's state, and the machine's memory against it.
    pub fn check(&self) {
        let mut running = self.elsewhere;
        running[usize::from(self.cpu.number)] = self.current;
        let machine = self.kernel.hal();
        let objects = machine.memory().objects();
        let is_zero = |address, bytes| machine.memory().is_zero(address, address + bytes);
        let (root, running, objects) = (self.root, &running, &objects);
        let surroundings = Surroundings { root, running, objects, is_zero: &is_zero };
        let census = self.kernel.check(&surroundings);
        for (start, end) in census.zeroed {
            assert!(machine.memory().is_zero(start, end), "{start:#x}..{end:#x} is not zero");
        }
        let (dying, live): (Vec<_>, Vec<_>) = census.spaces.iter().partition(|space| space.dying);
        let root = |space: &&SpaceCensus| space.root;
        let (dying, live): (Vec<_>, Vec<_>) =
            (dying.iter().map(root).collect(), live.iter().map(root).collect());
        machine.check_translations(&live, &dying);
        let spaces = running.iter().flatten().map(|process| self.kernel.context(*process).root());
        assert!(spaces.flatten().all(|root| !dying.contains(&root)), "a dying space is in use");
        // Until the next check they run.
        self.use_spaces();
        for space in census.spaces {
            let mappings = machine.mappings(space.root);
            for table in &mappings.tables {
                assert!(space.tables.contains(table), "{table:x?} is in use and belongs to nobody");
            }
            for (address, page, bytes, access) in mappings.pages {
                assert!(!access.contains(Access::WRITE | Access::EXECUTE));
                // A dying space may let go of a Window before the tables; nobody is in it.
                let owned = space.dying
                    || self.boot_pages.contains(&(address.0, page.0))
                    || space.windows.iter().any(|(first, range, (base, length))| {
                        let at = address.0.wrapping_sub(first.0);
                        at < *range && page.0 >= base.0 && page.0 + bytes <= base.0 + length
                    });
                assert!(owned, "{page:x?} is mapped at {address:x?} through no Window");
            }
        }
    }

    /// Whoever runs caches all that it can of its address space.
    pub fn use_spaces(&self) {
        let mut running = self.elsewhere;
        running[usize::from(self.cpu.number)] = self.current;
        for (number, process) in (0..).zip(running) {
            if let Some(root) = process.and_then(|process| self.kernel.context(process).root()) {
                self.kernel.hal().use_space(number, root);
            }
        }
    }

    /// `process` makes a kernel call; time stands still.
    pub fn call(&mut self, process: Ref<Process>, frame: CallFrame) -> Reaction {
        assert_eq!(self.current, Some(process), "only the running process makes calls");
        let context = self.kernel.context(process);
        context.prepare(frame);
        self.restarted = false;
        if self.fast && self.try_fast(process, &frame) {
            return self.reaction(process);
        }
        for _ in 0..1_000_000 {
            self.current = self.kernel.call(self.cpu.number, process);
            self.note_current();
            self.deliver_nudges();
            if self.current != Some(process)
                || self.kernel.context(process).resumption() != Resumption::Restart
            {
                return self.reaction(process);
            }
            self.restarted = true;
        }
        panic!("a kernel call restarts for ever");
    }

    /// `process` makes a kernel call, which is not repeated if the kernel wants that. Answers
    /// whether it does: in between, others may act.
    pub fn begin(&mut self, process: Ref<Process>, frame: CallFrame) -> bool {
        self.kernel.context(process).prepare(frame);
        self.repeat(process)
    }

    /// `process` repeats its kernel call once. Answers whether it has to do so again.
    pub fn repeat(&mut self, process: Ref<Process>) -> bool {
        self.current = self.kernel.call(self.cpu.number, process);
        self.note_current();
        self.deliver_nudges();
        self.current == Some(process)
            && self.kernel.context(process).resumption() == Resumption::Restart
    }

    /// From now on the test plays CPU `number`.
    pub fn play(&mut self, number: u8) {
        self.elsewhere[usize::from(self.cpu.number)] = self.current.take();
        self.cpu.number = number;
        self.kernel.hal().enter_on(number);
        self.current = self.elsewhere[usize::from(number)].take();
    }

    /// The CPU that the test plays.
    pub fn playing(&self) -> u8 {
        self.cpu.number
    }

    /// CPUs that were nudged enter the kernel.
    fn deliver_nudges(&mut self) {
        while let Some(number) = self.kernel.hal().take_nudge() {
            self.on(number, |kernel, running| kernel.nudged(number, running));
        }
    }

    /// Something comes into the kernel of CPU `number` from whoever runs there.
    fn on(
        &mut self,
        number: u8,
        event: impl FnOnce(&mut Kernel<SimMachine>, Option<Ref<Process>>) -> Option<Ref<Process>>,
    ) {
        let playing = self.cpu.number;
        self.play(number);
        self.current = event(&mut self.kernel, self.current);
        self.note_current();
        self.play(playing);
    }

    /// Follows a fast path. Answers whether it led anywhere.
    fn leave(&mut self, departure: Departure) -> bool {
        let Departure::Left(context) = departure else { return false };
        let at = |process: &Ref<Process>| {
            self.lives(*process) && std::ptr::eq(self.kernel.context(*process), context.as_ptr())
        };
        self.current = self.known.iter().copied().find(at);
        assert!(
            self.current.is_some(),
            "a fast path leaves to a process that ran before, or was ready"
        );
        self.fast_calls += 1;
        true
    }

    /// Whether there is a process where this one was.
    fn lives(&self, process: Ref<Process>) -> bool {
        let bytes = 1 << <Process as Object<SimMachine>>::SIZE_BITS;
        self.kernel.hal().memory().has_object(process.address().0.get(), bytes)
    }

    fn note_current(&mut self) {
        if let Some(current) = self.current
            && !self.known.contains(&current)
        {
            self.known.push(current);
        }
    }

    fn reaction(&self, process: Ref<Process>) -> Reaction {
        if self.current != Some(process) {
            return Reaction::Blocked;
        }
        Reaction::Answered(self.answer(process))
    }

    /// The answer that `process` resumes with.
    pub fn answer(&self, process: Ref<Process>) -> Answer {
        match self.kernel.context(process).resumption() {
            Resumption::Answer(answer) => answer,
            other => panic!("no answer but {other:?}"),
        }
    }

    /// The running process resumes the process in `index`, which may run at once.
    pub fn resume(&mut self, index: u64) {
        let process = self.current.expect("somebody runs");
        let operation = pcb::word::Resume;
        self.call(process, CallFrame { operation, descriptor: index, info: 0, words: [0; 6] });
    }

    /// The running process asks the kernel for something.
    pub fn ask(&mut self, slot: u64, operation: u64, arguments: &[u64]) -> Result<[u64; 6], Error> {
        let mut words = [0; 6];
        words[..arguments.len()].copy_from_slice(arguments);
        let process = self.current.expect("somebody runs");
        let frame = CallFrame { operation, descriptor: slot, info: arguments.len() as u64, words };
        match self.call(process, frame) {
            Reaction::Answered(answer) => outcome(answer),
            Reaction::Blocked => panic!("the kernel call blocked"),
        }
    }

    /// Makes `count` objects from the Generic in `from`, into slots of init's node.
    pub fn convert(
        &mut self,
        from: u64,
        object: ObjectType,
        size_bits: u64,
        count: u64,
        index: u64,
    ) -> Result<(), Error> {
        let arguments = [object as u64, size_bits, count, slot::NODE, index];
        self.ask(from, generic::word::Convert, &arguments).map(|_| ())
    }

    /// Removes slot `index` of init's node.
    pub fn remove(&mut self, index: u64) -> Result<(), Error> {
        self.ask(slot::NODE, node::word::Remove, &[index]).map(|_| ())
    }

    /// Revokes slot `index` of init's node.
    pub fn revoke(&mut self, index: u64) -> Result<(), Error> {
        self.ask(slot::NODE, node::word::Revoke, &[index]).map(|_| ())
    }

    /// Type of what is in slot `index` of init's node, 0 for nothing.
    pub fn look(&mut self, index: u64) -> u64 {
        self.ask(slot::NODE, node::word::Look, &[index]).expect("slot exists")[0]
    }

    /// Makes a process with init's node and an address space of its own; its PCB in `index`, the
    /// space in `index + 1`, an IPC buffer in `index + 2`. It is not started.
    pub fn process(&mut self, index: u64, priority: u64) {
        self.convert(GENERIC, ObjectType::Pcb, 0, 1, index).expect("PCB");
        self.convert(GENERIC, ObjectType::AddressSpace, 0, 1, index + 1).expect("space");
        self.convert(GENERIC, ObjectType::Frame, 12, 1, index + 2).expect("buffer");
        let spaces = [index + 1, slot::NODE, index + 2];
        self.ask(index, pcb::word::ConfigureSpaces, &spaces).expect("spaces");
        self.ask(index, pcb::word::ConfigureEntry, &[0x20_0000, 0, 0, 0]).expect("entry");
        self.ask(index, pcb::word::ConfigureSchedule, &[priority, 0, 0]).expect("priority");
    }

    /// Starts the process in `index`, at least as urgent as init, and lets it run.
    pub fn start(&mut self, index: u64) -> Ref<Process> {
        self.ask(index, pcb::word::Resume, &[]).expect("resumes");
        self.yield_now();
        self.current.expect("somebody runs")
    }

    /// The running process yields.
    pub fn yield_now(&mut self) {
        let process = self.current.expect("somebody runs");
        let operation = operation_word(1, 1);
        self.call(process, CallFrame { operation, descriptor: 0, info: 0, words: [0; 6] });
    }

    /// The running process faults.
    pub fn fault(&mut self, fault: Fault) {
        let process = self.current.expect("somebody runs");
        self.current = self.kernel.fault(self.cpu.number, process, fault);
        self.note_current();
        self.deliver_nudges();
    }

    /// The running process leaves its guest.
    pub fn guest_exit(&mut self) {
        let process = self.current.expect("somebody runs");
        self.cpu.vectors.set(self.kernel.context(process).vector_state());
        let departure = self
            .fast
            .then(|| self.kernel.fast_exit(&self.cpu, process, self.kernel.hal()))
            .flatten();
        if departure.is_some_and(|departure| self.leave(departure)) {
            return;
        }
        self.current = self.kernel.guest_exit(self.cpu.number, process);
        self.note_current();
        self.deliver_nudges();
    }

    /// A device raises `interrupt`. Answers whether it comes in.
    pub fn raise(&mut self, interrupt: Interrupt) -> bool {
        let came = self.kernel.hal().raise(interrupt);
        if came {
            self.current = self.kernel.interrupt(self.cpu.number, self.current, interrupt);
            self.note_current();
            self.deliver_nudges();
        }
        came
    }

    /// A process writes word `index` of its page at physical `page`.
    pub fn write(&self, page: u64, index: usize, value: u64) {
        let address = PhysicalAddress(page + index as u64 * 8);
        self.kernel.hal().memory().store_word(address, value);
    }

    /// Time passes for whoever runs.
    pub fn pass(&mut self, ticks: Ticks) {
        self.kernel.hal().advance(ticks);
        for number in self.kernel.hal().take_due() {
            self.on(number, |kernel, running| kernel.timer(number, running));
        }
        self.deliver_nudges();
    }

    /// The running process makes an IPC call or another message operation.
    pub fn message(&mut self, slot: u64, operation: u64, label: u32, words: &[u64]) -> Reaction {
        let mut registers = [0; 6];
        registers[..words.len().min(6)].copy_from_slice(&words[..words.len().min(6)]);
        let process = self.current.expect("somebody runs");
        let info = MessageInfo::new(label, words.len()).0;
        self.call(process, CallFrame { operation, descriptor: slot, info, words: registers })
    }

    /// What init was told, as the kernel wrote it.
    pub fn info(&self) -> Vec<u8> {
        let memory = self.kernel.hal().memory().snapshot();
        let hash = a9n_abi::ABI_HASH.to_le_bytes();
        let start = memory.windows(8).position(|window| window == hash).expect("info is there");
        memory[start..start + size_of::<InitInfo>()].to_vec()
    }
}

/// The kernel's answer as a result: the first in the identifier's register, the others in message
/// words.
pub fn outcome(answer: Answer) -> Result<[u64; 6], Error> {
    let info = MessageInfo(answer.info);
    assert_eq!(info.source(), Some(Source::Kernel), "the kernel answers this itself");
    match Error::from_label(info.label()) {
        None => {
            let [second, third, fourth, fifth, sixth, _] = answer.words;
            Ok([answer.identifier, second, third, fourth, fifth, sixth])
        }
        Some(error) => Err(error),
    }
}

/// The reason in a refusal.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> Reason {
    result.expect_err("should be refused").reason
}

/// A descriptor as a word.
pub fn path(index: u64, depth: u8) -> u64 {
    Descriptor::path(index, depth).into_word()
}

/// Read and write.
pub fn read_write() -> u64 {
    (Access::READ | Access::WRITE).into_word()
}
