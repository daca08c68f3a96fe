//! The machine as the kernel sees it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::ptr::NonNull;

use a9n_hal::{
    Context, CpuNumber, Hal, Interrupt, KernelAddress, Memory, PhysicalAddress, Processors, Ticks,
};

use crate::devices::SimDevices;
use crate::translations::Translations;
use crate::{SimContext, SimMemory};

/// Ticks of the simulated clock in a second.
const TICKS_PER_SECOND: Ticks = 1_000_000;

/// Logarithm of the bytes of a vector state.
const VECTOR_STATE_BITS: u32 = 10;

/// First word of every vector state, which its image follows.
const VECTOR_STATE_MARK: u64 = 0x0076_6563_746f_7200;

/// Bytes of the image of a vector state.
const VECTOR_IMAGE_BYTES: usize = 256;

/// Bits that the first word of an image must not have.
pub const VECTOR_IMAGE_RESERVED: u64 = !0xff;

/// CPUs of a simulated machine.
const CPUS: usize = 16;

/// A simulated machine.
#[derive(Debug)]
pub struct SimMachine {
    pub(crate) memory: SimMemory,
    pub(crate) state: RefCell<SimState>,
    /// The machine's state at each mark.
    marks: RefCell<Vec<SimState>>,
}

/// What a machine is beside its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimState {
    clock: Ticks,
    /// The CPU that runs the kernel when it is entered.
    here: CpuNumber,
    /// When the timer of each CPU goes off.
    timers: [Option<Ticks>; CPUS],
    console: Vec<u8>,
    exit: Option<bool>,
    pub(crate) flushes: u64,
    pub(crate) translations: Translations,
    pub(crate) devices: SimDevices,
    nudges: BTreeSet<CpuNumber>,
}

/// What the implementation keeps for a CPU: the message words that stay in registers on a fast
/// path.
#[derive(Debug, Default)]
pub struct SimCpu {
    /// Number of the CPU.
    pub number: CpuNumber,
    /// The first four message words of the kernel call under way.
    pub words: Cell<[u64; 4]>,
    /// The vector state that its vector unit holds.
    pub vectors: Cell<Option<PhysicalAddress>>,
}

/// Leaves to `to` by a fast path, which has put the vector unit of `cpu` into the right state.
fn leave_to(cpu: &SimCpu, to: &SimContext) -> Departure {
    assert_eq!(cpu.vectors.get(), to.vector_state(), "the vector unit holds somebody else's state");
    Departure::Left(NonNull::from(to))
}

/// How a fast path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Into the process with the context at this host address, which holds its answer.
    Left(NonNull<SimContext>),
    /// Nowhere: the general path has to do it.
    Retreated,
}

impl SimMachine {
    /// A machine with `bytes` of memory from [`BASE`](crate::BASE) on.
    pub fn new(bytes: usize) -> Self {
        Self { memory: SimMemory::new(bytes), state: RefCell::default(), marks: RefCell::default() }
    }

    /// Its memory.
    pub fn memory(&self) -> &SimMemory {
        &self.memory
    }

    /// Copies words of memory that is no object.
    fn copy(&self, from: PhysicalAddress, to: PhysicalAddress, bytes: usize) {
        self.memory.plain(self.kernel_address(from), bytes);
        self.memory.plain(self.kernel_address(to), bytes);
        for offset in (0..bytes as u64).step_by(8) {
            self.memory.set_word(to.offset(offset), self.memory.word(from.offset(offset)));
        }
    }

    /// From now on the kernel is entered on CPU `number`.
    pub fn enter_on(&self, number: CpuNumber) {
        self.state.borrow_mut().here = number;
    }

    /// A device raises `interrupt`. Answers whether it comes in; a line is masked by that.
    pub fn raise(&self, interrupt: Interrupt) -> bool {
        self.state.borrow_mut().devices.raise(interrupt)
    }

    /// Lets time pass.
    pub fn advance(&self, ticks: Ticks) {
        self.state.borrow_mut().clock += ticks;
    }

    /// The CPUs whose timers went off by now, which they do once.
    pub fn take_due(&self) -> Vec<CpuNumber> {
        let mut state = self.state.borrow_mut();
        let clock = state.clock;
        (0..)
            .zip(&mut state.timers)
            .filter(|(_, timer)| timer.is_some_and(|deadline| deadline <= clock))
            .map(|(number, timer)| {
                *timer = None;
                number
            })
            .collect()
    }

