//! A process's registers, played by a test.

use std::cell::{Cell, RefCell};

use a9n_hal::{CallFrame, Context, MESSAGE_REGISTERS, PhysicalAddress, UserAddress};

/// What the kernel answered to a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Identifier register.
    pub identifier: u64,
    /// Message info register.
    pub info: u64,
    /// Message registers.
    pub words: [u64; MESSAGE_REGISTERS],
}

/// How a process would resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// With every register as it was.
    Whole,
    /// With an answer to its kernel call.
    Answer(Answer),
    /// It makes the same kernel call again.
    Restart,
    /// With a result of its foreign system call.
    ForeignResult(u64),
}

const REGISTERS: usize = 4;

const NO_ANSWER: Answer = Answer { identifier: 0, info: 0, words: [0; MESSAGE_REGISTERS] };

/// Registers of a simulated process: instruction and stack pointer, thread base, argument, and
/// those of a kernel call.
#[derive(Clone, Debug)]
pub struct SimContext {
    call: Cell<CallFrame>,
    /// How it would resume: a kind, and what an answer or a result consists of. Words without gaps,
    /// so that contexts with the same content are the same bytes.
    kind: Cell<u64>,
    answer: Cell<Answer>,
    registers: RefCell<[u64; REGISTERS]>,
    root: Cell<Option<PhysicalAddress>>,
    vector_state: Cell<Option<PhysicalAddress>>,
    guest: Cell<Option<PhysicalAddress>>,
    foreign: Cell<bool>,
}

impl SimContext {
    const INSTRUCTION: usize = 0;
    const STACK: usize = 1;
    const THREAD_BASE: usize = 2;
    const ARGUMENT: usize = 3;

    /// Kinds of resumption.
    const WHOLE: u64 = 0;
    const ANSWER: u64 = 1;
    const RESTART: u64 = 2;
    const FOREIGN: u64 = 3;

    /// Loads the registers for a kernel call.
    pub fn prepare(&self, call: CallFrame) {
        self.call.set(call);
        self.resume_as(Self::WHOLE, NO_ANSWER);
    }

    /// How it would resume.
    pub fn resumption(&self) -> Resumption {
        match self.kind.get() {
            Self::ANSWER => Resumption::Answer(self.answer.get()),
            Self::RESTART => Resumption::Restart,
            Self::FOREIGN => Resumption::ForeignResult(self.answer.get().identifier),
            _ => Resumption::Whole,
        }
    }

    fn resume_as(&self, kind: u64, answer: Answer) {
        assert!(kind == Self::WHOLE || self.guest.get().is_none(), "a guest has no such registers");
        self.kind.set(kind);
        self.answer.set(answer);
    }

    /// Root of its page tables.
    pub fn root(&self) -> Option<PhysicalAddress> {
        self.root.get()
    }

    /// Its vector state.
    pub fn vector_state(&self) -> Option<PhysicalAddress> {
        self.vector_state.get()
    }

    /// Its virtual CPU.
    pub fn guest(&self) -> Option<PhysicalAddress> {
        self.guest.get()
    }

    fn set(&self, register: usize, value: u64) {
        self.registers.borrow_mut()[register] = value;
    }
}

impl Context for SimContext {
    const REGISTERS: usize = REGISTERS;

    fn new() -> Self {
        Self {
            call: Cell::new(CallFrame {
                operation: 0,
                descriptor: 0,
                info: 0,
                words: [0; MESSAGE_REGISTERS],
            }),
            kind: Cell::new(Self::WHOLE),
            answer: Cell::new(NO_ANSWER),
            registers: RefCell::new([0; REGISTERS]),
            root: Cell::new(None),
            vector_state: Cell::new(None),
            guest: Cell::new(None),
            foreign: Cell::new(false),
        }
    }

    fn call(&self) -> CallFrame {
        self.call.get()
    }

    fn answer(&self, identifier: u64, info: u64, words: &[u64; MESSAGE_REGISTERS]) {
        self.resume_as(Self::ANSWER, Answer { identifier, info, words: *words });
    }

    fn set_words(&self, words: &[u64; MESSAGE_REGISTERS]) {
        self.call.set(CallFrame { words: *words, ..self.call.get() });
    }

    fn answer_without_words(&self, identifier: u64, info: u64) {
        let words = self.call.get().words;
        self.resume_as(Self::ANSWER, Answer { identifier, info, words });
    }

    fn restart(&self, operation: u64) {
        self.call.set(CallFrame { operation, ..self.call.get() });
        self.resume_as(Self::RESTART, NO_ANSWER);
    }

    fn set_foreign(&self, foreign: bool) {
        self.foreign.set(foreign);
    }

    fn is_foreign(&self) -> bool {
        self.foreign.get()
    }

    fn foreign_call(&self) -> (u64, [u64; MESSAGE_REGISTERS]) {
        (self.call.get().operation, self.call.get().words)
    }

    fn answer_foreign(&self, result: u64) {
        self.resume_as(Self::FOREIGN, Answer { identifier: result, ..NO_ANSWER });
    }

    fn resume_whole(&self) {
        self.resume_as(Self::WHOLE, NO_ANSWER);
    }

    fn copy_from(&self, other: &Self) {
        self.call.set(other.call.get());
        self.resume_as(other.kind.get(), other.answer.get());
        // It may be its own source.
        let registers = *other.registers.borrow();
        *self.registers.borrow_mut() = registers;
    }

    fn instruction_pointer(&self) -> UserAddress {
        UserAddress(self.registers.borrow()[Self::INSTRUCTION])
    }

    fn set_instruction_pointer(&self, address: UserAddress) {
        self.set(Self::INSTRUCTION, address.0);
    }

    fn set_stack_pointer(&self, address: UserAddress) {
        self.set(Self::STACK, address.0);
    }

    fn set_thread_base(&self, address: UserAddress) -> bool {
        self.set(Self::THREAD_BASE, address.0);
        true
    }

    fn set_argument(&self, value: u64) {
        self.set(Self::ARGUMENT, value);
    }

    fn set_address_space(&self, root: Option<PhysicalAddress>) {
        self.root.set(root);
    }

    fn set_vector_state(&self, state: Option<PhysicalAddress>) {
        self.vector_state.set(state);
    }

    fn set_guest(&self, guest: Option<PhysicalAddress>) {
        self.guest.set(guest);
        self.resume_whole();
    }

    fn read(&self, number: usize) -> Option<u64> {
        self.registers.borrow().get(number).copied()
    }

    fn write(&self, number: usize, value: u64) -> bool {
        let written = match self.registers.borrow_mut().get_mut(number) {
            Some(register) => {
                *register = value;
                true
            }
            None => false,
        };
        if written {
            self.resume_whole();
        }
        written
    }
}
