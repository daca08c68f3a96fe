//! What belongs to one CPU: its stacks, its descriptor tables, and the few words that the
//! entry code reads and writes.
//!
//! All of it lies in one aligned [`Area`], so that
//! - a system call finds it relative to its own entry stub (each CPU has one),
//! - interrupts find it from the stack that the CPU switched to,
//! - Rust finds it by masking the stack pointer ([`Cpu::here`]).
//!
//! No register and no segment is reserved for it, and there is no `swapgs` anywhere.

use core::cell::UnsafeCell;
use core::mem::{offset_of, size_of};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use a9n_hal::CpuNumber;
use a9n_handshake::Requests;
use x86_64::VirtAddr;

use crate::context::Context;
use crate::segments::Segments;
use crate::virt::Tags;

/// CPUs that there is room for.
pub const MAX_CPUS: usize = 16;

const PAGE: usize = 4096;
const KERNEL_STACK_PAGES: usize = 4;

/// Words of one CPU. Only that CPU writes them, except its [`Requests`]; others look at `root`, with
/// the kernel lock held. Atomics without ordering are plain loads and stores that need no `unsafe`.
#[repr(C, align(64))]
pub struct Cpu {
    /// Who runs here in user mode, or null while idle.
    pub(crate) current: AtomicPtr<Context>,
    /// What was last written to CR3: root of the page tables, and tag.
    pub(crate) root: AtomicU64,
    /// The user's rdx, from the entry stub to the general path.
    pub(crate) user_rdx: AtomicU64,
    /// When the timer interrupt is wanted, in ticks; `u64::MAX` for never.
    pub(crate) deadline: AtomicU64,
    /// Address of the vector state that its vector unit holds; 0 while that is clean and off.
    pub(crate) vector_state: AtomicU64,
    /// Address of the virtual CPU that it entered last, 0 if it has to forget something before it enters one.
    pub(crate) guest: AtomicU64,
    /// Those of guests.
    pub(crate) tags: Tags,
    /// Address of the virtual CPU whose VMCS it holds, 0 for none.
    pub(crate) vmcs: AtomicU64,
    /// Physical address of the page that virtualisation wants for each CPU.
    pub(crate) own_page: AtomicU64,
    /// Identifier of its local APIC.
    pub(crate) local_apic: AtomicU32,
    /// What it is asked to do, and asks.
    pub(crate) requests: Requests,
    pub(crate) segments: Segments,
}

/// Stacks used where the interrupted one cannot be trusted, one for each fatal exception, by
/// their numbers in the interrupt stack table.
#[derive(Clone, Copy)]
#[repr(usize)]
pub enum FatalStack {
    /// For a fault that could not be handled.
    DoubleFault = 1,
    /// For interrupts that come whenever they like.
    NonMaskable = 2,
    /// For errors of the hardware.
    MachineCheck = 3,
}

impl FatalStack {
    /// The interrupt stack table of a task state, made of `top` of each stack.
    pub(crate) fn tops(top: impl Fn(Self) -> VirtAddr) -> [VirtAddr; 7] {
        let unused = VirtAddr::zero();
        let [first, second, third] =
            [Self::DoubleFault, Self::NonMaskable, Self::MachineCheck].map(top);
        [first, second, third, unused, unused, unused, unused]
    }
}

/// One CPU's memory. The kernel stack grows down from `cpu` towards the guard page, which
/// [`kernel_space`](crate::kernel_space) leaves unmapped.
#[repr(C, align(32768))]
pub struct Area {
    guard: UnsafeCell<[u8; PAGE]>,
    stack: UnsafeCell<[u8; KERNEL_STACK_PAGES * PAGE - size_of::<Cpu>()]>,
    pub(crate) cpu: Cpu,
    fatal: UnsafeCell<[[u8; PAGE]; 3]>,
}

// SAFETY: `cpu` is made of atomics, or has its own argument (`Segments`); guard and stacks are
// never reached through a reference, only by the CPU's stack pointer.
unsafe impl Sync for Area {}

