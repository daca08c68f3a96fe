//! The traits between the portable kernel and a machine.
//!
//! The kernel is `Kernel<H: Hal>` and owns its `H`: zero-sized on real machines, a whole
//! simulated machine on the host. What is not in these traits, the portable kernel cannot do;
//! what names a register, a page-table bit or an interrupt controller stands in an
//! implementation (`hal-x86_64`, `hal-sim`).
//!
//! An implementation also calls *into* the kernel, on kernel calls, faults, timer and device
//! interrupts. Those entries are wired by `fast` and `image`, the only crates that know both sides.

#![no_std]
#![forbid(unsafe_op_in_unsafe_fn)]

mod address;
mod context;
mod devices;
mod fault;
mod memory;
mod paging;
mod processors;
mod text;
mod virt;

pub use a9n_abi::guest::{Exit, ExitReason, GuestVerdict, StateGroups};
pub use a9n_abi::{Access, FaultReason, MESSAGE_REGISTERS, MemoryType};
pub use address::{KernelAddress, PhysicalAddress, UserAddress};
pub use context::{CallFrame, Context, Words};
pub use devices::{Devices, Interrupt, InterruptMessage, PortWidth};
pub use fault::{Fault, Trap};
pub use memory::Memory;
pub use paging::{PageSize, Paging, PagingError, Passed, Run, Stretch};
pub use processors::{CpuSet, Processors};
pub use text::Text;
pub use virt::{Exits, Take, Virt};

/// A point in time or a duration, in ticks of the CPU's monotonic counter (the TSC on x86_64).
pub type Ticks = u64;

/// Number of a CPU: 0 for the one that booted, without gaps.
pub type CpuNumber = u8;