    /// Makes it `time` now: what is to happen keeps its distance, what is over is of this moment.
    pub fn rebase_time(&self, time: Ticks) {
        let mut state = self.state.borrow_mut();
        let now = std::mem::replace(&mut state.clock, time);
        for deadline in state.timers.iter_mut().flatten() {
            *deadline = time.saturating_add(deadline.saturating_sub(now));
        }
    }

    /// A CPU that was nudged, and is not any more.
    pub fn take_nudge(&self) -> Option<CpuNumber> {
        self.state.borrow_mut().nudges.pop_first()
    }

    /// What the kernel wrote to the early console.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&self.state.borrow().console).into_owned()
    }

    /// What `debug_exit` said.
    pub fn exit(&self) -> Option<bool> {
        self.state.borrow().exit
    }

    /// `cpu` runs in the address space `root`, and caches all of it.
    pub fn use_space(&self, cpu: CpuNumber, root: PhysicalAddress) {
        let mappings = self.mappings(root);
        self.state.borrow_mut().translations.look_up(cpu, root, &mappings);
    }

    /// Panics if something is cached that is not so any more. `live` are the roots of all address
    /// spaces but those in `dying`, which nobody loads any more: of these it may still be.
    pub fn check_translations(&self, live: &[PhysicalAddress], dying: &[PhysicalAddress]) {
        let mappings = |root| live.contains(&root).then(|| self.mappings(root));
        self.state.borrow().translations.check(dying, mappings);
    }

    /// How often cached translations were forgotten.
    pub fn flushes(&self) -> u64 {
        self.state.borrow().flushes
    }

    /// Remembers the machine as it is.
    pub fn mark(&self) {
        self.memory.mark();
        self.marks.borrow_mut().push(self.state.borrow().clone());
    }

    /// Makes the machine what it was at the last mark, which stays.
    ///
    /// # Panics
    /// Without a mark.
    pub fn rewind(&self) {
        self.memory.rewind();
        let marks = self.marks.borrow();
        self.state.borrow_mut().clone_from(marks.last().expect("there is a mark"));
    }

    /// Forgets the last mark; what happened since counts for the one before.
    ///
    /// # Panics
    /// Without a mark.
    pub fn unmark(&self) {
        self.memory.unmark();
        self.marks.borrow_mut().pop();
    }

    /// Tells machines apart that went different ways from the same first mark.
    pub fn hash_into(&self, hasher: &mut impl Hasher) {
        let state = self.state.borrow();
        self.memory.difference().hash(hasher);
        (state.clock, state.timers, state.exit, &state.nudges).hash(hasher);
        state.translations.hash(hasher);
        state.devices.hash_into(hasher);
    }
}

// SAFETY: `kernel_address` is the identity, and `pointer` and `object` panic unless the range lies
// in memory that stays allocated as long as the machine.
unsafe impl Memory for SimMachine {
    fn kernel_address(&self, physical: PhysicalAddress) -> KernelAddress {
        KernelAddress(NonZeroU64::new(physical.0).expect("physical address 0 is not memory"))
    }

    fn physical_address(&self, address: KernelAddress) -> PhysicalAddress {
        PhysicalAddress(address.0.get())
    }

    fn pointer(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        self.memory.plain(address, bytes)
    }

    fn object(&self, address: KernelAddress, bytes: usize) -> NonNull<u8> {
        self.memory.object(address, bytes)
    }

    fn claim(&self, address: KernelAddress, bytes: usize) {
        self.memory.claim(address, bytes);
    }

    fn release(&self, address: KernelAddress, bytes: usize) {
        self.memory.release(address, bytes);
    }
}

impl Processors for SimMachine {
    fn nudge(&self, cpu: CpuNumber) {
        self.state.borrow_mut().nudges.insert(cpu);
    }

    fn flush_pending(&self) -> bool {
        false
    }
}

impl Hal for SimMachine {
    type Context = SimContext;
    type Cpu = SimCpu;
    type Leave = Departure;

    const ARCHITECTURE: &'static str = "simulated";

    fn cpu_number(cpu: &SimCpu) -> CpuNumber {
        cpu.number
    }