/// Bytes from one CPU's area to the next; also its alignment.
pub(crate) const AREA_BYTES: usize = size_of::<Area>();
/// Where in the area the [`Cpu`] lies, which is the top of its kernel stack.
pub(crate) const CPU_OFFSET: usize = offset_of!(Area, cpu);

const _: () = assert!(AREA_BYTES == 8 * PAGE && CPU_OFFSET.is_multiple_of(64));

/// All CPUs' memory, in order of their numbers. All zero at first, so that it takes no room in the
/// image's file.
pub static CPUS: [Area; MAX_CPUS] = [const { Area::new() }; MAX_CPUS];

/// How many CPUs run, beside the one that booted: the first elements of [`CPUS`].
pub(crate) static OTHERS: AtomicUsize = AtomicUsize::new(0);

/// The CPUs that run, in order of number.
pub(crate) fn running() -> impl Iterator<Item = &'static Cpu> {
    let others = OTHERS.load(Relaxed);
    CPUS.iter().take(1 + others).map(|area| &area.cpu)
}

/// Whether more than one CPU runs.
#[inline(always)]
pub(crate) fn are_several() -> bool {
    OTHERS.load(Relaxed) != 0
}

/// Says that the next CPU runs.
pub(crate) fn add_running() {
    OTHERS.store(OTHERS.load(Relaxed) + 1, Relaxed);
}

impl Area {
    const fn new() -> Self {
        Self {
            guard: UnsafeCell::new([0; _]),
            stack: UnsafeCell::new([0; _]),
            cpu: Cpu {
                current: AtomicPtr::new(null_mut()),
                root: AtomicU64::new(0),
                user_rdx: AtomicU64::new(0),
                deadline: AtomicU64::new(0),
                vector_state: AtomicU64::new(0),
                guest: AtomicU64::new(0),
                tags: Tags::new(),
                vmcs: AtomicU64::new(0),
                own_page: AtomicU64::new(0),
                local_apic: AtomicU32::new(0),
                requests: Requests::new(),
                segments: Segments::new(),
            },
            fatal: UnsafeCell::new([[0; _]; 3]),
        }
    }

    /// Address of the page that stays unmapped.
    pub(crate) fn guard(&self) -> u64 {
        self.guard.get() as u64
    }

    /// Top of the kernel stack.
    pub(crate) fn stack_top(&self) -> u64 {
        &raw const self.cpu as u64
    }

    /// Top of the stack for a fatal exception.
    pub(crate) fn fatal_stack_top(&self, stack: FatalStack) -> u64 {
        self.fatal.get() as u64 + (stack as usize * PAGE) as u64
    }
}

impl Cpu {
    /// The CPU that boots.
    #[inline(always)]
    pub fn boot() -> &'static Self {
        let [area, ..] = &CPUS;
        &area.cpu
    }

    /// Its number, from 0 without gaps: its place in [`CPUS`].
    #[inline(always)]
    pub fn number(&self) -> CpuNumber {
        let area = &raw const *self as usize - CPU_OFFSET;
        ((area - &raw const CPUS as usize) / AREA_BYTES) as CpuNumber
    }

    /// The CPU that executes this. Costs nothing where the result is not used.
    #[inline(always)]
    pub fn here() -> &'static Self {
        let area: usize;
        // SAFETY: reads the stack pointer and nothing else. Within one function it always lies
        // in the same area, so the result is a pure function of nothing.
        unsafe {
            core::arch::asm!(
                "mov {area}, rsp",
                "and {area}, {mask}",
                area = out(reg) area,
                mask = const -(AREA_BYTES as isize),
                options(pure, nomem, nostack),
            );
        }
        // SAFETY: kernel code only ever runs on a stack inside an element of `CPUS` (`entry`
        // sets it before the first Rust function), so `area` is that element's address.
        unsafe { &*((area + CPU_OFFSET) as *const Self) }
    }
}
