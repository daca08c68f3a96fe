//! The machine as the kernel sees it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::ptr::NonNull;

use a9n_hal::{Context, CpuNumber, Hal, KernelAddress, Memory, PhysicalAddress, Processors, Ticks};

use crate::translations::Translations;
use crate::{SimContext, SimDevices, SimMemory};

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

/// A simulated machine with one CPU.
#[derive(Debug)]
pub struct SimMachine {
    pub(crate) memory: SimMemory,
    clock: Cell<Ticks>,
    timer: Cell<Option<Ticks>>,
    console: RefCell<Vec<u8>>,
    exit: Cell<Option<bool>>,
    pub(crate) flushes: Cell<u64>,
    pub(crate) translations: RefCell<Translations>,
    pub(crate) devices: SimDevices,
    nudges: RefCell<BTreeSet<CpuNumber>>,
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
        Self {
            memory: SimMemory::new(bytes),
            clock: Cell::new(0),
            timer: Cell::new(None),
            console: RefCell::default(),
            exit: Cell::new(None),
            flushes: Cell::new(0),
            translations: RefCell::default(),
            devices: SimDevices::default(),
            nudges: RefCell::default(),
        }
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

    /// Its devices.
    pub fn devices(&self) -> &SimDevices {
        &self.devices
    }

    /// Lets time pass. Answers whether the timer goes off.
    pub fn advance(&self, ticks: Ticks) -> bool {
        self.clock.set(self.clock.get() + ticks);
        match self.timer.get() {
            Some(deadline) if deadline <= self.clock.get() => {
                self.timer.set(None);
                true
            }
            _ => false,
        }
    }

    /// A CPU that was nudged, and is not any more.
    pub fn take_nudge(&self) -> Option<CpuNumber> {
        self.nudges.borrow_mut().pop_first()
    }

    /// What the kernel wrote to the early console.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&self.console.borrow()).into_owned()
    }

    /// What `debug_exit` said.
    pub fn exit(&self) -> Option<bool> {
        self.exit.get()
    }

    /// `cpu` runs in the address space `root`, and caches all of it.
    pub fn use_space(&self, cpu: CpuNumber, root: PhysicalAddress) {
        self.translations.borrow_mut().look_up(cpu, root, &self.mappings(root));
    }

    /// Panics if something is cached that is not so any more. `live` are the roots of all address
    /// spaces.
    pub fn check_translations(&self, live: &[PhysicalAddress]) {
        let mappings = |root| live.contains(&root).then(|| self.mappings(root));
        self.translations.borrow().check(mappings);
    }

    /// How often cached translations were forgotten.
    pub fn flushes(&self) -> u64 {
        self.flushes.get()
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
        self.nudges.borrow_mut().insert(cpu);
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
        self.clock.get()
    }

    fn ticks_per_second(&self) -> Ticks {
        TICKS_PER_SECOND
    }

    fn set_timer(&self, deadline: Option<Ticks>) {
        self.timer.set(deadline);
    }

    fn write_console(&self, byte: u8) {
        self.console.borrow_mut().push(byte);
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
        self.exit.set(Some(success));
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