    fn now(&self) -> Ticks {
        self.state.borrow().clock
    }

    fn ticks_per_second(&self) -> Ticks {
        TICKS_PER_SECOND
    }

    fn set_timer(&self, deadline: Option<Ticks>) {
        let mut state = self.state.borrow_mut();
        let here = usize::from(state.here);
        state.timers[here] = deadline;
    }

    fn write_console(&self, byte: u8) {
        self.state.borrow_mut().console.push(byte);
    }

    fn vector_state_bits(&self) -> u32 {
        VECTOR_STATE_BITS
    }

    fn prepare_vector_state(&self, state: PhysicalAddress) {
        self.memory.set_word(state, VECTOR_STATE_MARK);
    }

    fn release_vector_state(&self, state: PhysicalAddress) {
        assert_eq!(self.memory.word(state), VECTOR_STATE_MARK, "no vector state there");
    }

    fn vector_image_bytes(&self) -> usize {
        VECTOR_IMAGE_BYTES
    }

    fn read_vector_state(&self, state: PhysicalAddress, image: PhysicalAddress) {
        self.release_vector_state(state);
        self.copy(state.offset(8), image, VECTOR_IMAGE_BYTES);
    }

    fn write_vector_state(&self, state: PhysicalAddress, image: PhysicalAddress) -> bool {
        self.release_vector_state(state);
        let valid = self.memory.word(image) & VECTOR_IMAGE_RESERVED == 0;
        if valid {
            self.copy(image, state.offset(8), VECTOR_IMAGE_BYTES);
        }
        valid
    }

    fn copy_vector_state(&self, from: PhysicalAddress, to: PhysicalAddress) {
        self.release_vector_state(from);
        self.release_vector_state(to);
        self.copy(from, to, 8 + VECTOR_IMAGE_BYTES);
    }

    fn debug_exit(&self, success: bool) {
        self.state.borrow_mut().exit = Some(success);
    }

    fn leave(
        &self,
        cpu: &SimCpu,
        to: &SimContext,
        identifier: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Departure {
        let [word0, word1, word2, word3] = cpu.words.get();
        let words = [word0, word1, word2, word3, word4, word5];
        Context::answer(to, identifier, info, &words);
        leave_to(cpu, to)
    }

    fn stay(
        &self,
        cpu: &SimCpu,
        me: &SimContext,
        identifier: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Departure {
        self.leave(cpu, me, identifier, info, word4, word5)
    }

    fn resume(&self, cpu: &SimCpu, to: &SimContext) -> Departure {
        leave_to(cpu, to)
    }

    fn resume_until(&self, cpu: &SimCpu, to: &SimContext, deadline: Ticks) -> Departure {
        self.set_timer(Some(deadline));
        self.resume(cpu, to)
    }

    fn resume_guest(&self, cpu: &SimCpu, to: &SimContext) -> Departure {
        assert!(to.guest().is_some(), "it has no guest");
        leave_to(cpu, to)
    }

    fn leave_foreign(&self, cpu: &SimCpu, to: &SimContext) -> Departure {
        let [result, ..] = cpu.words.get();
        to.answer_foreign(result);
        leave_to(cpu, to)
    }

    fn switches_vectors(&self) -> bool {
        true
    }

    fn switch_vectors(&self, cpu: &SimCpu, to: &SimContext) {
        cpu.vectors.set(to.vector_state());
    }

    fn put_vectors_aside(&self, cpu: &SimCpu, me: &SimContext) {
        let held = cpu.vectors.take();
        assert!(held.is_some() && held == me.vector_state(), "the unit holds who runs");
    }

    fn take_vectors_up(&self, cpu: &SimCpu, to: &SimContext) {
        assert!(to.vector_state().is_some(), "it has a state");
        assert_eq!(cpu.vectors.replace(to.vector_state()), None, "the unit is empty");
    }

    fn retreat(
        &self,
        _cpu: &SimCpu,
        _me: &SimContext,
        _operation: u64,
        _descriptor: u64,
        _info: u64,
        _word4: u64,
        _word5: u64,
    ) -> Departure {
        Departure::Retreated
    }

    fn retreat_foreign(&self, _cpu: &SimCpu, _me: &SimContext) -> Departure {
        Departure::Retreated
    }
}
