//! A process's registers, as far as the portable kernel touches them.

use a9n_abi::MESSAGE_REGISTERS;

use crate::{PhysicalAddress, UserAddress};

/// The message words that travel in registers on every kernel call.
pub type Words = [u64; MESSAGE_REGISTERS];

/// The registers of a kernel call as the general path reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFrame {
    /// What is to be done.
    pub operation: u64,
    /// On which capability.
    pub descriptor: u64,
    /// Message info of what is sent.
    pub info: u64,
    /// Message words or arguments.
    pub words: [u64; MESSAGE_REGISTERS],
}

/// User-visible registers of one process. Fields are cells: a process may be sender and receiver
/// at once, so the kernel holds it shared.
///
/// A context resumes in one of two ways: as the *answer* to a kernel call (message registers as
/// set, instruction and stack pointer as they were, everything else cleared), or *whole*, every
/// register as it was (after an interrupt, a fault, a restart, or when registers were written).
pub trait Context: Sized {
    /// Words in the register file that [`read`](Context::read) and [`write`](Context::write)
    /// number from 0.
    const REGISTERS: usize;

    /// A context that never ran: all registers zero, resumes whole.
    fn new() -> Self;

    /// The kernel call that brought this process into the kernel, on the general path.
    fn call(&self) -> CallFrame;

    /// Makes it resume with this answer to its kernel call.
    #[inline(always)]
    fn answer(&self, identifier: u64, info: u64, words: &[u64; MESSAGE_REGISTERS]) {
        self.set_words(words);
        self.answer_without_words(identifier, info);
    }

    /// Sets the message words of the answer that follows.
    fn set_words(&self, words: &[u64; MESSAGE_REGISTERS]);

    /// The same as [`answer`](Context::answer), with message words that were set, or that do not count:
    /// whatever of its own stood there before.
    fn answer_without_words(&self, identifier: u64, info: u64);

    /// Makes it repeat its kernel call when it runs next, as `operation` with the same arguments.
    fn restart(&self, operation: u64);

    /// Says whether its system calls are foreign. May be asked of a process that runs on another
    /// CPU; that sees it at one of its next system calls.
    fn set_foreign(&self, foreign: bool);

    /// Whether its system calls are foreign.
    fn is_foreign(&self) -> bool;

    /// The system call of a foreign process, when its registers stand here: its number and six arguments, in
    /// the order of the foreign system's convention on this machine.
    fn foreign_call(&self) -> (u64, [u64; MESSAGE_REGISTERS]);

    /// Makes it resume whole, with `result` as the result of its foreign system call.
    fn answer_foreign(&self, result: u64);

    /// Makes it resume whole, with every register as it stands.
    fn resume_whole(&self);

    /// Takes over all user-visible registers of `other`, and how it resumes, but not its address
    /// space.
    fn copy_from(&self, other: &Self);

    /// Where it continues; an address outside the user half is cut off to one that faults.
    fn instruction_pointer(&self) -> UserAddress;

    /// Sets where it continues. The caller has checked that it lies in the user half.
    fn set_instruction_pointer(&self, address: UserAddress);

    /// Sets its stack pointer.
    fn set_stack_pointer(&self, address: UserAddress);

    /// Sets its thread-local base; an address outside the user half is refused with `false`.
    fn set_thread_base(&self, address: UserAddress) -> bool;

    /// Sets the first argument register of a function call, for a context that resumes whole.
    fn set_argument(&self, value: u64);

    /// Sets the root of its page tables; `None` if it has no address space and must not run.
    fn set_address_space(&self, root: Option<PhysicalAddress>);

    /// Attaches a vector state, or takes it away: without one, vector instructions fault. Before
    /// the context resumes, the machine gives the vector unit its state or disables it; no other
    /// process can see what it holds.
    fn set_vector_state(&self, state: Option<PhysicalAddress>);

    /// Attaches a virtual CPU, or takes it away: with one it runs the guest, whatever its registers
    /// are, and is not asked to resume in another way.
    fn set_guest(&self, guest: Option<PhysicalAddress>);

    /// Register `number` of the register file, `None` past its end. Order: the ABI's.
    fn read(&self, number: usize) -> Option<u64>;

    /// Writes register `number` and makes the context resume whole. Bits that user mode may not
    /// set are masked off. `false`, and nothing changes, past the end of the register file or for
    /// an address outside the user half where one is required.
    fn write(&self, number: usize, value: u64) -> bool;
}