/// A machine: its memory, its page tables, its clock and the way back to user mode.
pub trait Hal: Memory + Paging + Devices + Processors + Virt + Sized + 'static {
    /// User-visible registers of a process, and whatever the exit to user mode needs at hand.
    /// It is the first field of every PCB.
    type Context: Context;

    /// What the implementation keeps for each CPU; passed through the kernel untouched.
    type Cpu;

    /// What a fast path returns. On a real machine [`leave`](Hal::leave), [`retreat`](Hal::retreat)
    /// and the other functions that give it never come back, and this is a token without content; the
    /// type makes the portable fast path end in exactly one of them. (The call must be the function's
    /// last action, so that it compiles to a jump.)
    type Leave;

    /// Name of the architecture as init sees it, such as `x86_64`.
    const ARCHITECTURE: &'static str;

    /// Number of `cpu`.
    fn cpu_number(cpu: &Self::Cpu) -> CpuNumber;

    /// The time.
    fn now(&self) -> Ticks;

    /// Ticks in one second.
    fn ticks_per_second(&self) -> Ticks;

    /// Asks for one timer interrupt on this CPU at `deadline`, or soon if that has passed; `None`
    /// asks for none. Replaces what was asked before.
    fn set_timer(&self, deadline: Option<Ticks>);

    /// Writes one byte to the early console (the serial line), waiting until it is taken.
    fn write_console(&self, byte: u8);

    /// Logarithm of the bytes of a Vector State on this machine.
    fn vector_state_bits(&self) -> u32;

    /// Makes the zeroed memory at `state` the vector state that a program starts with.
    fn prepare_vector_state(&self, state: PhysicalAddress);

    /// The vector state at `state` is about to go, or to be read or replaced: what a vector unit
    /// holds of it is written back first, and the unit forgets it.
    fn release_vector_state(&self, state: PhysicalAddress);

    /// Bytes of an image of a vector state, a multiple of 8.
    fn vector_image_bytes(&self) -> usize;

    /// Copies the vector state at `state`, which no vector unit holds, as an image to memory at
    /// `image` that is no object and that user processes may be using.
    fn read_vector_state(&self, state: PhysicalAddress, image: PhysicalAddress);

    /// Replaces the vector state at `state`, which no vector unit holds, by the image in memory at
    /// `image` that user processes may be writing at this moment. `false`, and nothing changes, if
    /// it could not be loaded.
    fn write_vector_state(&self, state: PhysicalAddress, image: PhysicalAddress) -> bool;

    /// Replaces the vector state at `to` by the one at `from`; no vector unit holds either.
    fn copy_vector_state(&self, from: PhysicalAddress, to: PhysicalAddress);

    /// Ends an emulator run with success or failure; does nothing where there is no emulator or
    /// where the build leaves it out.
    fn debug_exit(&self, success: bool);

    /// Returns from a kernel call into `to`, at once and without looking anywhere else: switches
    /// address space and thread-local bases, puts `identifier`, `info` and the last two message
    /// words into their registers, leaves the first four where the other side's kernel call put
    /// them, lets nothing of the kernel's or of another process's stay in any other, and makes
    /// `to` the current process of `cpu`. The vector unit is as `to` wants it: neither side has a
    /// vector state, or [`switch_vectors`](Hal::switch_vectors) came first.
    fn leave(
        &self,
        cpu: &Self::Cpu,
        to: &Self::Context,
        identifier: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Self::Leave;

    /// Returns from a kernel call of `me` to `me` itself, which is what [`leave`](Hal::leave) would
    /// do, but nothing needs to be switched.
    fn stay(
        &self,
        cpu: &Self::Cpu,
        me: &Self::Context,
        identifier: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Self::Leave;

    /// Runs `to`, with its registers as its context says: as an answer, or whole. The vector unit is
    /// as for [`leave`](Hal::leave).
    fn resume(&self, cpu: &Self::Cpu, to: &Self::Context) -> Self::Leave;

    /// [`set_timer`](Hal::set_timer) to `deadline`, then [`resume`](Hal::resume).
    fn resume_until(&self, cpu: &Self::Cpu, to: &Self::Context, deadline: Ticks) -> Self::Leave;

    /// Runs `to`, which made a foreign system call, with the first word of the kernel call under
    /// way as its result, and every other register as it was. The vector unit is as for
    /// [`leave`](Hal::leave).
    fn leave_foreign(&self, cpu: &Self::Cpu, to: &Self::Context) -> Self::Leave;

    /// Runs the guest of `to`, whose monitor answered with the kernel call under way. The vector unit is
    /// as for [`leave`](Hal::leave).
    fn resume_guest(&self, cpu: &Self::Cpu, to: &Self::Context) -> Self::Leave;

    /// Whether [`switch_vectors`](Hal::switch_vectors) works on this machine.
    fn switches_vectors(&self) -> bool;

    /// Before a fast path leaves to `to`: saves the vector state of the process that ran, if it has one, and
    /// puts the vector unit into the state in which `to` runs.
    fn switch_vectors(&self, cpu: &Self::Cpu, to: &Self::Context);

    /// The same from `me`, which has a vector state, to somebody without.
    fn put_vectors_aside(&self, cpu: &Self::Cpu, me: &Self::Context);

    /// The same from somebody without a vector state to `to`, which has one.
    fn take_vectors_up(&self, cpu: &Self::Cpu, to: &Self::Context);

    /// Gives a fast path up before it changed anything: the kernel call `operation` of `me` with
    /// these arguments is handled by the general path.
    #[expect(clippy::too_many_arguments, reason = "these are the registers of a kernel call")]
    fn retreat(
        &self,
        cpu: &Self::Cpu,
        me: &Self::Context,
        operation: u64,
        descriptor: u64,
        info: u64,
        word4: u64,
        word5: u64,
    ) -> Self::Leave;

    /// The same for a foreign system call of `me`, whose registers stand in its context.
    fn retreat_foreign(&self, cpu: &Self::Cpu, me: &Self::Context) -> Self::Leave;
}
